"""DigitalOcean's own clients, unchanged, against a running server: what they send and can read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.policies import AzureKeyCredentialPolicy
from fastapi import FastAPI
from gradient import AsyncGradient, IndexingJobError, NotFoundError
from pydo import Client

from tests.kb.api.client import Api

FOX = "The quick brown fox jumps over the lazy dog.\n"
OWL = "An owl sleeps through the day.\n"
UNDER_WAY = ("BATCH_JOB_PHASE_PENDING", "BATCH_JOB_PHASE_RUNNING")


class Server(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@pytest.fixture(scope="session")
async def origin(app: FastAPI) -> AsyncIterator[str]:
    """A running server's address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.fixture
async def gradient(api: Api, origin: str) -> AsyncIterator[AsyncGradient]:
    async with AsyncGradient(
        access_token=api.secret, base_url=origin, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
def pydo(api: Api, origin: str) -> Any:
    """With the one policy that lets it speak to a server without TLS."""
    policy = AzureKeyCredentialPolicy[Any, Any](
        AzureKeyCredential(api.secret), "Authorization", prefix="Bearer"
    )
    return Client(api.secret, endpoint=origin, authentication_policy=policy)


async def worked(api: Api) -> None:
    for _ in range(2):
        await api.index()


async def test_gradient_goes_from_a_file_to_an_answer(
    api: Api, gradient: AsyncGradient, origin: str
) -> None:
    bases, sources = gradient.knowledge_bases, gradient.knowledge_bases.data_sources
    models = await gradient.models.list(usecases=["MODEL_USECASE_KNOWLEDGEBASE"])
    assert models.models
    model = models.models[0].uuid
    assert model
    made = await bases.create(name="handbook", embedding_model_uuid=model, tags=["a"])
    assert made.knowledge_base
    base = made.knowledge_base.uuid
    assert base
    assert (await bases.wait_for_database(base)).database_status == "ONLINE"

    presigned = await sources.create_presigned_urls(
        files=[{"file_name": "fox.txt", "file_size": str(len(FOX))}]
    )
    assert presigned.uploads
    upload = presigned.uploads[0]
    assert upload.presigned_url
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.put(upload.presigned_url, content=FOX)).status_code == 200
    added = await sources.create(
        base,
        extra_body={
            "file_upload_data_source": {
                "original_file_name": upload.original_file_name,
                "size_in_bytes": str(len(FOX)),
                "stored_object_key": upload.object_key,
            }
        },
    )
    source = added.knowledge_base_data_source
    assert source
    assert source.uuid
    assert source.file_upload_data_source
    assert source.file_upload_data_source.size_in_bytes == str(len(FOX))

    started = await bases.indexing_jobs.create(
        knowledge_base_uuid=base, data_source_uuids=[source.uuid]
    )
    assert started.job
    assert started.job.uuid
    done, _ = await asyncio.gather(
        bases.indexing_jobs.wait_for_completion(started.job.uuid, poll_interval=0.05, timeout=60),
        worked(api),
    )
    assert done.job
    assert done.job.phase == "BATCH_JOB_PHASE_SUCCEEDED"
    async with AsyncGradient(access_token=api.secret, base_url=f"{origin}/v1") as doors:
        for client in (gradient, doors):
            found = await client.retrieve.documents(base, query="fox", num_results=3, alpha=0.5)
            assert [one.text_content for one in found.results] == [FOX.strip()]
            assert found.results[0].metadata["item_name"] == "fox.txt"

    listed = await sources.list(base)
    assert listed.knowledge_base_data_sources
    last = listed.knowledge_base_data_sources[0].last_datasource_indexing_job
    assert last
    assert last.status == "DATA_SOURCE_STATUS_NOT_UPDATED"
    changed = await sources.update(
        path_data_source_uuid=source.uuid,
        path_knowledge_base_uuid=base,
        chunking_algorithm="CHUNKING_ALGORITHM_HIERARCHICAL",
        chunking_options={"parent_chunk_size": 600, "child_chunk_size": 128},
    )
    assert changed.knowledge_base_data_source
    await worked(api)
    kept = (await sources.list(base)).knowledge_base_data_sources
    assert kept
    assert kept[0].chunking_algorithm == "CHUNKING_ALGORITHM_HIERARCHICAL"
    assert kept[0].chunking_options
    assert kept[0].chunking_options.child_chunk_size == 128
    gone = await sources.delete(source.uuid, knowledge_base_uuid=base)
    assert gone.data_source_uuid == source.uuid
    await worked(api)
    assert (await sources.list(base)).knowledge_base_data_sources == []
    assert (await bases.delete(base)).uuid == base
    with pytest.raises(NotFoundError, match="no such thing here"):
        await bases.retrieve(base)


async def test_gradient_watches_cancels_and_schedules_jobs(
    api: Api, gradient: AsyncGradient, shelf: Path
) -> None:
    (shelf / "owl.txt").write_text(OWL)
    folder: Any = {"folder_data_source": {"path": str(shelf)}}
    made = await gradient.knowledge_bases.create(name="nature", datasources=[folder])
    assert made.knowledge_base
    base = made.knowledge_base.uuid
    assert base
    jobs = gradient.knowledge_bases.indexing_jobs
    first = made.knowledge_base.last_indexing_job
    assert first
    assert first.uuid
    cancelled = await jobs.update_cancel(first.uuid, body_uuid=first.uuid)
    assert cancelled.job
    assert cancelled.job.phase == "BATCH_JOB_PHASE_CANCELLED"
    with pytest.raises(IndexingJobError):
        await jobs.wait_for_completion(first.uuid, poll_interval=0.05)
    second = (await jobs.create(knowledge_base_uuid=base)).job
    assert second
    assert second.uuid
    await worked(api)
    sources = (await jobs.retrieve_data_sources(second.uuid)).indexed_data_sources
    assert sources
    assert sources[0].indexed_item_count == "1"
    url = (await jobs.retrieve_signed_url(second.uuid)).signed_url
    assert url
    async with httpx.AsyncClient() as anybody:
        assert "owl.txt" in (await anybody.get(url)).text
    listed = await jobs.list(page=1, per_page=10)
    assert [one.uuid for one in listed.jobs or ()] == [second.uuid, first.uuid]
    own = await gradient.knowledge_bases.list_indexing_jobs(base)
    assert [one.uuid for one in own.jobs or ()] == [second.uuid, first.uuid]
    schedules = gradient.agents.evaluation_metrics.scheduled_indexing
    scheduled = (
        await schedules.create(knowledge_base_uuid=base, days=[1, 5], time="05:30")
    ).indexing_info
    assert scheduled
    assert scheduled.uuid
    assert scheduled.time == "05:30:00"
    shown = (await schedules.retrieve(base)).indexing_info
    assert shown
    assert shown.next_run_at == scheduled.next_run_at
    ended = (await schedules.delete(scheduled.uuid)).indexing_info
    assert ended
    assert ended.is_active is False


async def test_pydo_does_all_of_it_too(api: Api, pydo: Any, shelf: Path, origin: str) -> None:
    (shelf / "owl.txt").write_text(OWL)

    async def call(operation: str, *arguments: object, **named: object) -> dict[str, Any]:
        return await asyncio.to_thread(getattr(pydo.genai, operation), *arguments, **named)

    async def send(operation: str, *arguments: object, **body: object) -> dict[str, Any]:
        return await call(operation, *arguments, body=body)

    folder = {"folder_data_source": {"path": str(shelf)}}
    made = await send("create_knowledge_base", name="handbook", datasources=[folder])
    base = made["knowledge_base"]["uuid"]
    uploads = await send(
        "create_data_source_file_upload_presigned_urls",
        files=[{"file_name": "fox.txt", "file_size": len(FOX)}],
    )
    upload = uploads["uploads"][0]
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.put(upload["presigned_url"], content=FOX)).status_code == 200
    described = {"stored_object_key": upload["object_key"], "original_file_name": "fox.txt"}
    added = await send("create_knowledge_base_data_source", base, file_upload_data_source=described)
    source = added["knowledge_base_data_source"]["uuid"]
    job = (await send("create_indexing_job", knowledge_base_uuid=base))["job"]["uuid"]
    async with asyncio.timeout(60):  # it waits for the two jobs that the sources have made
        while (phase := (await call("get_indexing_job", job))["job"]["phase"]) in UNDER_WAY:
            await api.index()
    assert phase == "BATCH_JOB_PHASE_SUCCEEDED"
    assert len((await call("list_indexing_jobs_by_knowledge_base", base))["jobs"]) == 3
    assert (await call("list_indexing_jobs", per_page=1))["meta"]["total"] == 3
    assert len((await call("list_indexing_job_data_sources", job))["indexed_data_sources"]) == 2
    report = await call("get_indexing_job_details_signed_url", job)
    assert report["signed_url"].startswith(origin)
    cancelled = await send("cancel_indexing_job", job, uuid=job)
    assert cancelled["job"]["phase"] == "BATCH_JOB_PHASE_SUCCEEDED"  # it was over
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {api.secret}"}) as http:
        query = {"query": "owl", "num_results": 1}
        found = (await http.post(f"{origin}/v1/{base}/retrieve", json=query)).json()
    assert found["results"][0]["text_content"] == OWL.strip()

    update = {"chunking_algorithm": "CHUNKING_ALGORITHM_FIXED_LENGTH"}
    changed = await send("update_knowledge_base_data_source", base, source, **update)
    assert changed["knowledge_base_data_source"]["uuid"] == source
    await worked(api)
    listed = await call("list_knowledge_base_data_sources", base)
    assert len(listed["knowledge_base_data_sources"]) == 2
    when = {"knowledge_base_uuid": base, "days": [2], "time": "23:00"}
    scheduled = (await send("create_scheduled_indexing", **when))["indexing_info"]
    assert (await call("get_scheduled_indexing", base))["indexing_info"] == scheduled
    await call("delete_scheduled_indexing", scheduled["uuid"])
    assert (await call("get_scheduled_indexing", base))["id"] == "not_found"  # it does not raise
    assert (await call("list_datacenter_regions"))["regions"][0]["region"]
    usecases = ["MODEL_USECASE_KNOWLEDGEBASE", "MODEL_USECASE_AGENT"]
    (model,) = (await call("list_models", usecases=usecases))["models"]
    assert (model["type"], model["provider"]) == ("embedding", "MODEL_PROVIDER_DIGITALOCEAN")
    gone = await call("delete_knowledge_base_data_source", base, source)
    assert gone == {"data_source_uuid": source, "knowledge_base_uuid": base}
    assert await call("delete_knowledge_base", base) == {"uuid": base}
    await worked(api)

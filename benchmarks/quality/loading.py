"""A corpus into the service: uploaded once, and in one index version for each store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
from rich.progress import Progress

from benchmarks.client import POLL_SECONDS, Client, side_by_side, wait_until_indexed
from benchmarks.quality.data_set import Corpus, File
from benchmarks.service import ServiceFailed
from benchmarks.terminal import err
from retrieval.index import StoreName

UPLOADS_AT_ONCE = 8


async def require_base(
    client: Client, corpus: Corpus, stores: Sequence[StoreName], progress: Progress
) -> str:
    """The id of a knowledge base that holds the corpus, filled where it does not yet."""
    base_id = await client.require_knowledge_base(
        corpus.name, {**corpus.options, "store": stores[0]}
    )
    await _upload(client, base_id, corpus, progress)
    await wait_until_indexed(client, base_id, progress)
    for document in await client.documents(base_id):
        if document["status"] == "failed":
            err.print(f"[red]Failed:[/] {document['item_name']}: {document['error_details']}")
    return base_id


async def require_index(client: Client, base_id: str, store: StoreName, progress: Progress) -> str:
    """The id of the index version that is in this store, built where there is none.

    Its vectors are those of the other one. Raises `ServiceFailed`.
    """
    kept = [one for one in await client.index_versions(base_id) if one["store"] == store]
    try:
        version = kept[-1] if kept else await client.build_index_version(base_id, store=store)
    except httpx.HTTPStatusError as exc:
        raise ServiceFailed(f"The service keeps nothing in {store}: {exc.response.text}") from exc
    bar = progress.add_task(f"Copying to {store}", total=version["documents"])
    while version["documents_pending"]:
        await asyncio.sleep(POLL_SECONDS)
        version = await client.index_version(base_id, version["uuid"])
        progress.update(bar, completed=version["documents"] - version["documents_pending"])
    progress.remove_task(bar)
    if version["documents_behind"]:
        raise ServiceFailed(f"{version['documents_behind']} documents did not get into {store}.")
    return version["uuid"]


async def _upload(client: Client, base_id: str, corpus: Corpus, progress: Progress) -> None:
    """Send what is not there yet, or failed; so that an interrupted run goes on where it was."""
    there = {
        document["item_name"]
        for document in await client.documents(base_id)
        if document["status"] != "failed"
    }
    missing = [file for file in corpus.files if file.name not in there]
    bar = progress.add_task(f"Uploading {corpus.name}", total=len(missing))

    async def send(file: File) -> None:
        try:
            await client.upload(base_id, file.name, file.read())
        except httpx.HTTPStatusError as exc:
            err.print(f"[red]Refused:[/] {file.name} {exc.response.text}")
        progress.advance(bar)

    await side_by_side(send, missing, workers=UPLOADS_AT_ONCE)
    progress.remove_task(bar)

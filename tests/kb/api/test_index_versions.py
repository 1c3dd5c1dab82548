"""Index versions over HTTP: built in the shadow, compared, promoted, gone back from, discarded."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from retrieval.embedding.models import MODELS
from tests.kb.api.client import BASE, Api

LONG = "The fox runs. " * 200
FIXED = {
    "chunking_algorithm": "CHUNKING_ALGORITHM_FIXED_LENGTH",
    "chunking_options": {"max_chunk_size": 100},
}


@pytest.fixture
async def base(api: Api) -> UUID:
    return await api.filled({"fox.txt": LONG})


def at(base: UUID, rest: object = "") -> str:
    return f"{BASE}/{base}/index_versions" + (f"/{rest}" if rest else "")


async def build(api: Api, base: UUID, **fields: object) -> dict[str, Any]:
    return (await api.ok("POST", at(base), json=fields))["index_version"]


async def get(api: Api, base: UUID, one: dict[str, Any]) -> dict[str, Any]:
    return (await api.ok("GET", at(base, one["uuid"])))["index_version"]


async def answers(api: Api, base: UUID, **fields: object) -> tuple[int, int]:
    """How many passages there are, and which index version gave them."""
    found = await api.retrieve(base, "fox", num_results=100, **fields)
    return len(found["results"]), found["index_version"]


async def test_a_shadow_is_compared_promoted_gone_back_from_and_discarded(
    api: Api, base: UUID
) -> None:
    (live,) = (await api.ok("GET", at(base)))["index_versions"]
    assert (live["number"], live["is_live"], live["is_ready"]) == (1, True, True)
    before = await answers(api, base)
    shadow = await build(api, base, **FIXED, embedding_model_uuid=str(MODELS[0].uuid))
    assert (shadow["number"], shadow["is_live"], shadow["is_ready"]) == (2, False, False)
    assert (shadow["documents_pending"], shadow["documents_behind"]) == (1, 1)
    assert shadow["chunking_options"]["max_chunk_size"] == 100
    says = await api.refused(409, "POST", at(base, f"{shadow['uuid']}/promote"))
    assert "force" in says
    await api.index()
    ready = await get(api, base, shadow)
    assert (ready["is_ready"], ready["documents_indexed"], ready["documents_pending"]) == (
        True,
        1,
        0,
    )
    assert await answers(api, base) == before  # nobody has promoted it
    compared = await answers(api, base, index_version_uuid=shadow["uuid"])
    assert compared[0] > before[0]
    assert compared[1] == 2
    promoted = await api.ok("POST", at(base, f"{shadow['uuid']}/promote"), json={"force": False})
    assert promoted["index_version"]["is_live"] is True
    assert await answers(api, base) == compared
    assert await api.refused(409, "DELETE", at(base, shadow["uuid"]))
    back = (await api.ok("POST", at(base, "rollback")))["index_version"]
    assert back["uuid"] == live["uuid"]
    assert await answers(api, base) == before
    assert "was live before" in await api.refused(409, "POST", at(base, "rollback"))
    gone = await api.ok("DELETE", at(base, shadow["uuid"]))
    assert gone == {"uuid": shadow["uuid"], "knowledge_base_uuid": str(base)}
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/promote")):
        assert await api.refused(404, method, at(base, f"{shadow['uuid']}{rest}"))
    query = {"query": "fox", "index_version_uuid": shadow["uuid"]}
    assert await api.refused(404, "POST", f"/v1/{base}/retrieve", json=query)


async def test_one_that_is_to_be_promoted_answers_as_soon_as_it_is_ready(
    api: Api, base: UUID
) -> None:
    before, _ = await answers(api, base)
    shadow = await build(api, base, **FIXED, promote_when_ready=True)
    assert (await answers(api, base))[1] == 1
    await api.index()
    after, number = await answers(api, base)
    assert (after > before, number) == (True, 2)
    assert (await get(api, base, shadow))["is_live"] is True


async def test_vectors_may_be_kept_otherwise(api: Api, base: UUID) -> None:
    (live,) = (await api.ok("GET", at(base)))["index_versions"]
    assert (live["vector_storage"], live["embedding_dimensions"]) == ("half", 384)
    before = await answers(api, base)
    for storage in ("float", "binary"):
        made = await build(api, base, vector_storage=storage, promote_when_ready=True)
        assert made["vector_storage"] == storage
        await api.index()
        assert (await get(api, base, made))["embedded_chunks"] == 0
        assert await answers(api, base) == (before[0], made["number"])


async def test_force_promotes_what_does_not_hold_everything(api: Api, base: UUID) -> None:
    shadow = await build(api, base, **FIXED)
    path = at(base, f"{shadow['uuid']}/promote")
    await api.ok("POST", path, json={"force": True})
    assert await answers(api, base) == (0, 2)
    await api.index()
    assert (await answers(api, base))[0] > 0


async def test_without_settings_of_its_own_it_is_the_live_one_again(api: Api, base: UUID) -> None:
    (live,) = (await api.ok("GET", at(base)))["index_versions"]
    requests: list[dict[str, Any]] = [
        {},
        {"json": {}},
        {"json": {"embedding_model_uuid": "", "chunking_algorithm": "", "chunking_options": None}},
    ]
    for request in requests:
        made = (await api.ok("POST", at(base), **request))["index_version"]
        same = ("chunking_algorithm", "chunking_options", "embedding_model_uuid", "parser")
        assert {key: made[key] for key in same} == {key: live[key] for key in same}
    await api.index()
    listed = await api.ok("GET", at(base), params={"per_page": 3})
    assert [one["number"] for one in listed["index_versions"]] == [1, 2, 3]
    assert listed["meta"] == {"page": 1, "pages": 2, "total": 4}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"embedding_model_uuid": str(uuid4())}, "no such embedding model"),
        ({"chunking_options": {"max_chunk_size": 99}}, "100 to 256"),
        ({"chunking_algorithm": "BY_PAGE"}, "CHUNKING_ALGORITHM_SEMANTIC"),
        ({"promote_when_ready": "perhaps"}, "promote_when_ready"),
        ({"embedding_dimensions": 128}, "all-mini-lm-l6-v2 has 384, not 128"),
        ({"vector_storage": "ternary"}, "vector_storage"),
        ({"store": "weaviate"}, "KB_WEAVIATE_URL"),
    ],
)
async def test_what_cannot_be_built_is_refused_and_leaves_nothing(
    api: Api, base: UUID, fields: dict[str, Any], says: str
) -> None:
    assert says in await api.refused(400, "POST", at(base), json=fields)
    assert (await api.ok("GET", at(base)))["meta"]["total"] == 1
    assert await api.refused(404, "POST", at(uuid4()), json={})
    assert await api.refused(404, "GET", at(uuid4()))
    assert await api.refused(404, "POST", at(uuid4(), "rollback"))

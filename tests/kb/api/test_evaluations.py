"""Evaluation over HTTP: datasets kept, run by a worker, looked at and compared."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from kb.api.evaluations import RunRequest
from kb.api.retrieve import RetrieveRequest
from tests.kb.api.client import BASE, Api
from tests.kb.wood import ANIMALS, FILES, questions


@pytest.fixture
async def base(api: Api) -> UUID:
    return await api.filled(FILES, name="wood")


def datasets(base: UUID, rest: object = "") -> str:
    return f"{BASE}/{base}/evaluation_datasets" + (f"/{rest}" if rest else "")


def runs(base: UUID, rest: object = "") -> str:
    return f"{BASE}/{base}/evaluation_runs" + (f"/{rest}" if rest else "")


async def keep(api: Api, base: UUID, **fields: object) -> dict[str, Any]:
    body = {"name": "animals", "questions": questions(), **fields}
    return (await api.ok("POST", datasets(base), json=body))["evaluation_dataset"]


async def run(api: Api, base: UUID, dataset: dict[str, Any], **options: object) -> dict[str, Any]:
    """To its end."""
    body = {"evaluation_dataset_uuid": dataset["uuid"], **options}
    begun = (await api.ok("POST", runs(base), json=body))["evaluation_run"]
    assert begun["status"] == "pending"
    await api.index()
    return (await api.ok("GET", runs(base, begun["uuid"])))["evaluation_run"]


async def test_a_dataset_is_kept_shown_replaced_and_deleted(api: Api, base: UUID) -> None:
    kept = await keep(api, base)
    assert (kept["name"], kept["questions"]) == ("animals", len(ANIMALS))
    listed = await api.ok("GET", datasets(base))
    assert listed["evaluation_datasets"] == [kept]
    assert listed["meta"]["total"] == 1
    full = (await api.ok("GET", datasets(base, kept["uuid"])))["evaluation_dataset"]
    fox = full["items"][0]
    assert fox["id"] == "fox"
    (gold,) = fox["gold"]
    assert gold["quote"] == f"It {ANIMALS['fox']}."
    assert FILES["fox.md"][gold["start"] : gold["end"]] == gold["quote"]
    assert await api.refused(
        409, "POST", datasets(base), json={"name": "animals", "questions": questions()}
    )
    fewer = await keep(api, base, questions=questions()[:2], replace=True)
    assert (fewer["uuid"], fewer["questions"]) == (kept["uuid"], 2)
    gone = await api.ok("DELETE", datasets(base, kept["uuid"]))
    assert gone == {"uuid": kept["uuid"], "knowledge_base_uuid": str(base)}
    for method in ("GET", "DELETE"):
        assert await api.refused(404, method, datasets(base, kept["uuid"]))


async def test_a_run_is_queued_done_and_looked_at_question_by_question(
    api: Api, base: UUID
) -> None:
    kept = await keep(api, base)
    done = await run(api, base, kept, num_results=3, alpha=0.25)
    assert (done["status"], done["asked"], done["index_version"]) == ("done", len(ANIMALS), 1)
    assert (done["options"]["alpha"], done["options"]["num_results"]) == (0.25, 3)
    assert not {"text", "cursor", "explain"} & done["options"].keys()
    star = done["metrics"]["ndcg@3"]
    assert star.keys() == {"mean", "low", "high", "questions"}
    assert 0 <= star["low"] <= star["mean"] <= star["high"] <= 1
    page = await api.ok("GET", runs(base, f"{done['uuid']}/questions"), params={"per_page": 3})
    assert page["meta"] == {"page": 1, "pages": 3, "total": len(ANIMALS)}
    assert [one["id"] for one in page["questions"]] == list(ANIMALS)[:3]
    assert len(page["questions"][0]["passages"]) == 3
    listed = await api.ok("GET", runs(base), params={"evaluation_dataset_uuid": kept["uuid"]})
    assert listed["evaluation_runs"] == [done]
    none = await api.ok("GET", runs(base), params={"evaluation_dataset_uuid": str(uuid4())})
    assert none["meta"]["total"] == 0


async def test_two_runs_are_compared(api: Api, base: UUID) -> None:
    kept = await keep(api, base)
    filters = {"equals": {"key": "item_name", "value": "fox.md"}}
    a, b = await run(api, base, kept), await run(api, base, kept, filters=filters)
    both = {"a": a["uuid"], "b": b["uuid"]}
    found = await api.ok("GET", runs(base, "compare"), params=both)
    assert found["star"] == "ndcg@10"
    change = next(one for one in found["changes"] if one["metric"] == "ndcg@10")
    assert change["difference"] < 0
    assert not change["is_noise"]
    assert {one["id"] for one in found["worse"]} == ANIMALS.keys() - {"fox"}
    by_recall = await api.ok("GET", runs(base, "compare"), params={**both, "star": "recall@5"})
    assert by_recall["star"] == "recall@5"
    says = await api.refused(400, "GET", runs(base, "compare"), params={**both, "star": "bleu"})
    assert "no such metric" in says


async def test_a_run_that_fails_says_why(api: Api, base: UUID) -> None:
    kept = await keep(api, base)
    failed = await run(api, base, kept, reranking={"enabled": True})
    assert failed["status"] == "failed"
    assert "no reranker is configured" in failed["error"]
    both = {"a": failed["uuid"], "b": failed["uuid"]}
    assert "has no results" in await api.refused(409, "GET", runs(base, "compare"), params=both)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": "a", "questions": []}, "questions"),
        ({"name": "a", "questions": [{"question": "Who?"}]}, "questions.0.gold"),
        ({"name": "a", "questions": [{"question": "a\0", "gold": [{"document": "x"}]}]}, "null"),
        ({"name": "", "questions": questions()}, "printable"),
        (
            {"name": "a", "questions": [{"question": "Who?", "gold": [{"document": "yeti.md"}]}]},
            "no indexed document 'yeti.md'",
        ),
    ],
)
async def test_what_cannot_be_kept_is_refused(
    api: Api, base: UUID, body: dict[str, Any], says: str
) -> None:
    assert says in await api.refused(400, "POST", datasets(base), json=body)
    assert (await api.ok("GET", datasets(base)))["meta"]["total"] == 0


async def test_what_cannot_be_run_is_refused(api: Api, base: UUID) -> None:
    kept = await keep(api, base)
    body = {"evaluation_dataset_uuid": kept["uuid"]}
    assert "alpha" in await api.refused(400, "POST", runs(base), json={**body, "alpha": 2})
    assert "query" in await api.refused(400, "POST", runs(base), json={**body, "query": "x"})
    assert await api.refused(
        404, "POST", runs(base), json={"evaluation_dataset_uuid": str(uuid4())}
    )
    assert await api.refused(
        404, "POST", runs(base), json={**body, "index_version_uuid": str(uuid4())}
    )
    assert await api.refused(404, "GET", runs(base, uuid4()))
    assert await api.refused(404, "GET", runs(uuid4()))


async def test_another_team_sees_none_of_it(api: Api, other: Api, base: UUID) -> None:
    kept = await keep(api, base)
    done = await run(api, base, kept)
    for path in (
        datasets(base),
        datasets(base, kept["uuid"]),
        runs(base),
        runs(base, done["uuid"]),
        runs(base, f"{done['uuid']}/questions"),
    ):
        assert await other.refused(404, "GET", path)
    assert await other.refused(404, "DELETE", datasets(base, kept["uuid"]))
    own = await other.filled(FILES, name="wood")
    assert await other.refused(404, "GET", runs(own, done["uuid"]))
    body = {"evaluation_dataset_uuid": kept["uuid"]}
    assert await other.refused(404, "POST", runs(own), json=body)


def test_a_run_takes_every_option_of_retrieve() -> None:
    of_one_question = {"query", "cursor", "explain"}
    options = RetrieveRequest.model_fields.keys() - of_one_question
    assert RunRequest.model_fields.keys() - {"evaluation_dataset_uuid"} == options


async def test_a_star_metric_is_set_and_shown(api: Api, base: UUID) -> None:
    path = f"{BASE}/{base}/star_metric"
    usual = {"star_metric": {"name": "ndcg@10", "success_threshold": None}}
    assert await api.ok("GET", path) == usual
    chosen = {"name": "char_recall", "success_threshold": 0.8}
    assert await api.ok("PUT", path, json=chosen) == {"star_metric": chosen}
    await api.refused(400, "PUT", path, json={"name": "bleu"})
    assert await api.ok("GET", path) == {"star_metric": chosen}
    assert await api.ok("PUT", path, json={"name": "tokens"}) == {
        "star_metric": {"name": "tokens", "success_threshold": None}
    }
    await api.refused(404, "GET", f"{BASE}/{uuid4()}/star_metric")

"""`/v1/rerank`, in the shape that Cohere's, Jina's and vLLM's clients share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from copy import copy
from typing import Any

import httpx
import pytest

from kb.service import Service
from tests.kb.api.client import client_of
from tests.kb.gateway.wire.scripts import ScriptedGateway
from tests.kb.gateway.wire.server import make_app

DOCUMENTS = ["It goes back.", "A parcel waits for 14 days.", "Nobody knows."]
ASKED: dict[str, Any] = {"query": "How long does a parcel wait?", "documents": DOCUMENTS}


class Overlap:
    """Scores by the words in common."""

    model = "overlap"

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        words = {word[:4] for word in query.lower().split()}
        found = [len(words & {word[:4] for word in one.lower().split()}) for one in passages]
        return [one / len(words) for one in found]


@pytest.fixture
async def reranking(service: Service, secret: str) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(service, ScriptedGateway())
    made = copy(service)
    made.reranker = Overlap()
    app.state.service = made
    async with client_of(app, secret) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
async def test_the_best_comes_first(reranking: httpx.AsyncClient, path: str) -> None:
    answer = (await reranking.post(path, json={**ASKED, "model": "overlap"})).json()
    assert answer["model"] == "overlap"
    results = answer["results"]
    assert results[0]["index"] == 1
    assert results[0]["document"] == {"text": DOCUMENTS[1]}
    scores = [one["relevance_score"] for one in results]
    assert scores == sorted(scores, reverse=True)
    assert sorted(one["index"] for one in results) == [0, 1, 2]


async def test_as_many_as_asked_for_and_without_their_texts(reranking: httpx.AsyncClient) -> None:
    objects = [{"text": one, "title": "?"} for one in DOCUMENTS]
    asked = {**ASKED, "documents": objects, "top_n": 1, "return_documents": False}
    (result,) = (await reranking.post("/v1/rerank", json=asked)).json()["results"]
    assert result.keys() == {"index", "relevance_score"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "other"}, "'other' is not 'overlap'"),
        ({"documents": []}, "documents"),
        ({"documents": [1]}, "documents.0"),
        ({"documents": ["x"] * 1001}, "1000"),
        ({"query": ""}, "query"),
        ({"top_n": 0}, "top_n"),
    ],
)
async def test_what_cannot_be_ranked_is_refused(
    reranking: httpx.AsyncClient, fields: dict[str, Any], said: str
) -> None:
    answer = await reranking.post("/v1/rerank", json={**ASKED, **fields})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


async def test_without_a_reranker_it_says_what_to_set(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/rerank", json=ASKED)
    assert answer.status_code == 400
    assert "KB_RERANK_MODEL" in answer.json()["error"]["message"]

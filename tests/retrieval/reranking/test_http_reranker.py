"""Rerankers over HTTP: a real server that speaks each wire shape, and each way of failing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from retrieval.reranking.http_reranker import Kind
from retrieval.reranking.opening import open_reranker
from retrieval.reranking.reranker import Reranker, RerankingFailed
from tests.retrieval.json_server import Answer, JsonServer, free_address, serving

QUESTION = "Which pump has no pressure?"
PASSAGES = [f"Pump {number}" for number in range(5)]


def score(passage: str) -> float:
    """What all these servers say of a passage."""
    return 1 / (1 + int(passage.rpartition(" ")[2]))


def best_first(texts: list[str]) -> list[int]:
    return sorted(range(len(texts)), key=lambda n: -score(texts[n]))


async def cohere(request: Request, body: dict[str, Any]) -> Response:
    """Cohere v2, Jina, vLLM, Infinity: best first, as many as `top_n`."""
    if "documents" not in body:
        return JSONResponse({"message": "documents: field required"}, 422)
    texts: list[str] = body["documents"]
    found = [
        {"index": n, "relevance_score": score(texts[n]), "document": {"text": texts[n]}}
        for n in best_first(texts)
    ]
    return JSONResponse({"id": "1", "model": body["model"], "results": found[: body["top_n"]]})


async def tei(request: Request, body: dict[str, Any]) -> Response:
    """Text Embeddings Inference: a bare list, and no more than 32 texts."""
    if "texts" not in body:
        return Response("Failed to deserialize the JSON body: missing field `texts`", 422)
    if len(body["texts"]) > 32:
        return JSONResponse({"error": "batch size", "error_type": "Validation"}, 422)
    texts: list[str] = body["texts"]
    return JSONResponse([{"index": n, "score": score(texts[n])} for n in best_first(texts)])


@pytest.fixture
async def server() -> AsyncIterator[JsonServer]:
    async with serving(cohere) as server:
        yield server


async def rerank(
    server: JsonServer,
    passages: list[str] = PASSAGES,
    *,
    kind: Kind = "cohere",
    path: str = "",
    seconds: float = 30,
) -> list[float]:
    async with opened(server.url + path, kind=kind, seconds=seconds) as reranker:
        return await reranker.rerank(QUESTION, passages)


def opened(
    url: str, *, kind: Kind = "cohere", api_key: str | None = None, seconds: float = 30
) -> AbstractAsyncContextManager[Reranker]:
    return open_reranker(
        "BAAI/bge-reranker-v2-m3",
        url=url,
        kind=kind,
        api_key=api_key,
        cache_dir=Path("unused"),
        threads=1,
        seconds=seconds,
    )


def approx(passages: list[str]) -> object:
    return pytest.approx([score(passage) for passage in passages])


# What is asked and answered


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v2", "/v1/rerank"])
async def test_coheres_shape_is_spoken_on_every_path_that_servers_have_it(
    server: JsonServer, path: str
) -> None:
    assert await rerank(server, path=path) == approx(PASSAGES)
    assert server.paths == [path.rstrip("/").removesuffix("/rerank") + "/rerank"]
    assert server.bodies == [
        {
            "model": "BAAI/bge-reranker-v2-m3",
            "query": QUESTION,
            "documents": PASSAGES,
            "top_n": len(PASSAGES),
        }
    ]


async def test_teis_shape_asks_for_probabilities_and_has_long_texts_cut(server: JsonServer) -> None:
    server.answer = tei
    assert await rerank(server, kind="tei") == approx(PASSAGES)
    assert server.bodies == [
        {"query": QUESTION, "texts": PASSAGES, "raw_scores": False, "truncate": True}
    ]


@pytest.mark.parametrize("answer", [cohere, tei])
async def test_the_shape_is_found_out_once(server: JsonServer, answer: Answer) -> None:
    server.answer = answer
    async with opened(server.url, kind="auto") as reranker:
        assert await reranker.rerank(QUESTION, PASSAGES) == approx(PASSAGES)
        asked = len(server.bodies)
        assert await reranker.rerank(QUESTION, PASSAGES) == approx(PASSAGES)
    assert len(server.bodies) == asked + 1


async def test_a_server_that_is_down_at_first_is_found_out_later(server: JsonServer) -> None:
    server.says(Response("no", 500))
    async with opened(server.url, kind="auto") as reranker:
        with pytest.raises(RerankingFailed, match="500"):
            await reranker.rerank(QUESTION, PASSAGES)
        server.answer = tei
        assert await reranker.rerank(QUESTION, PASSAGES) == approx(PASSAGES)


async def test_a_server_that_speaks_neither_shape_says_why(server: JsonServer) -> None:
    server.says(JSONResponse({"error": "model is an embedding model"}, 400))
    with pytest.raises(RerankingFailed, match=r"answers 400.*is an embedding model"):
        await rerank(server, kind="auto")
    assert ["documents" in body for body in server.bodies] == [True, False]


@pytest.mark.parametrize(("kind", "answer", "most"), [("cohere", cohere, 100), ("tei", tei, 32)])
async def test_many_passages_are_sent_in_batches_and_stay_in_order(
    server: JsonServer, kind: Kind, answer: Answer, most: int
) -> None:
    server.answer = answer
    many = [f"Pump {number * 7 % 201}" for number in range(201)]
    assert await rerank(server, many, kind=kind) == approx(many)
    sizes = [len(body.get("documents") or body["texts"]) for body in server.bodies]
    assert sum(sizes) == 201
    assert max(sizes) == most


async def test_no_passages_are_asked_for_nothing(server: JsonServer) -> None:
    assert await rerank(server, []) == []
    assert server.bodies == []


async def test_the_key_is_sent_where_there_is_one(server: JsonServer) -> None:
    async with opened(server.url, api_key="secret") as reranker:
        await reranker.rerank(QUESTION, PASSAGES)
    await rerank(server)
    assert server.headers[0]["authorization"] == "Bearer secret"
    assert "authorization" not in server.headers[1]


async def test_its_name_in_answers_is_short(server: JsonServer) -> None:
    async with opened(server.url) as reranker:
        assert reranker.model == "bge-reranker-v2-m3"


def results(*scores: Any, start: int = 0) -> Response:
    """An answer of Cohere's shape; also of scores that JSON does not allow."""
    found = [{"index": start + n, "relevance_score": said} for n, said in enumerate(scores)]
    return Response(json.dumps({"results": found}), media_type="application/json")


async def test_logits_become_probabilities_in_the_same_order(server: JsonServer) -> None:
    server.says(results(7.74, -2.33, 0.5, -11.0, -1000))
    scores = await rerank(server)
    assert scores == pytest.approx([0.99957, 0.08867, 0.62246, 0.00002, 0], abs=1e-5)


async def test_scores_of_a_whole_answer_are_of_one_kind(server: JsonServer) -> None:
    async def answer(request: Request, body: dict[str, Any]) -> Response:
        return results(*(3.0 if text == "Pump 0" else 0.5 for text in body["documents"]))

    server.answer = answer
    scores = await rerank(server, ["Pump 1"] * 150 + ["Pump 0"])
    # The first batch shows no sign of logits, the second does.
    assert scores == pytest.approx([0.62246] * 150 + [0.95257], abs=1e-5)


# What may go wrong


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_is_asked_once_more(server: JsonServer, status: int) -> None:
    server.says(Response("busy", status), results(*map(score, PASSAGES)))
    assert await rerank(server) == approx(PASSAGES)
    assert len(server.bodies) == 2
    server.says(Response("busy", status))
    with pytest.raises(RerankingFailed, match=f"answers {status}.*busy"):
        await rerank(server)
    assert len(server.bodies) == 4


async def test_a_server_that_asks_for_time_gets_it_within_bounds(server: JsonServer) -> None:
    for asked, least in (("1", 1.0), ("3600", 2.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 2.0)):
        server.says(Response("busy", 429, {"Retry-After": asked}), results(*map(score, PASSAGES)))
        began = monotonic()
        assert await rerank(server) == approx(PASSAGES)
        assert least <= monotonic() - began < 60


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (301, "see what it says"),
        (400, "see what it says"),
        (401, "check KB_RERANK_API_KEY"),
        (403, "check KB_RERANK_API_KEY"),
        (404, "check KB_RERANK_URL and KB_RERANK_MODEL"),
        (413, "see what it says"),
        (500, "see what it says"),
    ],
)
async def test_what_will_not_pass_is_not_tried_again(
    server: JsonServer, status: int, advice: str
) -> None:
    server.says(Response("no\n such  model" + "x" * 5000, status, {"Location": "/elsewhere"}))
    with pytest.raises(RerankingFailed, match=f"answers {status}; {advice}: no such model") as why:
        await rerank(server)
    assert len(server.bodies) == 1
    assert len(str(why.value)) < 600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Sign in</html>",
        b"[]",
        b'{"results": [{"index": 0}]}',
        b'{"results": null}',
        b'{"results": [{"index": 0, "relevance_score": "high"}]}',
    ],
)
async def test_a_page_that_is_no_answer_fails(server: JsonServer, content: bytes) -> None:
    server.says(Response(content))
    with pytest.raises(RerankingFailed, match="check KB_RERANK_URL and KB_RERANK_KIND"):
        await rerank(server)


@pytest.mark.parametrize("said", [float("nan"), float("inf"), float("-inf"), None, "NaN"])
async def test_scores_that_are_no_numbers_fail(server: JsonServer, said: object) -> None:
    server.says(results(0.5, said, 0.1, 0.2, 0.3))
    with pytest.raises(RerankingFailed, match="scores are no numbers"):
        await rerank(server)


@pytest.mark.parametrize("count", [0, 4, 6])
async def test_a_wrong_number_of_scores_fails(server: JsonServer, count: int) -> None:
    server.says(results(*[0.5] * count))
    with pytest.raises(RerankingFailed, match=f"sent 5 passages and answered with {count} scores"):
        await rerank(server)


async def test_scores_of_other_passages_or_twice_of_one_fail(server: JsonServer) -> None:
    twice = [{"index": n, "relevance_score": 0.5} for n in (0, 1, 2, 3, 3)]
    for answer in (results(*[0.5] * 5, start=1), JSONResponse({"results": twice})):
        server.says(answer)
        with pytest.raises(RerankingFailed, match="or with some twice"):
            await rerank(server)


async def test_one_batch_that_fails_fails_the_whole(server: JsonServer) -> None:
    async def answer(request: Request, body: dict[str, Any]) -> Response:
        return Response("no", 500) if len(body["documents"]) < 100 else await cohere(request, body)

    server.answer = answer
    with pytest.raises(RerankingFailed, match="500"):
        await rerank(server, PASSAGES * 25)


async def test_a_server_that_never_ends_its_answer_is_given_up_on(server: JsonServer) -> None:
    done = asyncio.Event()

    async def answer(request: Request, body: dict[str, Any]) -> Response:
        await done.wait()
        return results(0.5)

    server.answer = answer
    for kind in ("cohere", "auto"):
        with pytest.raises(RerankingFailed, match=r"longer than 0.3 s.*KB_RERANK_TIMEOUT"):
            await rerank(server, kind=kind, seconds=0.3)
    done.set()


async def test_an_address_where_nobody_listens_fails() -> None:
    async with opened(free_address()) as reranker:
        with pytest.raises(RerankingFailed, match=r"cannot be reached.*check KB_RERANK_URL"):
            await reranker.rerank(QUESTION, PASSAGES)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:8080", "http://[::1"])
async def test_what_is_no_address_fails(url: str) -> None:
    async with opened(url) as reranker:
        with pytest.raises(RerankingFailed, match="check KB_RERANK_URL"):
            await reranker.rerank(QUESTION, PASSAGES)

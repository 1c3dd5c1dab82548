"""A reranker behind HTTP: in TEI's shape, or in that of Cohere, Jina, vLLM and Infinity."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import httpx
from pydantic import BaseModel, FiniteFloat, TypeAdapter, ValidationError

from retrieval.reranking.reranker import RerankingFailed, model_id, probability

Kind = Literal["auto", "cohere", "tei"]
"""`cohere` is also the shape of Jina, vLLM, Infinity and llama.cpp; `auto` finds out once."""

LONGEST_PAUSE = 2.0  # before the second try, whatever the server asks for
PAUSE = 0.2  # where it asks for nothing
DETAIL_CHARS = 300  # of what a server says is wrong

_AGAIN = frozenset({429, 503})
_OTHER_SHAPE = frozenset({400, 422})  # what servers say of a body whose fields they do not know
_ADVICE = {
    401: "check KB_RERANK_API_KEY",
    403: "check KB_RERANK_API_KEY",
    404: "check KB_RERANK_URL and KB_RERANK_MODEL",
    405: "check KB_RERANK_URL",
}


class _Scored(BaseModel):
    index: int
    score: FiniteFloat


class _Relevant(BaseModel):
    index: int
    relevance_score: FiniteFloat


class _Results(BaseModel):
    results: list[_Relevant]


_LIST = TypeAdapter(list[_Scored])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How one kind of server is asked and answers."""

    at_once: int
    """The most passages in one request."""

    body: Callable[[str, str, Sequence[str]], dict[str, object]]
    """Of a model's name, a question and passages."""

    scores: Callable[[bytes], list[tuple[int, float]]]
    """Which passage scores what. Raises `ValidationError`."""


def _cohere_body(model: str, query: str, passages: Sequence[str]) -> dict[str, object]:
    return {"model": model, "query": query, "documents": passages, "top_n": len(passages)}


def _cohere_scores(content: bytes) -> list[tuple[int, float]]:
    results = _Results.model_validate_json(content).results
    return [(one.index, one.relevance_score) for one in results]


def _tei_body(model: str, query: str, passages: Sequence[str]) -> dict[str, object]:
    del model  # it serves one
    return {"query": query, "texts": passages, "raw_scores": False, "truncate": True}


def _tei_scores(content: bytes) -> list[tuple[int, float]]:
    return [(one.index, one.score) for one in _LIST.validate_json(content)]


SHAPES = {
    "cohere": _Shape(at_once=100, body=_cohere_body, scores=_cohere_scores),
    "tei": _Shape(at_once=32, body=_tei_body, scores=_tei_scores),  # its default limit
}


@asynccontextmanager
async def open_http(
    url: str, *, kind: Kind, model: str, api_key: str | None, seconds: float
) -> AsyncGenerator[HttpReranker]:
    """A reranker at `url`, which `/rerank` is put after unless it ends so."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    address = f"{url.rstrip('/').removesuffix('/rerank')}/rerank"
    async with httpx.AsyncClient(headers=headers, timeout=seconds) as client:
        yield HttpReranker(client, address, model, kind=kind, seconds=seconds)


class HttpReranker:
    """The promises are those of `Reranker`.

    Some servers say logits instead of probabilities, llama.cpp always. An answer with a score below
    0 or above 1 is taken for one of logits, and all its scores go through the logistic function:
    their order stays, and they compare within one answer as all scores do.
    """

    def __init__(
        self, client: httpx.AsyncClient, url: str, model: str, *, kind: Kind, seconds: float
    ) -> None:
        self._client = client
        self._url = url
        self._name = model
        self._seconds = seconds
        self._shape = None if kind == "auto" else SHAPES[kind]

    @property
    def model(self) -> str:
        return model_id(self._name)

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []
        try:
            # httpx bounds each reading, and not how many there are.
            async with asyncio.timeout(self._seconds):
                self._shape = self._shape or await self._find_shape(query, passages[0])
                scores = await self._scores(self._shape, query, passages)
        except TimeoutError as exc:
            raise RerankingFailed(
                f"It took longer than {self._seconds:g} s; have it read fewer candidates, or raise"
                " KB_RERANK_TIMEOUT."
            ) from exc
        if all(0 <= score <= 1 for score in scores):
            return scores
        return [probability(score) for score in scores]

    async def _find_shape(self, query: str, passage: str) -> _Shape:
        """TEI's where the server refuses the other and takes this."""
        first, second = SHAPES["cohere"], SHAPES["tei"]
        answer = await self._ask(first, query, [passage])
        if answer.status_code not in _OTHER_SHAPE:
            _read(first, answer, 1)
            return first
        other = await self._ask(second, query, [passage])
        if other.status_code != 200:
            raise RerankingFailed(_detail(answer))
        _read(second, other, 1)
        return second

    async def _scores(self, shape: _Shape, query: str, passages: Sequence[str]) -> list[float]:
        """Batches side by side. The first error ends the other requests as well."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._batch(shape, query, batch))
                    for batch in _batches(passages, shape.at_once)
                ]
        except ExceptionGroup as errors:
            first = errors.exceptions[0]
            raise first from first.__cause__
        return [score for task in tasks for score in task.result()]

    async def _batch(self, shape: _Shape, query: str, passages: Sequence[str]) -> list[float]:
        return _read(shape, await self._ask(shape, query, passages), len(passages))

    async def _ask(self, shape: _Shape, query: str, passages: Sequence[str]) -> httpx.Response:
        """The answer, tried twice where the server is busy."""
        body = shape.body(self._name, query, passages)
        response = await self._post(body)
        if response.status_code in _AGAIN:
            await asyncio.sleep(_asked_pause(response))
            response = await self._post(body)
        return response

    async def _post(self, body: dict[str, object]) -> httpx.Response:
        try:
            return await self._client.post(self._url, json=body)
        except httpx.TimeoutException as exc:
            raise TimeoutError from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise RerankingFailed(
                f"Its server cannot be reached ({str(exc) or type(exc).__name__}); check"
                " KB_RERANK_URL."
            ) from exc


def _read(shape: _Shape, response: httpx.Response, count: int) -> list[float]:
    """The scores of `count` passages in their order. Raises `RerankingFailed`."""
    if response.status_code != 200:
        raise RerankingFailed(_detail(response))
    try:
        found = shape.scores(response.content)
    except ValidationError as exc:
        raise RerankingFailed(
            "What answers there is no reranker of this kind, or its scores are no numbers;"
            " check KB_RERANK_URL and KB_RERANK_KIND."
        ) from exc
    if sorted(index for index, _ in found) != list(range(count)):
        raise RerankingFailed(
            f"It was sent {count} passages and answered with {len(found)} scores, or with some"
            " twice; check KB_RERANK_KIND and the server."
        )
    return [score for _, score in sorted(found)]


def _batches(passages: Sequence[str], size: int) -> list[Sequence[str]]:
    return [passages[start : start + size] for start in range(0, len(passages), size)]


def _asked_pause(response: httpx.Response) -> float:
    """Seconds. A date in `Retry-After` counts as the longest, and so does too long a time."""
    asked = response.headers.get("Retry-After")
    if asked is None:
        return PAUSE
    return min(float(asked), LONGEST_PAUSE) if asked.isdecimal() else LONGEST_PAUSE


def _detail(response: httpx.Response) -> str:
    said = " ".join(response.text.split())[:DETAIL_CHARS]
    advice = _ADVICE.get(response.status_code, "see what it says")
    return f"Its server answers {response.status_code}; {advice}: {said}"

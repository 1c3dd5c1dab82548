"""The service's reranker and language model, asked through its API as the libraries want them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from playground.client import Client
from playground.errors import PlaygroundError
from retrieval.reranking.reranker import RerankingFailed
from retrieval.understanding.chat import ChatUnavailable


class ServiceReranker:
    """A `Reranker`."""

    def __init__(self, client: Client, model: str) -> None:
        self._client = client
        self._model = model

    @property
    def model(self) -> str:
        return self._model

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        try:
            return await asyncio.to_thread(self._client.rerank, query, passages)
        except PlaygroundError as exc:
            raise RerankingFailed(str(exc)) from exc


class ServiceChat:
    """An `Ask` of `retrieval.eval.synthetic`."""

    def __init__(self, client: Client, model: str) -> None:
        self._client = client
        self._model = model

    async def ask(self, role: str, prompt: str, *, max_tokens: int, seconds: float) -> str:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(self._ask, role, prompt, max_tokens)

    def _ask(self, role: str, prompt: str, max_tokens: int) -> str:
        options = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": role},
                {"role": "user", "content": prompt},
            ],
            "temperature": 0,
            "max_tokens": max_tokens,
        }
        try:
            return "".join(part.text for part in self._client.chat(options))
        except PlaygroundError as exc:
            raise ChatUnavailable(str(exc)) from exc

"""`/v1/embeddings` beyond what OpenAI's client shows: sizes, limits and refusals."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from kb.api import embeddings
from kb.embedders import Embedders
from kb.service import Service
from retrieval.embedding.embedder import Embedder, Vectors
from retrieval.embedding.models import MODELS, EmbeddingModel
from retrieval.embedding.registry import Registry
from tests.kb.api.client import client_of
from tests.kb.gateway.served import served
from tests.kb.gateway.wire.scripts import ScriptedGateway
from tests.kb.gateway.wire.server import make_app

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PATH = "/v1/embeddings"
MODEL = "all-mini-lm-l6-v2"


async def refused(http: httpx.AsyncClient, **fields: Any) -> str:
    answer = await http.post(PATH, json={"model": MODEL, "input": "A parcel.", **fields})
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]["message"]


async def test_a_string_and_a_list_of_it_are_the_same(http: httpx.AsyncClient) -> None:
    one = (await http.post(PATH, json={"model": MODEL, "input": "A parcel."})).json()
    listed = await http.post("/embeddings", json={"model": MODEL, "input": ["A parcel."]})
    assert one == listed.json()
    assert (one["object"], one["data"][0]["object"]) == ("list", "embedding")
    assert len(one["data"][0]["embedding"]) == 384


async def test_requests_that_mean_something_else_are_refused(http: httpx.AsyncClient) -> None:
    assert "check_embedding_ctx_length" in await refused(http, input=[[101, 102]])
    assert "check_embedding_ctx_length" in await refused(http, input=[101, 102])
    assert "'gone' is not one of" in await refused(http, model="gone")
    assert "384, not 100" in await refused(http, dimensions=100)
    assert "at least 1" in await refused(http, input="")
    assert "at least 1" in await refused(http, input=[])
    assert "2048" in await refused(http, input=["x"] * 2049)
    assert "encoding_format" in await refused(http, encoding_format="int8")


async def test_a_text_that_the_model_would_cut_off_is_refused(http: httpx.AsyncClient) -> None:
    assert "Text 1 has 302 tokens of at most 256" in await refused(
        http, input=["short", "parcel " * 300]
    )


async def test_all_texts_together_have_a_limit(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "MAX_TOTAL_TOKENS", 10)
    assert "of at most 10" in await refused(http, input=["A parcel waits."] * 3)


class Held:
    """An embedder that knows what it was asked, and waits where it is told to."""

    def __init__(self, embedder: Embedder, model: EmbeddingModel) -> None:
        self._embedder = embedder
        self.model = model
        self.texts: list[str] = []
        self.queries: list[str] = []
        self.go = threading.Event()
        self.go.set()

    @property
    def tokenizer(self) -> Tokenizer:
        return self._embedder.tokenizer

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        self.go.wait()
        return self._embedder.embed_passages(texts)

    def embed_query(self, text: str) -> Vectors:
        self.queries.append(text)
        return self._embedder.embed_query(text)

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)


@pytest.fixture
def held(embedder: Embedder) -> Held:
    """A model that may be cut to 128 numbers."""
    return Held(embedder, replace(MODELS[0], matryoshka_dimensions=(128,)))


@pytest.fixture
def held_app(service: Service, held: Held) -> FastAPI:
    app = make_app(service, ScriptedGateway())
    made = copy(service)
    made.embedders = Embedders(lambda _: held, Registry([held.model]))
    app.state.service = made
    return app


async def test_dimensions_are_those_that_the_model_was_trained_for(
    held_app: FastAPI, secret: str, embedder: Embedder
) -> None:
    async with client_of(held_app, secret) as http:
        asked = {"model": MODEL, "input": "A parcel.", "dimensions": 128}
        answer = (await http.post(PATH, json=asked)).json()
    vector = np.asarray(answer["data"][0]["embedding"])
    full = embedder.embed_passages(["A parcel."])[0][:128]
    assert np.allclose(vector, full / np.linalg.norm(full), atol=1e-6)


async def test_questions_are_embedded_as_such(held_app: FastAPI, secret: str, held: Held) -> None:
    async with client_of(held_app, secret) as http:
        await http.post(PATH, json={"model": MODEL, "input": ["A?", "B?"], "input_type": "query"})
    assert (held.queries, held.texts) == (["A?", "B?"], [])


async def test_nothing_more_is_embedded_for_a_client_that_left(
    held_app: FastAPI, secret: str, held: Held
) -> None:
    held.go.clear()
    async with served(held_app) as origin, client_of(held_app, secret) as http:
        http_headers = dict(http.headers)
        async with httpx.AsyncClient(base_url=origin, headers=http_headers) as wire:
            asked = {"model": MODEL, "input": ["A parcel."] * 100}
            asking = asyncio.create_task(wire.post(PATH, json=asked))
            while not held.texts:
                await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0.2)
        held.go.set()
        await asyncio.sleep(0.2)
    assert len(held.texts) == embeddings.TEXTS_AT_A_TIME

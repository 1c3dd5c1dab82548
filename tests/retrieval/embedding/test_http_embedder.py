from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Semaphore, Thread
from time import perf_counter

import httpx
import numpy as np
import pytest

from retrieval.embedding.embedder import EmbeddingRefused, EmbeddingUnavailable
from retrieval.embedding.fastembed_embedder import FastEmbedEmbedder
from retrieval.embedding.http_embedder import (
    AT_ONCE,
    BATCH_TEXTS,
    BATCH_TOKENS,
    HttpEmbedder,
    Patience,
)
from tests.retrieval.embedding.conftest import MINILM
from tests.retrieval.embedding.embedder_contract import TEXTS, EmbedderContract
from tests.retrieval.embedding.embedding_server import EmbeddingServer, Fault, serving

BRIEF = Patience(request=20.0, pauses=(0.01, 0.01), longest_pause=1.0)
BUSY = Fault(status=429, body=b"busy")


@pytest.fixture
def server(minilm: FastEmbedEmbedder) -> Iterator[EmbeddingServer]:
    with serving(minilm) as server:
        yield server


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.fixture
def embedder(
    server: EmbeddingServer, client: httpx.Client, minilm: FastEmbedEmbedder
) -> HttpEmbedder:
    return ask(server, client, minilm)


def ask(
    server: EmbeddingServer, client: httpx.Client, minilm: FastEmbedEmbedder, **changes: object
) -> HttpEmbedder:
    return HttpEmbedder(
        replace(MINILM, **changes),  # pyright: ignore[reportArgumentType] each test knows its field
        client,
        minilm.tokenizer,
        url=server.url,
        served_model="sentence-transformers/all-MiniLM-L6-v2",
        api_key="sk-secret",
        for_passages=BRIEF,
        for_queries=BRIEF,
    )


class TestHttpEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, embedder: HttpEmbedder) -> HttpEmbedder:
        return embedder


class TestWhatIsAsked:
    def test_is_for_the_served_model_with_the_key(
        self, embedder: HttpEmbedder, server: EmbeddingServer
    ) -> None:
        embedder.embed_query("red door")
        assert server.asked == [
            {
                "model": "sentence-transformers/all-MiniLM-L6-v2",
                "input": ["red door"],
                "encoding_format": "base64",
            }
        ]
        assert server.keys == ["Bearer sk-secret"]

    def test_begins_with_the_models_prefixes(
        self, server: EmbeddingServer, client: httpx.Client, minilm: FastEmbedEmbedder
    ) -> None:
        e5 = ask(server, client, minilm, query_prefix="query: ", passage_prefix="passage: ")
        e5.embed_query("door")
        e5.embed_passages(["door"])
        assert [asked["input"] for asked in server.asked] == [["query: door"], ["passage: door"]]
        assert e5.count_tokens("door") == minilm.count_tokens("passage: door")

    def test_is_never_an_empty_text(self, embedder: HttpEmbedder, server: EmbeddingServer) -> None:
        embedder.embed_passages([""])
        assert server.asked[0]["input"] == [" "]

    def test_is_never_longer_than_the_model_reads(
        self, embedder: HttpEmbedder, server: EmbeddingServer, minilm: FastEmbedEmbedder
    ) -> None:
        kept = "key " * 253 + "key"
        vectors = embedder.embed_passages([kept + " lock" * 300, "👩🏽‍🚀ﬃ" * 400])
        for text in server.asked[0]["input"]:
            assert len(minilm.tokenizer.encode(text)) <= MINILM.max_tokens
        assert server.asked[0]["input"][0] == kept
        np.testing.assert_allclose(vectors[0], minilm.embed_passages([kept])[0], atol=1e-6)

    def test_is_asked_in_batches_of_bounded_size_a_few_at_once(
        self, embedder: HttpEmbedder, server: EmbeddingServer, minilm: FastEmbedEmbedder
    ) -> None:
        texts = [f"key {n}" for n in range(BATCH_TEXTS * 6 + 1)]
        vectors = embedder.embed_passages(texts)
        assert sorted(len(one["input"]) for one in server.asked) == [1] + [BATCH_TEXTS] * 6
        assert 1 < server.most_at_once <= AT_ONCE
        np.testing.assert_allclose(vectors[-2:], minilm.embed_passages(texts[-2:]), atol=1e-6)

    def test_is_asked_in_smaller_batches_where_texts_are_long(
        self, server: EmbeddingServer, client: httpx.Client, minilm: FastEmbedEmbedder
    ) -> None:
        long = ask(server, client, minilm, max_tokens=8192)
        long.embed_passages(["key " * (BATCH_TOKENS // 3)] * 4)
        assert [len(one["input"]) for one in server.asked] == [2, 2]


class TestTheAnswer:
    @pytest.mark.parametrize("encoding", ["base64", "float"])
    def test_gives_the_models_own_vectors_at_length_one(
        self,
        embedder: HttpEmbedder,
        server: EmbeddingServer,
        minilm: FastEmbedEmbedder,
        encoding: str,
    ) -> None:
        server.encoding = "float" if encoding == "float" else "base64"
        expected = minilm.embed_passages(TEXTS)
        np.testing.assert_allclose(embedder.embed_passages(TEXTS), expected, atol=1e-6)

    def test_of_another_size_is_refused(
        self, server: EmbeddingServer, client: httpx.Client, minilm: FastEmbedEmbedder
    ) -> None:
        large = ask(server, client, minilm, dimensions=1024)
        with pytest.raises(EmbeddingRefused, match="have 384 dimensions, not 1024"):
            large.embed_query("door")
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        ("number", "said"),
        [(float("nan"), "zeros, or one"), (float("inf"), "zeros, or one"), (None, "no embeddings")],
    )
    def test_with_numbers_that_are_none_is_refused(
        self, embedder: HttpEmbedder, server: EmbeddingServer, number: float | None, said: str
    ) -> None:
        server.spoil = lambda data: [{**one, "embedding": [number] * 384} for one in data]
        with pytest.raises(EmbeddingRefused, match=said):
            embedder.embed_passages(TEXTS)

    def test_of_zeros_is_refused(self, embedder: HttpEmbedder, server: EmbeddingServer) -> None:
        server.spoil = lambda data: [{**one, "embedding": [0.0] * 384} for one in data]
        with pytest.raises(EmbeddingRefused, match="zeros"):
            embedder.embed_query("door")

    @pytest.mark.parametrize("places", [range(1, len(TEXTS)), [0, *range(len(TEXTS) - 1)]])
    def test_that_lacks_a_text_is_refused(
        self, embedder: HttpEmbedder, server: EmbeddingServer, places: Sequence[int]
    ) -> None:
        server.spoil = lambda data: [data[place] for place in places]
        with pytest.raises(EmbeddingRefused, match=rf"vectors for {len(TEXTS)} texts"):
            embedder.embed_passages(TEXTS)

    @pytest.mark.parametrize(
        "body", [b"<html>", b"{}", b'{"data": [{"index": 0, "embedding": "?"}]}']
    )
    def test_of_something_else_is_refused(
        self, embedder: HttpEmbedder, server: EmbeddingServer, body: bytes
    ) -> None:
        server.faults.append(Fault(body=body))
        with pytest.raises(EmbeddingRefused, match="no embeddings API"):
            embedder.embed_query("door")


class TestAFault:
    @pytest.mark.parametrize(
        "fault",
        [BUSY, Fault(status=500), Fault(status=503), Fault(body=b'{"data": []}' * 9, cut=True)],
    )
    def test_that_passes_is_waited_for(
        self,
        embedder: HttpEmbedder,
        server: EmbeddingServer,
        minilm: FastEmbedEmbedder,
        fault: Fault,
    ) -> None:
        server.faults.extend([fault, fault])
        found = embedder.embed_query("red door")
        np.testing.assert_allclose(found, minilm.embed_query("red door"), atol=1e-6)
        assert len(server.asked) == 3

    def test_that_stays_is_reported_as_one_that_may_pass(
        self, embedder: HttpEmbedder, server: EmbeddingServer
    ) -> None:
        server.faults.extend([Fault(status=500)] * 9)
        with pytest.raises(EmbeddingUnavailable, match=r"It answers 500: .*out of memory"):
            embedder.embed_passages(["door"])
        assert len(server.asked) == 3

    def test_is_waited_for_as_long_as_the_server_asks(
        self, embedder: HttpEmbedder, server: EmbeddingServer
    ) -> None:
        server.faults.append(replace(BUSY, headers={"Retry-After": "1"}))
        started = perf_counter()
        embedder.embed_query("door")
        assert perf_counter() - started >= 1

    def test_is_not_waited_for_where_the_server_asks_for_too_long(
        self, embedder: HttpEmbedder, server: EmbeddingServer
    ) -> None:
        server.faults.append(replace(BUSY, headers={"Retry-After": "3600"}))
        with pytest.raises(EmbeddingUnavailable, match="429") as caught:
            embedder.embed_query("door")
        assert caught.value.after == 3600
        assert len(server.asked) == 1

    @pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 301])
    def test_of_ours_is_not_repeated(
        self, embedder: HttpEmbedder, server: EmbeddingServer, status: int
    ) -> None:
        body = json.dumps({"error": {"message": "no such\nmodel"}}).encode()
        server.faults.append(Fault(status=status, body=body, headers={"Location": server.url}))
        with pytest.raises(EmbeddingRefused, match=rf"It answers {status}: .*no such.nmodel"):
            embedder.embed_query("door")
        assert len(server.asked) == 1

    def test_is_a_server_that_is_not_there(
        self, server: EmbeddingServer, client: httpx.Client, minilm: FastEmbedEmbedder
    ) -> None:
        server.url = "http://127.0.0.1:1/v1"
        with pytest.raises(EmbeddingUnavailable, match=r"http://127\.0\.0\.1:1/v1/embeddings: "):
            ask(server, client, minilm).embed_query("door")

    @pytest.mark.parametrize("url", ["127.0.0.1:1/v1", "http://hub.example:x"])
    def test_is_an_address_that_makes_no_sense(
        self, server: EmbeddingServer, client: httpx.Client, minilm: FastEmbedEmbedder, url: str
    ) -> None:
        server.url = url
        with pytest.raises(EmbeddingRefused):
            ask(server, client, minilm).embed_query("door")


def test_a_query_does_not_wait_for_passages(
    embedder: HttpEmbedder, server: EmbeddingServer
) -> None:
    server.passages = Semaphore(0)
    thread = Thread(target=embedder.embed_passages, args=(["door"] * BATCH_TEXTS * 9,))
    thread.start()
    embedder.embed_query("which key opens the door?")
    assert thread.is_alive()
    server.passages.release(9)
    thread.join()

"""An embedder that asks a server with OpenAI's embeddings API: vLLM, TEI, Infinity, OpenAI."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Semaphore
from typing import TYPE_CHECKING

import httpx
import numpy as np

from retrieval.embedding.embedder import (
    EmbeddingRefused,
    EmbeddingUnavailable,
    Vectors,
    to_unit_length,
)
from retrieval.embedding.embeddings_api import read_answer, refusal
from retrieval.embedding.models import EmbeddingModel

if TYPE_CHECKING:
    from tokenizers import Tokenizer

AT_ONCE = 4  # requests for passages under way, of all documents together; queries come on top
BATCH_TEXTS = 32  # as many as TEI takes unless told otherwise (--max-client-batch-size)
BATCH_TOKENS = 16_384  # as many as TEI computes at once (--max-batch-tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a call waits for a server. All in seconds."""

    request: float
    """For one whole answer."""
    pauses: Sequence[float]
    """Before each further try. A server that asks for a longer one is asked for no more than
    `longest_pause`; past that the caller had better come back later."""
    longest_pause: float


FOR_PASSAGES = Patience(request=120.0, pauses=(1.0, 2.0, 4.0), longest_pause=20.0)
FOR_QUERIES = Patience(request=10.0, pauses=(0.2, 0.5), longest_pause=1.0)  # somebody is waiting


class HttpEmbedder:
    """The promises are those of `Embedder`. Texts are cut here, so that no server refuses one.

    Passages go in batches, some at once; what a server says is overloaded or broken for the moment
    is tried again. A query is a request of its own, and waits for no passage on this side.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        client: httpx.Client,
        tokenizer: Tokenizer,
        *,
        url: str,
        served_model: str,
        api_key: str | None = None,
        for_passages: Patience = FOR_PASSAGES,
        for_queries: Patience = FOR_QUERIES,
    ) -> None:
        """`url` is what `/embeddings` is put after, `served_model` the model's name there. Nothing
        is asked yet: the server may come up later.
        """
        self._model = model
        self._client = client
        self._tokenizer = tokenizer
        self._url = f"{url.rstrip('/')}/embeddings"
        self._served_model = served_model
        self._headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._for_passages, self._for_queries = for_passages, for_queries
        self._turns = Semaphore(AT_ONCE)

    @property
    def model(self) -> EmbeddingModel:
        return self._model

    @property
    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), self._model.dimensions), np.float32)
        cut = [self._cut(self._model.passage_prefix + text) for text in texts]

        def embed(rows: slice) -> None:
            with self._turns:
                vectors[rows] = self._ask([text for text, _ in cut[rows]], self._for_passages)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(embed, _batches([tokens for _, tokens in cut])))
        return vectors

    def embed_query(self, text: str) -> Vectors:
        cut, _ = self._cut(self._model.query_prefix + text)
        return self._ask([cut], self._for_queries)[0]

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(self._model.passage_prefix + text))

    def _cut(self, text: str) -> tuple[str, int]:
        """What the model reads of a text, and its tokens."""
        tokens = len(self._tokenizer.encode(text))
        while tokens > self._model.max_tokens:
            own = self._tokenizer.encode(text, add_special_tokens=False)
            kept = max(self._model.max_tokens - (tokens - len(own)), 1)
            # What ends here may be cut into other tokens, hence the loop; it always gets shorter.
            text = text[: min(own.offsets[kept - 1][1], len(text) - 1)]
            tokens = len(self._tokenizer.encode(text))
        return text or " ", tokens  # OpenAI and TEI refuse an empty one

    def _ask(self, texts: Sequence[str], patience: Patience) -> Vectors:
        """Vectors of length 1, tried again where that may help."""
        for pause in patience.pauses:
            try:
                return self._post(texts, patience.request)
            except EmbeddingUnavailable as exc:
                if exc.after > patience.longest_pause:
                    raise
                time.sleep(max(pause, exc.after))
        return self._post(texts, patience.request)

    def _post(self, texts: Sequence[str], seconds: float) -> Vectors:
        body = {"model": self._served_model, "input": list(texts), "encoding_format": "base64"}
        deadline = time.monotonic() + seconds
        try:
            with self._client.stream(
                "POST", self._url, json=body, headers=self._headers, timeout=seconds
            ) as response:
                content = b""
                for block in response.iter_bytes():
                    content += block
                    if time.monotonic() > deadline:  # httpx bounds each reading, not their number
                        raise EmbeddingUnavailable(f"It has not finished after {seconds:g} s.")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
            raise EmbeddingRefused(f"{self._url}: {exc}.") from exc
        except httpx.HTTPError as exc:
            raise EmbeddingUnavailable(f"{self._url}: {str(exc) or type(exc).__name__}") from exc
        if not response.is_success:
            raise refusal(response, content)
        found = read_answer(content, texts=len(texts), dimensions=self._model.dimensions)
        return to_unit_length(found)


def _batches(tokens: Sequence[int]) -> Generator[slice]:
    """Neighbours, as many as one request takes."""
    start, total = 0, 0
    for place, count in enumerate(tokens):
        if place > start and (place - start == BATCH_TEXTS or total + count > BATCH_TOKENS):
            yield slice(start, place)
            start, total = place, 0
        total += count
    if tokens:
        yield slice(start, len(tokens))

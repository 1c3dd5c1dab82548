"""An embedder that remembers the vectors of the latest questions."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING

from retrieval.embedding.embedder import Embedder, Vectors
from retrieval.embedding.models import EmbeddingModel

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def embed_question(embedder: Embedder, text: str) -> asyncio.Future[Vectors]:
    """`embed_query` on a thread; a vector that is remembered needs none, and is there at once."""
    known = embedder.remembered(text) if isinstance(embedder, CachedEmbedder) else None
    if known is None:
        return asyncio.ensure_future(asyncio.to_thread(embedder.embed_query, text))
    vector = asyncio.get_running_loop().create_future()
    vector.set_result(known)
    return vector


class CachedEmbedder:
    """Another embedder, asked once for equal questions, also for those that come together.

    What it fails at is forgotten at once. A vector is shared by those who asked, and read-only.
    """

    def __init__(self, embedder: Embedder, *, size: int) -> None:
        """`size` is how many questions are remembered, the longest unasked going first."""
        self._embedder = embedder
        self._size = size
        self._lock = Lock()
        self._known: OrderedDict[str, Future[Vectors]] = OrderedDict()

    @property
    def model(self) -> EmbeddingModel:
        return self._embedder.model

    @property
    def tokenizer(self) -> Tokenizer:
        return self._embedder.tokenizer

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.embed_passages(texts)

    def embed_query(self, text: str) -> Vectors:
        mine = Future[Vectors]()
        with self._lock:
            known = self._known.setdefault(text, mine)
            self._known.move_to_end(text)
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        return self._embed(text, mine) if known is mine else known.result()

    def remembered(self, text: str) -> Vectors | None:
        """The question's vector, where it is at hand."""
        with self._lock:
            known = self._known.get(text)
            if known is None or not known.done():
                return None
            self._known.move_to_end(text)
        return known.result()

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

    def _embed(self, text: str, outcome: Future[Vectors]) -> Vectors:
        try:
            vector = self._embedder.embed_query(text)
        except BaseException as exc:
            with self._lock:
                if self._known.get(text) is outcome:
                    del self._known[text]
            outcome.set_exception(exc)
            raise
        vector.setflags(write=False)
        outcome.set_result(vector)
        return vector

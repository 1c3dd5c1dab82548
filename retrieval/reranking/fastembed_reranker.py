"""A reranker that runs a cross-encoder on this machine, through fastembed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from math import isfinite
from pathlib import Path

from retrieval.errors import RetrievalError
from retrieval.reranking.cross_encoder import CrossEncoder, load_cross_encoder
from retrieval.reranking.reranker import RerankingFailed, model_id, probability

logger = logging.getLogger(__name__)


class FastEmbedReranker:
    """Reads on the CPU with onnxruntime. The promises are those of `Reranker`.

    The model is loaded when it is first asked, for most commands never ask it; one that cannot be
    loaded fails every time, and the log says so once. A run is of one passage on one thread, as
    many side by side as there are threads, whoever asked: a batch would be no faster, takes memory
    and, in int8, makes a score depend on its neighbours. Of question and passage together the
    model reads as many tokens as it was made for; the longer one is cut.

    Scores are the logistic function of what the model says. That is right for models that were
    trained with one output and a cross-entropy loss, as all in fastembed's table are (MS MARCO
    MiniLM, BGE, Jina); of others the order is right, but 0.5 means nothing.
    """

    def __init__(
        self, name: str, cache_dir: Path, pool: ThreadPoolExecutor, *, seconds: float
    ) -> None:
        """`name`: a folder, or one that fastembed knows; see `load_cross_encoder`."""
        self._name = name
        self._cache_dir = cache_dir
        self._pool = pool
        self._seconds = seconds
        self._loading: Future[CrossEncoder] | None = None

    @property
    def model(self) -> str:
        return model_id(self._name)

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        loop = asyncio.get_running_loop()
        self._loading = self._loading or self._pool.submit(self._load)
        try:
            async with asyncio.timeout(self._seconds):
                # Shielded: whoever does not wait any longer does not end it for the others.
                runtime = await asyncio.shield(asyncio.wrap_future(self._loading))
                return await asyncio.gather(
                    *(
                        loop.run_in_executor(self._pool, _score, runtime, query, passage)
                        for passage in passages
                    )
                )
        except TimeoutError as exc:
            raise RerankingFailed(
                f"{self.model} took longer than {self._seconds:g} s here; have it read fewer"
                " candidates, take a smaller model, or raise KB_RERANK_TIMEOUT."
            ) from exc
        except RerankingFailed:
            raise
        except RetrievalError as exc:
            raise RerankingFailed(str(exc)) from exc

    def _load(self) -> CrossEncoder:
        try:
            return load_cross_encoder(self._name, self._cache_dir)
        except RetrievalError as exc:
            logger.error("%s", exc)
            raise


@contextmanager
def open_fastembed(
    name: str, *, cache_dir: Path, threads: int, seconds: float
) -> Generator[FastEmbedReranker]:
    """A reranker with as many threads, which end with it."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="reranker")
    try:
        yield FastEmbedReranker(name, cache_dir, pool, seconds=seconds)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _score(runtime: CrossEncoder, query: str, passage: str) -> float:
    # Never `parallel`: its worker processes import the caller's main module again.
    (logit,) = runtime.rerank(query, [passage], batch_size=1)
    if not isfinite(logit):
        raise RerankingFailed(f"The model says {logit} of a passage; its files may be damaged.")
    return probability(logit)

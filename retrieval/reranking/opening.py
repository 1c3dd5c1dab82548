"""The reranker that the settings name, open for as long as it is used."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from retrieval.reranking.http_reranker import Kind, open_http
from retrieval.reranking.reranker import Reranker


@asynccontextmanager
async def open_reranker(
    model: str,
    *,
    url: str | None,
    kind: Kind = "auto",
    api_key: str | None = None,
    cache_dir: Path,
    threads: int,
    seconds: float,
) -> AsyncGenerator[Reranker]:
    """The model behind `url`, or in this process where there is none: then `model` is a folder or
    one of fastembed's names, `cache_dir` is where it is downloaded to, and it takes `threads`.
    """
    if url is None:
        from retrieval.reranking.fastembed_reranker import open_fastembed

        with open_fastembed(
            model, cache_dir=cache_dir, threads=threads, seconds=seconds
        ) as reranker:
            yield reranker
        return
    async with open_http(url, kind=kind, model=model, api_key=api_key, seconds=seconds) as reranker:
        yield reranker

"""Settings to live parts. Nothing else constructs them, and nothing else reads the environment."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from kb.blobs import Blobs, FolderBlobs
from kb.embedders import Embedders
from kb.postgres.embedded import EmbeddedPostgres
from kb.postgres.pool import make_pool
from kb.postgres.schema import prepare
from kb.queue import Queue
from kb.service import Service
from kb.settings import Settings
from kb.stores import Stores
from kb.weaviate.errors import WeaviateClientMissing
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.entries import to_models
from retrieval.embedding.models import MODELS, EmbeddingModel
from retrieval.embedding.registry import Registry
from retrieval.postgres import Pool
from retrieval.store import StoreNotConfigured
from retrieval.stores.pgvector import PgVectorStore
from retrieval.stores.weaviate_address import Locate, WeaviateAddress

if TYPE_CHECKING:  # what few commands need is imported where it is made
    from ingest.context import Situate
    from kb.gateway.gateway import Gateway
    from kb.live_sources import LiveSources
    from kb.vault import Vault
    from kb.worker import Worker
    from retrieval.reranking.reranker import Reranker
    from retrieval.stores.weaviate import WeaviateStore
    from retrieval.understanding.chat import Chat

UNDERSTANDING_SECONDS = 20.0  # a question waits no longer for a language model

Say = Callable[[str], None]


def say_nothing(message: str) -> None:
    """For callers that show no progress."""
    del message


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database."""

    dsn: str
    revive: Callable[[], object]
    """Starts it again should it have died; does nothing for a database that is not ours."""


@contextmanager
def open_database(settings: Settings, say: Say = say_nothing) -> Generator[Database]:
    """The database, migrated, and running for as long as this is entered."""
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        prepare(dsn)
        yield Database(dsn, lambda: None)
        return
    postgres = EmbeddedPostgres(settings.data_dir, on_wait=say)
    with postgres as dsn:
        prepare(dsn)
        yield Database(dsn, postgres.revive)


def make_embedders(settings: Settings, say: Say = say_nothing) -> Embedders:
    """Loads configured models as they are asked for.

    Raises `IncompleteModel`, `ModelNamedTwice` or `UnknownModel` for settings that cannot be.
    """
    key = settings.embeddings_api_key
    configured = to_models(
        settings.embedding_models,
        url=settings.embeddings_url,
        api_key=key.get_secret_value() if key else None,
    )

    def load(model: EmbeddingModel) -> Embedder:
        from retrieval.embedding.loading import load_embedder

        return load_embedder(
            model,
            model_dir=settings.model_dir,
            cache_dir=settings.data_dir / "models",
            precision=settings.embedding_precision,
            threads=settings.embedding_threads,
            on_step=say,
        )

    return Embedders(
        load,
        Registry((*MODELS, *configured), default=settings.embedding_model),
        cached_queries=settings.cached_queries,
    )


def make_blobs(settings: Settings) -> Blobs:
    """Where uploaded bytes are kept: a bucket if one is set, else the data folder."""
    if settings.blobs_bucket is None:
        return FolderBlobs(settings.data_dir / "blobs", max_bytes=settings.max_upload_bytes)
    from ingest.sources.bucket_settings import BucketSettings
    from kb.bucket_blobs import BucketBlobs

    secret = settings.blobs_secret_key
    return BucketBlobs(
        BucketSettings(
            bucket=settings.blobs_bucket,
            region=settings.blobs_region,
            endpoint=settings.blobs_endpoint,
            prefix=settings.blobs_prefix,
            key_id=settings.blobs_key_id,
            secret_key=secret.get_secret_value() if secret else None,
        ),
        spool=settings.data_dir / "incoming",
        max_bytes=settings.max_upload_bytes,
    )


def make_vault(settings: Settings) -> Vault:
    """Keeps its secret in the data folder unless one is set."""
    from kb.vault import Vault, secret_in

    if settings.secret_key is not None:
        return Vault(settings.secret_key.get_secret_value().encode())
    return Vault(secret_in(settings.data_dir))


def make_live_sources(settings: Settings) -> LiveSources:
    """Reads data sources, no further than the settings allow."""
    from ingest.sources.guarded import GuardedFetcher
    from kb.live_sources import LiveSources

    return LiveSources(
        vault=make_vault(settings),
        fetcher=GuardedFetcher(
            allowed_networks=settings.fetch_networks, allowed_ports=settings.fetch_ports
        ),
        user_agent=settings.crawler_user_agent,
        delay_seconds=settings.crawl_delay_seconds,
        max_bytes=settings.max_upload_bytes,
        folders=settings.source_folders,
        endpoints=settings.s3_endpoints,
    )


@contextmanager
def open_weaviate(settings: Settings, say: Say = say_nothing) -> Generator[None]:
    """Our own Weaviate running where it is asked for; what is missing is said at once."""
    if has_weaviate(settings):
        _weaviate_store()  # takes 2 s; later, a search would wait for it
    if settings.store == "pgvector" or settings.weaviate_url is not None:
        yield
        return
    from kb.weaviate.embedded import EmbeddedWeaviate

    with EmbeddedWeaviate(settings.data_dir, on_wait=say):
        yield


@asynccontextmanager
async def open_service(
    settings: Settings, dsn: str, embedders: Embedders, say: Say = say_nothing
) -> AsyncGenerator[Service]:
    """The service on one event loop's connections."""
    pool = make_pool(dsn, max_size=settings.database_connections)
    await pool.open(wait=True, timeout=30)
    try:
        queue = Queue(pool)
        await queue.open()
        async with (
            _open_stores(settings, pool, say) as stores,
            _open_reranker(settings) as reranker,
            _open_chat(settings) as chat,
        ):
            yield Service(
                pool=pool,
                stores=stores,
                default_store=settings.store,
                embedders=embedders,
                blobs=make_blobs(settings),
                queue=queue,
                reranker=reranker,
                chat=chat,
            )
    finally:
        await pool.close()


@asynccontextmanager
async def open_gateway(settings: Settings, service: Service) -> AsyncGenerator[Gateway]:
    """The chat APIs on an open service. Raises `InvalidModels`."""
    from kb.gateway.chat_model import ChatModel
    from kb.gateway.description import describe
    from kb.gateway.gateway import Gateway
    from kb.gateway.mcp_connection import McpConnections
    from kb.gateway.upstream.models import configured
    from kb.gateway.upstream.upstream import open_upstream

    models = configured(
        settings.llm_models,
        file=settings.llm_models_file,
        url=settings.llm_url,
        model=settings.llm_model,
        api_key=settings.llm_api_key,
    )
    # It logs what a server sends, where that cannot be read.
    logging.getLogger("mcp.client.streamable_http").setLevel(logging.CRITICAL + 1)
    async with open_upstream(
        models, concurrency=settings.llm_concurrency, wait=settings.llm_wait_seconds
    ) as upstream:
        yield Gateway(
            complete=upstream,
            models=[ChatModel(id=one.id, context_length=one.context_length) for one in models],
            retrieve=service.retrieve_from,
            describe=partial(describe, service),
            open_mcp=McpConnections(
                allowed_networks=settings.fetch_networks, allowed_ports=settings.fetch_ports
            ).open,
            exclude_flagged=settings.exclude_flagged_passages,
        )


@asynccontextmanager
async def open_worker(settings: Settings, service: Service) -> AsyncGenerator[Worker]:
    """A worker on the service's event loop, with a jail of its own."""
    from ingest.parsing.jail import ParserJail
    from ingest.parsing.limits import ParserLimits
    from kb.sync import Sync
    from kb.worker import Worker

    limits = ParserLimits(
        input_bytes=settings.max_upload_bytes,
        memory_bytes=settings.parser_memory_bytes,
        wall_seconds=settings.parser_seconds,
    )
    languages = settings.ocr_languages if settings.ocr == "auto" else ()
    situate = None if service.chat is None else _situate(service.chat)
    async with ParserJail(limits, ocr_languages=languages) as jail:
        sync = Sync(service, make_live_sources(settings).open)
        yield Worker(service, jail, sync, concurrency=settings.worker_concurrency, situate=situate)


@asynccontextmanager
async def _open_stores(settings: Settings, pool: Pool, say: Say) -> AsyncGenerator[Stores]:
    async with AsyncExitStack() as opened:
        yield Stores(
            {
                "pgvector": lambda: PgVectorStore(pool),
                "weaviate": lambda: make_weaviate(settings, opened, say),
            }
        )


def make_weaviate(settings: Settings, opened: AsyncExitStack, say: Say) -> WeaviateStore:
    """Connects, and starts a server of our own, with its first request; `opened` ends both.

    Raises `StoreNotConfigured` or `WeaviateClientMissing`.
    """
    if not has_weaviate(settings):
        raise StoreNotConfigured
    store = _weaviate_store()(_locating_weaviate(settings, opened, say))
    opened.push_async_callback(store.close)
    return store


def has_weaviate(settings: Settings) -> bool:
    """One is named, or our own is asked for or has been used before."""
    return (
        settings.weaviate_url is not None
        or settings.store == "weaviate"
        or (settings.data_dir / "weaviate").exists()
    )


def _weaviate_store() -> type[WeaviateStore]:
    try:
        from retrieval.stores.weaviate import WeaviateStore
    except ModuleNotFoundError as exc:
        raise WeaviateClientMissing from exc
    return WeaviateStore


def _locating_weaviate(settings: Settings, opened: AsyncExitStack, say: Say) -> Locate:
    if settings.weaviate_url is None:
        from kb.weaviate.embedded import EmbeddedWeaviate
        from kb.weaviate.on_demand import WeaviateOnDemand

        own = WeaviateOnDemand(EmbeddedWeaviate(settings.data_dir, on_wait=say))
        opened.push_async_callback(own.close)
        return own.locate
    key = settings.weaviate_api_key
    address = WeaviateAddress(
        url=settings.weaviate_url,
        grpc_port=settings.weaviate_grpc_port,
        api_key=key.get_secret_value() if key else None,
    )

    async def named() -> WeaviateAddress:
        return address

    return named


@asynccontextmanager
async def _open_reranker(settings: Settings) -> AsyncGenerator[Reranker | None]:
    if settings.rerank_model is None:
        yield None
        return
    from retrieval.cores import usable_cores
    from retrieval.reranking.opening import open_reranker

    key = settings.rerank_api_key
    async with open_reranker(
        settings.rerank_model,
        url=settings.rerank_url,
        kind=settings.rerank_kind,
        api_key=key.get_secret_value() if key else None,
        cache_dir=settings.data_dir / "models" / "rerankers",
        threads=settings.embedding_threads or usable_cores(),
        seconds=settings.rerank_timeout,
    ) as reranker:
        yield reranker


@asynccontextmanager
async def _open_chat(settings: Settings) -> AsyncGenerator[Chat | None]:
    if settings.llm_url is None or settings.llm_model is None:
        yield None
        return
    from retrieval.understanding.chat import open_chat

    key = settings.llm_api_key
    async with open_chat(
        settings.llm_url,
        model=settings.llm_model,
        api_key=key.get_secret_value() if key else None,
        seconds=UNDERSTANDING_SECONDS,
    ) as chat:
        yield chat


def _situate(chat: Chat) -> Situate:
    from ingest.context_llm import LlmSituate

    return LlmSituate(chat)

"""The connection to Weaviate: made when it is needed, and made again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

import weaviate
from grpc import RpcError, StatusCode
from httpx import TransportError
from weaviate.classes.init import AdditionalConfig, Auth, Timeout
from weaviate.config import GrpcConfig
from weaviate.exceptions import (
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateConnectionError,
    WeaviateGRPCUnavailableError,
    WeaviateInsertManyAllFailedError,
    WeaviateRetryError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
)

from retrieval.store import StoreUnavailable
from retrieval.stores.grpc_loops import share_grpc
from retrieval.stores.weaviate_address import Locate, WeaviateAddress

T = TypeVar("T")

PATIENCE = 1.0  # seconds until we ask whether the server is there at all
PROBE = 5.0  # seconds that it may take to say so
NOT_THERE = (
    "tenant not found",
    "class not found",
    "could not find class",
    "not present in schema",
)
AWAY = (
    TransportError,
    WeaviateConnectionError,
    WeaviateGRPCUnavailableError,
    WeaviateRetryError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
)
AWAY_CODES = (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED)


class NotThere(Exception):
    """The collection, or the tenant in it, does not exist."""


class KeyRefused(StoreUnavailable):
    """Weaviate refuses our API key; set KB_WEAVIATE_API_KEY to one that it knows."""


class WeaviateConnection:
    """One client for all requests of an event loop."""

    def __init__(self, locate: Locate) -> None:
        """`locate` is asked before each request, and what it raises is raised."""
        self._locate = locate
        self._address: WeaviateAddress | None = None
        self._client: weaviate.WeaviateAsyncClient | None = None
        self._connecting = asyncio.Lock()

    async def close(self) -> None:
        """A later request connects anew."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def answer(self, ask: Callable[[weaviate.WeaviateAsyncClient], Awaitable[T]]) -> T:
        """What the server answers. Raises `NotThere` or `StoreUnavailable`."""
        # The client tries for half a minute to reach a server that is away. We do not.
        client = await self._connected()
        asking = asyncio.create_task(_ask(client, ask))
        try:
            while not (await asyncio.wait({asking}, timeout=PATIENCE))[0]:
                async with asyncio.timeout(PROBE):
                    await _ask(client, _meta)
            return asking.result()
        except TimeoutError as exc:
            raise StoreUnavailable from exc
        finally:
            asking.cancel()

    async def _connected(self) -> weaviate.WeaviateAsyncClient:
        address = await self._locate()
        async with self._connecting:
            if address != self._address:
                await self.close()
            if self._client is None:
                client = _client(address)
                share_grpc(asyncio.get_running_loop())
                try:
                    async with asyncio.timeout(PROBE):
                        await _ask(client, _connect)
                except BaseException as exc:
                    await client.close()
                    if isinstance(exc, TimeoutError):
                        raise StoreUnavailable from exc
                    raise
                self._client, self._address = client, address
            return self._client


def _client(address: WeaviateAddress) -> weaviate.WeaviateAsyncClient:
    """It is not connected yet."""
    url = urlsplit(address.url)
    secure = url.scheme == "https"
    host = url.hostname or ""
    return weaviate.use_async_with_custom(
        http_host=host,
        http_port=url.port or (443 if secure else 80),
        http_secure=secure,
        grpc_host=host,
        grpc_port=address.grpc_port,
        grpc_secure=secure,
        auth_credentials=None if address.api_key is None else Auth.api_key(address.api_key),
        additional_config=AdditionalConfig(
            timeout=Timeout(init=5, query=30, insert=120),
            grpc_config=GrpcConfig(
                channel_options=[
                    ("grpc.enable_http_proxy", 0),
                    ("grpc.initial_reconnect_backoff_ms", 100),
                    ("grpc.max_reconnect_backoff_ms", 1000),  # the default waits two minutes
                ]
            ),
        ),
        skip_init_checks=True,  # one of them asks PyPI for newer versions
    )


async def _ask(
    client: weaviate.WeaviateAsyncClient,
    ask: Callable[[weaviate.WeaviateAsyncClient], Awaitable[T]],
) -> T:
    try:
        return await ask(client)
    except (WeaviateBaseError, TransportError) as exc:
        if any(sign in str(exc) for sign in NOT_THERE):
            raise NotThere from exc
        if _code(exc) in (401, 403, StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED):
            raise KeyRefused from exc
        if isinstance(exc, WeaviateInsertManyAllFailedError) or _is_away(exc):
            raise StoreUnavailable from exc
        raise


async def _connect(client: weaviate.WeaviateAsyncClient) -> None:
    await client.connect()


async def _meta(client: weaviate.WeaviateAsyncClient) -> None:
    await client.get_meta()  # pyright: ignore[reportUnknownMemberType] untyped


def _is_away(exc: Exception) -> bool:
    code = _code(exc)
    if isinstance(code, int):
        return code >= 500
    return code in AWAY_CODES or isinstance(exc, AWAY) or isinstance(exc.__context__, AWAY)


def _code(exc: BaseException) -> int | StatusCode | None:
    """The HTTP status or the gRPC code behind the error."""
    if isinstance(exc, UnexpectedStatusCodeError):
        return exc.status_code
    cause = exc.__context__
    return cause.code() if isinstance(cause, RpcError) else None

"""HTTP to one server that a user named, over the rules of the guarded fetcher."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Collection

import httpcore
import httpx2

from ingest.sources.addresses import Network
from ingest.sources.errors import (
    BlockedPort,
    FetchError,
    FetchFailed,
    FetchTimeout,
    ResponseTooLarge,
)
from ingest.sources.pinned import PinnedBackend, Resolver, checked_addresses, system_resolver
from ingest.sources.urls import Url, parse_url

MAX_BODY = 8 * 1024 * 1024  # bytes of one response
MAX_HEADER = 64 * 1024  # bytes

_OURS = frozenset({b"host", b"connection", b"accept-encoding"})


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Reaches the origin of one URL, if that is on the public internet or in an allowed network.

    Each request looks the host up once, connects to an address that was checked and has that
    connection to itself. A redirect to another origin is not followed, so that what is sent along
    for the one server reaches no other. Proxy settings are not looked at.
    """

    def __init__(
        self,
        url: str,
        *,
        allowed_networks: Collection[Network] = (),
        allowed_ports: Collection[int] = (),
        resolver: Resolver = system_resolver,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Raises `InvalidUrl` and `BlockedPort`."""
        self.refusal: FetchError | None = None
        """Why the last request failed, where that was ours to say."""

        self._origin = parse_url(url)
        if self._origin.port < 1024 and self._origin.port not in {80, 443, *allowed_ports}:
            raise BlockedPort(f"Port: {self._origin.port}.")
        self._networks = tuple(allowed_networks)
        self._resolver = resolver
        self._ssl = ssl_context

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request. Raises `httpx2.TransportError`, and keeps what was wrong as `refusal`."""
        try:
            return await self._send(request)
        except FetchError as exc:
            self.refusal = exc
            raise httpx2.ConnectError(str(exc)) from exc
        except httpcore.TimeoutException as exc:
            self.refusal = FetchTimeout(f"Host: {self._origin.host}.")
            raise httpx2.ReadTimeout(str(self.refusal)) from exc
        except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
            self.refusal = FetchFailed(f"Host: {self._origin.host}.")
            raise httpx2.ConnectError(str(self.refusal)) from exc

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        url = parse_url(str(request.url))
        if url.origin != self._origin.origin:
            raise FetchFailed(f"It leads to {url.origin}; name that server itself if it is meant.")
        addresses = await checked_addresses(
            url.host, url.port, resolver=self._resolver, allowed=self._networks
        )
        if url.scheme == "https" and self._ssl is None:
            self._ssl = httpx2.create_ssl_context()
        backend = PinnedBackend(addresses)
        connection = httpcore.AsyncHTTPConnection(
            httpcore.Origin(url.scheme.encode(), url.host.encode(), url.port),
            ssl_context=self._ssl,
            network_backend=backend,
        )
        try:
            response = await connection.handle_async_request(await _message(url, request))
            _check_header(response, url)
        except BaseException:
            await connection.aclose()
            await backend.aclose()
            raise
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response, connection, backend, self),
        )


class _Body(httpx2.AsyncByteStream):
    """A response's body as it arrives; its connection ends with it."""

    def __init__(
        self,
        response: httpcore.Response,
        connection: httpcore.AsyncHTTPConnection,
        backend: PinnedBackend,
        transport: GuardedTransport,
    ) -> None:
        self._response = response
        self._connection = connection
        self._backend = backend
        self._transport = transport

    async def __aiter__(self) -> AsyncIterator[bytes]:
        arrived = 0
        try:
            async for part in self._response.aiter_stream():
                arrived += len(part)
                if arrived > MAX_BODY:
                    self._transport.refusal = ResponseTooLarge(f"More than {MAX_BODY} bytes.")
                    raise httpx2.ReadError(str(self._transport.refusal))
                yield part
        except httpcore.TimeoutException as exc:
            raise httpx2.ReadTimeout("It took too long.") from exc
        except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
            raise httpx2.ReadError("The connection broke.") from exc

    async def aclose(self) -> None:
        await self._response.aclose()
        await self._connection.aclose()
        await self._backend.aclose()


async def _message(url: Url, request: httpx2.Request) -> httpcore.Request:
    headers = [(name, value) for name, value in request.headers.raw if name.lower() not in _OURS]
    return httpcore.Request(
        request.method,
        httpcore.URL(
            scheme=url.scheme.encode(),
            host=url.host.encode(),
            port=url.port,
            target=url.target.encode(),
        ),
        headers=[
            (b"Host", url.authority.encode()),
            (b"Accept-Encoding", b"identity"),  # what is not packed cannot unpack to more
            (b"Connection", b"close"),
            *headers,
        ],
        content=await request.aread(),
        extensions={"timeout": request.extensions.get("timeout", {})},
    )


def _check_header(response: httpcore.Response, url: Url) -> None:
    if sum(len(name) + len(value) + 4 for name, value in response.headers) > MAX_HEADER:
        raise ResponseTooLarge(f"The header, of host {url.host}.")
    if any(
        name.lower() == b"content-encoding" and value.strip().lower() not in (b"", b"identity")
        for name, value in response.headers
    ):
        raise FetchFailed("It is compressed, though that was not asked for.")

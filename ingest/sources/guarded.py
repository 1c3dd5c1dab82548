"""The one client for fetches that users name: it goes to public hosts only, and stops in time."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from time import monotonic

import certifi
import httpcore

from ingest.sources.addresses import Network
from ingest.sources.compression import Gunzip
from ingest.sources.errors import (
    BlockedPort,
    FetchFailed,
    FetchTimeout,
    InsecureRedirect,
    ResponseTooLarge,
    TooManyRedirects,
    UnsupportedContentType,
)
from ingest.sources.pinned import PinnedBackend, Resolver, checked_addresses, system_resolver
from ingest.sources.urls import Url, parse_url, resolve

Admit = Callable[[Url], Awaitable[None]]
"""Asked before a redirect is followed; raises what forbids it."""

_MIB = 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# All else, like Authorization and Cookie, is meant for the origin that was named, and stays there.
_TRAVELS = frozenset({"accept", "accept-language", "user-agent"})
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w.:+-]+)", re.IGNORECASE | re.ASCII)
_TOO_LONG_FOR_H11 = 431


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Bounds on one fetch, redirects included. Past any of them a typed error is raised."""

    connect_seconds: float = 10.0
    """To look up the host and connect; once more for the TLS handshake."""
    total_seconds: float = 60.0
    """From the first lookup to the last byte."""
    body_bytes: int = 32 * _MIB
    """Of the body, counted as it arrives and again as it is unpacked."""
    header_bytes: int = 64 * 1024
    """Of one response's header. Past 100 KiB the HTTP library gives up on its own."""
    redirects: int = 10
    """Followed one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A server's final answer."""

    url: str
    """Where the redirects ended."""
    status: int
    """Any but a redirect; statuses like 404 are not raised."""
    content_type: str | None
    """The media type alone, in lower case."""
    charset: str | None
    etag: str | None
    last_modified: str | None
    body: bytes
    """Unpacked. Empty unless the status is a 2xx: other bodies are not read."""


class GuardedFetcher:
    """Fetches over HTTP and HTTPS from the public internet and from networks that are allowed.

    Ports below 1024 other than 80 and 443 belong to protocols like SSH and SMTP, to which a
    request could be made to speak; they are refused unless allowed. Each request has its own
    connection, so nothing is shared between users and nothing outlives its check. Proxy settings
    in the environment are not looked at: a proxy would look names up anew.
    """

    def __init__(
        self,
        *,
        limits: FetchLimits | None = None,
        allowed_networks: Collection[Network] = (),
        allowed_ports: Collection[int] = (),
        resolver: Resolver = system_resolver,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or FetchLimits()
        self._networks = tuple(allowed_networks)
        self._ports = frozenset({80, 443, *allowed_ports})
        self._resolver = resolver
        self._ssl = ssl_context

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        admit: Admit | None = None,
        content_types: Collection[str] | None = None,
    ) -> Fetched:
        """The page at this URL, or where it redirects to; each hop is checked like the first.

        Headers other than Accept, Accept-Language and User-Agent are not sent to another origin.
        A 2xx of a type that is not among `content_types` is refused before its body is read.
        The time `admit` takes does not count. Raises the errors of `ingest.sources.errors`.
        """
        here = parse_url(url)
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        seen = {str(here)}
        left = self._limits.total_seconds
        while True:
            started = monotonic()
            try:
                async with asyncio.timeout(left):
                    answer = await self._request(here, sent, content_types)
            except TimeoutError as exc:
                raise FetchTimeout(f"Host: {here.host}.") from exc
            left -= monotonic() - started
            if isinstance(answer, Fetched):
                return answer
            there = resolve(here, answer.location)
            if here.scheme == "https" and there.scheme == "http":
                raise InsecureRedirect(f"To: {there}.")
            if str(there) in seen or len(seen) > self._limits.redirects:
                raise TooManyRedirects(f"To: {there}.")
            if there.origin != here.origin:
                sent = {name: value for name, value in sent.items() if name in _TRAVELS}
            if admit is not None:
                await admit(there)
            seen.add(str(there))
            here = there

    async def _request(
        self, url: Url, headers: Mapping[str, str], content_types: Collection[str] | None
    ) -> Fetched | _Redirect:
        if url.port < 1024 and url.port not in self._ports:
            raise BlockedPort(f"Port: {url.port}.")
        async with asyncio.timeout(self._limits.connect_seconds):
            addresses = await checked_addresses(
                url.host, url.port, resolver=self._resolver, allowed=self._networks
            )
        if url.scheme == "https" and self._ssl is None:
            self._ssl = _trust()  # not before it is needed: to load it takes a while
        backend = PinnedBackend(addresses)
        origin = httpcore.Origin(url.scheme.encode(), url.host.encode(), url.port)
        connection = httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._ssl, network_backend=backend
        )
        try:
            response = await connection.handle_async_request(self._message(url, headers))
            return await self._answer(url, response, content_types)
        except httpcore.TimeoutException as exc:
            raise FetchTimeout(f"Host: {url.host}.") from exc
        except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
            if getattr(exc.__cause__, "error_status_hint", None) == _TOO_LONG_FOR_H11:
                raise ResponseTooLarge(f"The header, of host {url.host}.") from exc
            raise FetchFailed(f"Host: {url.host}: {exc}".rstrip(": ") + ".") from exc
        finally:
            await connection.aclose()
            await backend.aclose()

    def _message(self, url: Url, headers: Mapping[str, str]) -> httpcore.Request:
        ours = {"host": url.authority, "accept-encoding": "gzip", "connection": "close"}
        return httpcore.Request(
            "GET",
            httpcore.URL(
                scheme=url.scheme.encode(),
                host=url.host.encode(),
                port=url.port,
                target=url.target.encode(),
            ),
            headers=[
                (name.encode(), value.encode()) for name, value in {**headers, **ours}.items()
            ],
            extensions={"timeout": {"connect": self._limits.connect_seconds}},
        )

    async def _answer(
        self, url: Url, response: httpcore.Response, content_types: Collection[str] | None
    ) -> Fetched | _Redirect:
        header = _Header(response.headers)
        if header.size > self._limits.header_bytes:
            raise ResponseTooLarge(f"The header, of host {url.host}.")
        location = header.first("location")
        if response.status in _REDIRECTS and location is not None:
            return _Redirect(location)
        content_type = header.first("content-type") or ""
        media_type = content_type.partition(";")[0].strip().lower() or None
        charset = _CHARSET.search(content_type)
        body = b""
        if 200 <= response.status < 300:
            if content_types is not None and media_type not in content_types:
                raise UnsupportedContentType(f"It is {media_type or 'of no stated type'}.")
            body = await self._body(response, header)
        return Fetched(
            url=str(url),
            status=response.status,
            content_type=media_type,
            charset=charset[1] if charset else None,
            etag=header.first("etag"),
            last_modified=header.first("last-modified"),
            body=body,
        )

    async def _body(self, response: httpcore.Response, header: _Header) -> bytes:
        coding = (header.every("content-encoding") or "identity").lower()
        if coding not in ("identity", "gzip", "x-gzip"):
            raise FetchFailed(f"It is compressed as {coding!r}, though only gzip was asked for.")
        packed = None if coding == "identity" else Gunzip()
        limit, arrived, body = self._limits.body_bytes, 0, bytearray()
        async for chunk in response.aiter_stream():
            arrived += len(chunk)
            for piece in (chunk,) if packed is None else packed.feed(chunk):
                body += piece
                if max(arrived, len(body)) > limit:
                    raise ResponseTooLarge(f"More than {limit} bytes.")
        if packed is not None:
            packed.finish()
        return bytes(body)


@dataclass(frozen=True, slots=True)
class _Redirect:
    location: str


class _Header:
    """A response's header, as text."""

    def __init__(self, items: list[tuple[bytes, bytes]]) -> None:
        self.size = sum(len(name) + len(value) + len(b": \r\n") for name, value in items)
        self._items = [(name.lower(), value) for name, value in items]

    def first(self, name: str) -> str | None:
        """The first of that name. Bytes are UTF-8, as browsers send them, or else Latin-1."""
        for found, value in self._items:
            if found == name.encode():
                try:
                    return value.decode()
                except UnicodeDecodeError:
                    return value.decode("latin-1")
        return None

    def every(self, name: str) -> str:
        """All of that name, as one list."""
        values = [value.decode("latin-1") for found, value in self._items if found == name.encode()]
        return ", ".join(value for value in values if value)


def _trust() -> ssl.SSLContext:
    """The system's certificate authorities and Mozilla's, which small containers lack."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context

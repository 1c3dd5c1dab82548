"""Connections to addresses that were checked, so that DNS cannot be changed after the check."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import cast

import httpcore

from ingest.sources.addresses import Address, Network, is_admitted, parse_address
from ingest.sources.errors import BlockedAddress, UnknownHost

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name, the best one first. Raises OSError where it has none."""

_TRIED = 4  # addresses of one host

# As httpcore types what it hands to `setsockopt`.
_SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)


async def system_resolver(host: str, port: int) -> list[str]:
    """What the operating system says, each address once, in its order of preference."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def checked_addresses(
    host: str, port: int, *, resolver: Resolver, allowed: Sequence[Network]
) -> list[Address]:
    """The host's addresses, looked up once, all of them admitted.

    One private address among public ones refuses the host: whoever runs its DNS decides which of
    them comes first. Raises UnknownHost and BlockedAddress; neither tells what a name resolves
    to, which would let strangers explore the operator's own DNS.
    """
    literal = parse_address(host)
    if literal is not None:
        found = [literal]
    else:
        try:
            found = [parse_address(text) for text in await resolver(host, port)]
        except (OSError, UnicodeError) as exc:
            raise UnknownHost(f"Host: {host}.") from exc
    addresses = [address for address in found if address is not None]
    if not addresses:
        raise UnknownHost(f"Host: {host}.")
    if len(addresses) < len(found) or not all(is_admitted(one, allowed) for one in addresses):
        raise BlockedAddress(f"Host: {host}.")
    return addresses[:_TRIED]


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects one fetch to one of the given addresses, whatever name it is asked for."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses
        # A stand-in for installations without anyio hides the class from type checkers.
        self._tcp = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The first address that answers; they share the time. Raises httpcore's errors."""
        share = None if timeout is None else timeout / len(self._addresses)
        for number, address in enumerate(self._addresses, start=1):
            try:
                self._stream = await self._tcp.connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(self._addresses):
                    raise
            else:
                return self._stream
        raise httpcore.ConnectError

    async def aclose(self) -> None:
        """Close the connection, also one that was cut off in the middle of its TLS handshake."""
        if self._stream is not None:
            await self._stream.aclose()

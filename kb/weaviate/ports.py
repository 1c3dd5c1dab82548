"""The six ports of a Weaviate server, in a row."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

LOCALHOST = "127.0.0.1"
FIRSTS = range(20_000, 30_000, 6)  # systems take none of these for outgoing connections


@dataclass(frozen=True, slots=True)
class Ports:
    """It cannot do without any of them, although it talks to nobody but us."""

    http: int

    @property
    def grpc(self) -> int:
        return self.http + 1

    @property
    def gossip(self) -> int:
        return self.http + 2

    @property
    def data(self) -> int:
        """On one machine, Weaviate takes it for the next one to `gossip`."""
        return self.http + 3

    @property
    def raft(self) -> int:
        return self.http + 4

    @property
    def raft_rpc(self) -> int:
        """On one machine, Weaviate takes it for the next one to `raft`."""
        return self.http + 5

    @property
    def are_free(self) -> bool:
        """Nobody listens on any."""
        return all(map(_is_free, range(self.http, self.http + 6)))


def free_ports() -> Ports:
    """Some that nobody listens on."""
    rows = map(Ports, random.sample(FIRSTS, len(FIRSTS)))
    return next(ports for ports in rows if ports.are_free)


def accepts(port: int) -> bool:
    """Somebody listens there."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((LOCALHOST, port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("", port))
        except OSError:
            return False
    return True

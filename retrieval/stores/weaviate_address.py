"""Where a Weaviate server is, and who may ask it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class WeaviateAddress:
    """How to reach a Weaviate server."""

    url: str
    """The REST API's, as http://127.0.0.1:8080; gRPC is on the same host."""

    grpc_port: int = 50051
    api_key: str | None = field(default=None, repr=False)


Locate = Callable[[], Awaitable[WeaviateAddress]]
"""Says where it is now; may start one."""

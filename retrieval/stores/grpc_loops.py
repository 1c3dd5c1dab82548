"""Event loops in several threads that share gRPC."""

from __future__ import annotations

import asyncio
from typing import Any


def share_grpc(loop: asyncio.AbstractEventLoop) -> None:
    """Keep the loop from logging an error for each call that another loop makes.

    gRPC wakes all loops of a process through one socket. Who reads it second finds it empty, which
    does no harm, but gRPC raises `BlockingIOError` (grpc/grpc, issue 25364). A loop that has an
    exception handler keeps it.
    """
    if loop.get_exception_handler() is None:
        loop.set_exception_handler(_handle)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    woken = "PollerCompletionQueue._handle_events" in str(context.get("message"))
    if not (woken and isinstance(context.get("exception"), BlockingIOError)):
        loop.default_exception_handler(context)

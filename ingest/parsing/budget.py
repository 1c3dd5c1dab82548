"""What one file may unpack to, however many containers are packed inside each other in it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from ingest.parsing.errors import DocumentTooLarge

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLimits:
    """Bounds on everything that is unpacked from one file. Past any: DocumentTooLarge."""

    members: int = 10_000
    """Files in all containers together. A handbook has hundreds; each costs a parse."""
    depth: int = 8
    """Containers inside each other. Mails forwarded many times are the deepest honest ones."""
    member_bytes: int = 128 * _MIB
    """Of one file unpacked: what the service takes as a file of its own."""
    total_bytes: int = 512 * _MIB
    """Of all files unpacked together: about what a parse has the time and memory for."""
    ratio: int = 200
    """Bytes unpacked for each packed one. Markup and logs reach 100; Deflate can do 1032."""
    ratio_from: int = 8 * _MIB
    """Bytes unpacked before the ratio counts. Small files may be repetitive and do no harm."""


LIMITS = ContainerLimits()


class Budget:
    """What is left of the limits for one file while the containers in it are read."""

    def __init__(self, limits: ContainerLimits = LIMITS) -> None:
        self.limits = limits
        self.depth = 0
        self._members = limits.members
        self._bytes = limits.total_bytes

    def spend_members(self, count: int) -> None:
        """Count files found in a container. DocumentTooLarge, and none counted, if too many."""
        if count > self._members:
            raise DocumentTooLarge(
                f"It holds {count} files; {self.limits.members} may be unpacked in all."
            )
        self._members -= count

    def spend_bytes(self, count: int) -> None:
        """Count bytes unpacked. DocumentTooLarge once there are too many."""
        self._bytes -= count
        if self._bytes < 0:
            raise DocumentTooLarge(
                f"Unpacked, all of it is over {self.limits.total_bytes // _MIB} MiB."
            )


_CURRENT: ContextVar[Budget | None] = ContextVar("kb_container_budget", default=None)


@contextmanager
def container() -> Generator[Budget]:
    """Enter a container, one level deeper than the one being read, on the same budget.

    A parse function is handed bytes and nothing else, so the budget travels in a context variable:
    the outermost container sets a fresh one and takes it away when it is left, whatever happens
    in between. No document sees what another one spent, and threads and tasks have their own.
    Raises DocumentTooLarge where containers are packed inside each other too deeply.
    """
    budget = _CURRENT.get()
    token = None
    if budget is None:
        budget = Budget()
        token = _CURRENT.set(budget)
    budget.depth += 1
    try:
        if budget.depth > budget.limits.depth:
            raise DocumentTooLarge(
                f"It is packed inside more than {budget.limits.depth} other files."
            )
        yield budget
    finally:
        budget.depth -= 1
        if token is not None:
            _CURRENT.reset(token)

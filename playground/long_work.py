"""Long work that outlives its page: it goes on while the page is reloaded or closed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Generic, TypeVar
from uuid import UUID

from playground.errors import StillUnderWay
from playground.sweep import Step
from retrieval.errors import ServiceError

T = TypeVar("T")
Tell = Callable[[Step], None]
logger = logging.getLogger(__name__)


class LongWork(Generic[T]):
    """One piece of work on a thread of its own."""

    def __init__(self, do: Callable[[Tell], T], stop: Callable[[], None]) -> None:
        """`do` is given whom to tell how far it is; `stop` makes it raise, soon."""
        self._do = do
        self._stop = stop
        self.step = Step(doing="Beginning", done=0.0)
        self.result: T | None = None
        self.error: str | None = None
        """What went wrong, for people."""
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> LongWork[T]:
        """Once."""
        self._thread.start()
        return self

    @property
    def is_running(self) -> bool:
        """It has neither a result nor an error yet."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask it to end; what it has by then may be kept elsewhere."""
        self._stop()

    def wait(self, seconds: float | None = None) -> None:
        """Until it has ended."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self.result = self._do(self._tell)
        except ServiceError as exc:
            self.error = str(exc)
        except Exception as exc:
            logger.exception("work of the playground has failed")
            self.error = f"{type(exc).__name__}: {exc}"

    def _tell(self, step: Step) -> None:
        self.step = step


@dataclass(frozen=True, slots=True)
class Works:
    """What is under way, by knowledge base and kind, for pages that come back to it."""

    _works: dict[tuple[UUID, str], LongWork[object]]
    _lock: Lock

    def start(self, kb: UUID, kind: str, work: LongWork[object]) -> None:
        """Start it. Raises `StillUnderWay`."""
        with self._lock:
            before = self._works.get((kb, kind))
            if before is not None and before.is_running:
                raise StillUnderWay
            self._works[kb, kind] = work
            work.start()

    def get(self, kb: UUID, kind: str) -> LongWork[object] | None:
        """The latest one, ended or not."""
        return self._works.get((kb, kind))

    def forget(self, kb: UUID, kind: str) -> None:
        """What it came to is not wanted any longer."""
        with self._lock:
            self._works.pop((kb, kind), None)


UNDER_WAY = Works({}, Lock())
"""Of this process: the pages of a service share it. Whoever asks for a knowledge base's work must
have been shown that knowledge base by the service."""

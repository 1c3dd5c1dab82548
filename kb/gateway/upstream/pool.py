"""The servers of one model: which one is asked, and what is done when it fails."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from random import uniform

from kb.gateway.completion import Asked, Part
from kb.gateway.upstream.client import ModelServer
from kb.gateway.upstream.errors import (
    BrokenStream,
    UpstreamBusy,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)

PAUSES = (0.5, 1.5)  # before each further try, once every server was tried
LONGEST_PAUSE = 10.0  # a server that asks for more is not asked again; the caller may
REST_SECONDS = 2.0  # of a server that failed, and twice that after each further failure
LONGEST_REST = 60.0

PASSING = (UpstreamUnavailable, UpstreamBusy, UpstreamTimeout, BrokenStream)
"""What another server may do better, or the same one later."""

logger = logging.getLogger(__name__)


class Replica:
    """A server, how much it has to do, and whether it rests after failing."""

    def __init__(self, server: ModelServer, name: str) -> None:
        self.server = server
        self.busy = 0
        self._name = name
        self._failures = 0
        self._rests_until = 0.0

    def rest_left(self) -> float:
        """Seconds for which any other server is better."""
        return max(0.0, self._rests_until - time.monotonic())

    @contextmanager
    def at_work(self) -> Generator[None]:
        """While a request is under way; one that fails makes it rest."""
        self.busy += 1
        try:
            yield
        except PASSING as exc:
            self._rest(exc)
            raise
        finally:
            self.busy -= 1

    def answered(self) -> None:
        """It works, so that a failure to come is the first again."""
        self._failures, self._rests_until = 0, 0.0

    def _rest(self, error: UpstreamError) -> None:
        seconds = max(REST_SECONDS * 2**self._failures, error.retry_after)
        seconds = min(seconds, LONGEST_REST)
        self._failures = min(self._failures + 1, 10)
        self._rests_until = time.monotonic() + seconds
        logger.warning("%s rests for %g s: %s", self._name, seconds, type(error).__name__)


class Pool:
    """A `Complete` for one model. The servers share its requests, and help each other out."""

    def __init__(
        self,
        name: str,
        servers: Sequence[ModelServer],
        *,
        concurrency: int,
        wait: float,
    ) -> None:
        """At most `concurrency` requests are under way; others wait that many seconds for their
        turn."""
        self._name = name
        self._replicas = [
            Replica(server, f"{name}, server {number}") for number, server in enumerate(servers, 1)
        ]
        self._concurrency = concurrency
        self._wait = wait
        self._turns = asyncio.Semaphore(concurrency)

    async def __call__(self, asked: Asked) -> AsyncGenerator[Part]:
        """Tried again only while the caller has had nothing."""
        async with self._turn():
            tried: list[Replica] = []
            while True:
                replica, begun = self._next(tried), False
                try:
                    with replica.at_work():
                        async with aclosing(replica.server.complete(asked)) as parts:
                            async for part in parts:
                                begun = True
                                yield part
                    replica.answered()
                except PASSING as exc:
                    tried.append(replica)
                    pause = self._pause(exc, tried)
                    if begun or pause is None:
                        raise
                else:
                    return
                await asyncio.sleep(pause)

    async def answering(self) -> int:
        """How many of the servers answer."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.server.answers()) for one in self._replicas]
        return sum(task.result() for task in tasks)

    @property
    def size(self) -> int:
        """How many servers there are."""
        return len(self._replicas)

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self._wait):
                await self._turns.acquire()
        except TimeoutError as exc:
            said = f"{self._name}: {self._concurrency} requests are under way."
            raise UpstreamBusy(said, retry_after=self._wait) from exc
        try:
            yield
        finally:
            self._turns.release()

    def _next(self, tried: Sequence[Replica]) -> Replica:
        """One that this request has not tried, that does not rest, that has little to do."""
        return min(self._replicas, key=lambda one: (tried.count(one), one.rest_left(), one.busy))

    def _pause(self, error: UpstreamError, tried: Sequence[Replica]) -> float | None:
        """Seconds until the next try; none when there is to be no other."""
        further = len(tried) - len(self._replicas)
        if further < 0:
            return 0
        # Somebody has waited long enough for a server that is slow.
        if isinstance(error, UpstreamTimeout) or further >= len(PAUSES):
            return None
        if error.retry_after > LONGEST_PAUSE:
            return None
        spread = uniform(0.5, 1.0)  # noqa: S311 - so that those who failed together do not return so
        return max(error.retry_after, PAUSES[further] * spread)

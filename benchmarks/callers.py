"""Callers at a time: each with a connection of its own, all starting a turn together."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import cycle, islice
from time import perf_counter
from typing import Protocol

from benchmarks.service import Running, ServiceFailed


class Caller(Protocol):
    """One client."""

    def ask(self, question: str) -> object: ...

    def close(self) -> None: ...


class HttpCaller:
    """Asks `/retrieve` over one kept connection.

    The leanest client there is: its own work would be counted as the service's.
    """

    def __init__(
        self, service: Running, base_id: object, num_results: int, *, alpha: float = 0.5
    ) -> None:
        self._http = HTTPConnection(service.url.removeprefix("http://"), timeout=60)
        self._path = f"/v1/{base_id}/retrieve"
        self._options = {"num_results": num_results, "alpha": alpha}
        self._headers = {
            "authorization": f"Bearer {service.api_key}",
            "content-type": "application/json",
        }

    def ask(self, question: str) -> list[str]:
        """The names of the documents found."""
        body = json.dumps({"query": question, **self._options})
        self._http.request("POST", self._path, body, self._headers)
        response = self._http.getresponse()
        answer = response.read()
        if response.status != HTTPStatus.OK:
            raise ServiceFailed(f"/retrieve answers {response.status}: {answer.decode()}")
        return [one["metadata"]["item_name"] for one in json.loads(answer)["results"]]

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()


@dataclass
class Measured:
    """Seconds that questions took, and that all of them took together."""

    seconds: list[float] = field(default_factory=list[float])
    elapsed: float = 0.0

    @property
    def per_second(self) -> float:
        """Questions answered in a second."""
        return len(self.seconds) / self.elapsed


def in_turns(
    ways: Sequence[tuple[Callable[[], Caller], Measured]],
    questions: Sequence[str],
    *,
    clients: int,
    turn: int,
    on_turn: Callable[[], None],
) -> None:
    """Ask all questions each way, by so many clients at a time.

    So many questions of each client one way, the same ones the next way, and so on: whatever else
    the machine does hits all ways alike. Each turn another way begins, as those after it find in
    the machine's caches what it has read.
    """
    callers = [[make() for _ in range(clients)] for make, _ in ways]
    order = deque(range(len(ways)))
    try:
        with ThreadPoolExecutor(clients) as threads:
            for start in range(0, len(questions), clients * turn):
                asked = questions[start : start + clients * turn]
                shares = [share for n in range(clients) if (share := asked[n::clients])]
                for way in order:
                    measured = ways[way][1]
                    began = perf_counter()
                    for seconds in threads.map(_ask, callers[way], shares):
                        measured.seconds += seconds
                    measured.elapsed += perf_counter() - began
                order.rotate(-1)
                on_turn()
    finally:
        for mine in callers:
            for caller in mine:
                caller.close()


def repeated(questions: Sequence[str], count: int) -> list[str]:
    """So many, from the start again where there are fewer."""
    return list(islice(cycle(questions), count))


def _ask(caller: Caller, questions: Sequence[str]) -> list[float]:
    seconds: list[float] = []
    for question in questions:
        began = perf_counter()
        caller.ask(question)
        seconds.append(perf_counter() - began)
    return seconds

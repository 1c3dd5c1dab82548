"""A run of a dataset, followed to its end."""

from __future__ import annotations

from threading import Event
from typing import Any
from uuid import UUID

from playground.errors import PlaygroundError
from playground.long_work import LongWork, Tell
from playground.sweep import Step
from playground.workplace import Workplace

POLL_SECONDS = 0.5


class RunFailed(PlaygroundError):
    """The run came to nothing."""


class InvalidAlpha(PlaygroundError):
    """Alpha is a number from 0, words only, to 1, meaning only; empty for what is usual."""


def running(
    work: Workplace, kb: UUID, *, dataset: UUID, version: UUID, alpha: str
) -> LongWork[object]:
    """Have a worker ask the dataset; its result is the `Run`. Raises `InvalidAlpha`.

    Stopping only ends the waiting: the worker goes on.
    """
    options: dict[str, Any] = {
        "evaluation_dataset_uuid": str(dataset),
        "index_version_uuid": str(version),
    }
    if alpha.strip():
        options["alpha"] = _number(alpha)
    stopped = Event()

    def run(tell: Tell) -> object:
        found = work.client.start_run(kb, options)
        while found.status in ("pending", "running") and not stopped.wait(POLL_SECONDS):
            found = work.client.run(kb, found.uuid)
            doing = f"{found.asked} of {found.questions} questions asked"
            tell(Step(doing=doing, done=found.asked / max(found.questions, 1)))
        if found.status == "failed":
            raise RunFailed(found.error or "")
        return found

    return LongWork(run, stopped.set)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise InvalidAlpha(f"{text!r} is none.") from exc
    if not 0 <= value <= 1:
        raise InvalidAlpha(f"{text} is not.")
    return value

"""A question asked with one configuration or two: passages first, then the answer as it comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from playground.ask_settings import AskSettings
from playground.background import Background
from playground.bodies import AnswerCitation, AnswerPart
from playground.client import Client
from retrieval.errors import ServiceError
from retrieval.results import RetrieveResponse

SHOWN_EVERY = 0.25  # seconds; more often, the page would be busy drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What there is of one answer."""

    settings: AskSettings
    text: str = ""
    citations: tuple[AnswerCitation, ...] = ()
    found: RetrieveResponse | None = None
    """What the question itself finds; a language model may search with other words."""

    seconds: float | None = None
    """Until it was all there."""

    is_cut: bool = False
    """The longest answer that was allowed ended it."""

    is_stopped: bool = False
    error: ServiceError | None = None

    @property
    def is_done(self) -> bool:
        """Nothing more comes."""
        return self.seconds is not None


class Asking:
    """One question, all its answers side by side. Safe to look at while it goes on."""

    def __init__(
        self,
        client: Client,
        kb: UUID,
        question: str,
        configurations: Sequence[AskSettings],
        tell: Callable[[Asking], None],
    ) -> None:
        """`tell` is called when there is more to see."""
        self.question = question
        self._client = client
        self._kb = kb
        self._tell = tell
        self._told_at = 0.0
        self._lock = threading.Lock()
        self._answers = [Answer(settings=one) for one in configurations]
        self._work = [Background(self._ask(place)) for place in range(len(self._answers))]

    def start(self) -> None:
        """Ask."""
        for one in self._work:
            one.start()

    def stop(self) -> None:
        """What has come so far stays."""
        for one in self._work:
            one.stop()

    @property
    def answers(self) -> list[Answer]:
        """As far as they are."""
        with self._lock:
            return list(self._answers)

    @property
    def is_done(self) -> bool:
        """Nothing more comes."""
        return all(one.is_done for one in self.answers)

    def _ask(self, place: int) -> Callable[[Background], None]:
        def ask(work: Background) -> None:
            start = time.monotonic()
            try:
                self._run(place, work)
            except ServiceError as exc:
                error = exc
                self._add(place, lambda answer: replace(answer, error=error))
            seconds = time.monotonic() - start
            stopped = work.is_stopped
            self._add(place, lambda one: replace(one, seconds=seconds, is_stopped=stopped))

        return ask

    def _run(self, place: int, work: Background) -> None:
        settings = self._answers[place].settings
        found = self._client.retrieve(self._kb, settings.retrieve_options(self.question))
        self._add(place, lambda answer: replace(answer, found=found))
        with closing(self._client.chat(settings.chat_options(self._kb, self.question))) as parts:
            for part in parts:
                if work.is_stopped:
                    return
                self._add(place, partial(_longer, part))

    def _add(self, place: int, change: Callable[[Answer], Answer]) -> None:
        with self._lock:
            changed = change(self._answers[place])
            self._answers[place] = changed
            now = time.monotonic()
            is_due = changed.is_done or now - self._told_at > SHOWN_EVERY
            if is_due:
                self._told_at = now
        if is_due:
            self._tell(self)


def _longer(part: AnswerPart, answer: Answer) -> Answer:
    return replace(
        answer,
        text=answer.text + part.text,
        citations=(*answer.citations, *part.citations),
        is_cut=answer.is_cut or part.finish_reason == "length",
    )

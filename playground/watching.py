"""A page that begins long work, follows it, and shows how far it is."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import marimo as mo

from playground.long_work import UNDER_WAY, LongWork
from playground.looks import is_live, problem
from playground.sweep import Step
from retrieval.errors import ServiceError

EVERY = 0.4  # seconds


def begin(
    kb: UUID, kind: str, make: Callable[[], LongWork[object]], began: Callable[[], None]
) -> mo.Html | None:
    """Start what `make` makes; why not, where it cannot be made or one is still under way."""
    try:
        UNDER_WAY.start(kb, kind, make())
    except ServiceError as error:
        return problem(error)
    began()
    return None


def watch(
    work: LongWork[object] | None,
    show: Callable[[Step | None], None],
    ended: Callable[[], None],
) -> None:
    """Show each step until it has ended; on a thread, so that the page can be used meanwhile.

    Where no page could go on, as in Jupyter, it is waited for. Does nothing without work under way.
    """
    if work is None or not work.is_running:
        return

    def follow() -> None:
        while work.is_running:
            if is_live() and mo.current_thread().should_exit:  # pyright: ignore[reportAttributeAccessIssue] it runs on an mo.Thread
                return
            show(work.step)
            work.wait(EVERY)
        show(None)
        ended()

    if is_live():
        mo.Thread(target=follow, daemon=True).start()
    else:
        work.wait()
        ended()

"""Work that takes a while, beside the page: it shows how far it is, and it can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

import marimo as mo

from playground.looks import is_live

Tell = Callable[[], None]
"""Has the page show what there is by now."""


class Background:
    """Runs once. `is_stopped` tells the work that nobody waits for it any longer."""

    def __init__(self, work: Callable[[Background], None]) -> None:
        """`work` catches what it expects to go wrong and shows it."""
        self._work = work
        self._stopped = threading.Event()

    def start(self) -> None:
        """On a thread, so that the page goes on; at once where no page could, as in Jupyter."""
        if is_live():
            mo.Thread(target=self._work, args=(self,), daemon=True).start()
        else:
            self._work(self)

    def stop(self) -> None:
        """Ask it to end."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether it was asked to end."""
        return self._stopped.is_set()

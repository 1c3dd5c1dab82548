"""Long work: one of a kind at a time, and what it came to."""

from __future__ import annotations

from threading import Event, Lock
from uuid import uuid4

import pytest

from playground.errors import StillUnderWay
from playground.long_work import LongWork, Works


def test_one_of_a_kind_at_a_time() -> None:
    works, kb, go_on = Works({}, Lock()), uuid4(), Event()
    first = LongWork[object](lambda _: go_on.wait(60), go_on.set)
    works.start(kb, "run", first)
    second = LongWork[object](lambda _: "second", go_on.set)
    with pytest.raises(StillUnderWay, match="wait for it to end, or stop it"):
        works.start(kb, "run", second)
    assert works.get(kb, "run") is first
    works.start(kb, "sweep", LongWork(lambda _: "of another kind", go_on.set))
    first.stop()
    first.wait(60)
    works.start(kb, "run", second)
    second.wait(60)
    assert second.result == "second"

"""Which tasks of this process's jails are still running."""

from __future__ import annotations

import psutil


def under_way() -> list[psutil.Process]:
    """The children that the nurseries of this process have, and theirs.

    A browser or a database of other tests may start processes at any time, so those don't count.
    """
    nurseries = [
        one
        for one in psutil.Process().children()
        if one.status() != psutil.STATUS_ZOMBIE and "ingest.parsing.nursery" in one.cmdline()
    ]
    assert nurseries, "No jail is open."
    return [child for one in nurseries for child in one.children(recursive=True)]

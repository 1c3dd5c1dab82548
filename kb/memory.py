"""How much memory there is to be shared out."""

from __future__ import annotations

import os
from pathlib import Path

CONTAINER = Path("/sys/fs/cgroup/memory.max")


def memory_bytes(container: Path = CONTAINER) -> int:
    """The machine's, or what of it the container may use where that is less."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if not container.exists():
        return physical
    limit = container.read_text("ascii").strip()  # or `max`
    return min(physical, int(limit)) if limit.isdecimal() else physical

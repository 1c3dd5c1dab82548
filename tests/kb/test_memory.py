"""What may be used of the machine's memory."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from kb.memory import memory_bytes

PHYSICAL = psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max\n", PHYSICAL), ("1073741824\n", 1 << 30), (f"{PHYSICAL * 2}\n", PHYSICAL)],
)
def test_a_container_may_use_less_than_there_is(tmp_path: Path, limit: str, expected: int) -> None:
    file = tmp_path / "memory.max"
    file.write_text(limit)
    assert memory_bytes(file) == expected


def test_without_a_container_it_is_all(tmp_path: Path) -> None:
    assert memory_bytes(tmp_path / "memory.max") == PHYSICAL

"""Queries are read from files without what is for their readers alone."""

from __future__ import annotations

from pathlib import Path

from retrieval.sql import load_queries

FILE = """\
-- Of the whole file.

-- name: first
-- Why it is so.
SELECT a, -- the first letter
    b
-- In between.
FROM {table}
WHERE a - -1 > %(least)s; -- closed

-- name: second
SELECT 2;
"""


def test_queries_come_by_name_without_comments_and_indentation(tmp_path: Path) -> None:
    path = tmp_path / "queries.sql"
    path.write_text(FILE)
    assert load_queries(path) == {
        "first": "SELECT a,\nb\nFROM {table}\nWHERE a - -1 > %(least)s",
        "second": "SELECT 2",
    }

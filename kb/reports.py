"""A job's report as CSV, for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields

from kb.catalog.jobs import ReportRow


def as_csv(rows: Sequence[ReportRow]) -> Iterator[str]:
    """A header line, then a line for each row."""
    yield _line([field.name for field in fields(ReportRow)])
    for row in rows:
        values = {**asdict(row), "notes": " ".join(row.notes)}
        yield _line([_cell(value) for value in values.values()])


def _line(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()


def _cell(value: object) -> str:
    """A value that no spreadsheet takes for a formula: names of documents come from anywhere."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text

"""FinanceBench: analysts' questions about reports, and the pages that answer them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.beir import VARIABLE, CollectionMissing
from benchmarks.quality.data_set import Corpus, DataSet, File, Found, Question, Task

FOLDER = "financebench_subset"
QUESTIONS, REPORTS = "financebench_open_source.jsonl", "pdfs"
DEPTHS = (1, 5, 10, 20)
ABOUT = """\
{reports} reports as PDF; the {questions} questions that they answer. A page counts as found where a
passage begins on it; figures are the share of a question's evidence pages among those of the best
k passages, averaged. Asked of all reports at once, and of the right one by a filter on its name.
Nobody publishes figures for pages."""


def load(folder: Path | None) -> DataSet:
    """Raises `CollectionMissing`."""
    if folder is None or not (folder / FOLDER / QUESTIONS).is_file():
        raise CollectionMissing(
            f"{VARIABLE} must name a folder that holds FinanceBench in {FOLDER}: {QUESTIONS} and"
            f" {REPORTS}."
        )
    reports = sorted((folder / FOLDER / REPORTS).glob("*.pdf"))
    names = {path.name for path in reports}
    with (folder / FOLDER / QUESTIONS).open(encoding="utf-8") as lines:
        asked = [json.loads(line) for line in lines]
    of_report = [
        (f"{row['doc_name']}.pdf", row["question"], _pages(row["evidence"]))
        for row in asked
        if f"{row['doc_name']}.pdf" in names
    ]
    every = Task(
        title="all reports at once",
        corpus=Corpus(
            name="financebench", files=[File(path.name, path.read_bytes) for path in reports]
        ),
        questions=[
            Question(text=text, answers=frozenset([report]), score=partial(_score, report, pages))
            for report, text, pages in of_report
        ],
        metrics=tuple(f"pages@{depth}" for depth in DEPTHS),
        headline=f"pages@{DEPTHS[-1]}",
        num_results=DEPTHS[-1],
    )
    right = replace(
        every,
        title="the right report",
        questions=[
            replace(question, filters={"equals": {"key": "item_name", "value": report}})
            for question, (report, _, _) in zip(every.questions, of_report, strict=True)
        ],
    )
    return DataSet(
        name="financebench",
        title="FinanceBench",
        about=ABOUT.format(reports=len(reports), questions=len(of_report)),
        tasks=[every, right],
    )


def _pages(evidence: Sequence[dict[str, int]]) -> frozenset[int]:
    """Counted from 1; the data set counts from 0."""
    return frozenset(one["evidence_page_num"] + 1 for one in evidence)


def _score(report: str, pages: frozenset[int], passages: Sequence[Found]) -> list[float]:
    found = [one.page if one.item_name == report else None for one in passages]
    return [len(pages.intersection(found[:depth])) / len(pages) for depth in DEPTHS]

"""XQuAD: questions about paragraphs of Wikipedia, the same in several languages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.beir import VARIABLE, CollectionMissing
from benchmarks.metrics import ndcg
from benchmarks.quality.data_set import Corpus, DataSet, File, Found, Question, Task
from benchmarks.yardsticks import XQUAD_DE, XQUAD_EN

FOLDER = "xquad"
LANGUAGES = {"en": ("English", XQUAD_EN), "de": ("German", XQUAD_DE)}
ABOUT = """\
240 paragraphs of Wikipedia, each a document without its title; {questions:,} questions, each
answered by one paragraph, in {language}. The knowledge base is not told which language it is."""


def load(language: str, folder: Path | None) -> DataSet:
    """Raises `CollectionMissing`."""
    file = f"xquad.{language}.json"
    if folder is None or not (folder / FOLDER / file).is_file():
        raise CollectionMissing(f"{VARIABLE} must name a folder that holds {FOLDER}/{file}.")
    files: list[File] = []
    questions: list[Question] = []
    data = json.loads((folder / FOLDER / file).read_bytes())["data"]
    for number, (context, asked) in enumerate(_paragraphs(data)):
        name = f"{number:03}.txt"
        files.append(File(name, context.encode))
        questions += [
            Question(text=one, answers=frozenset([name]), score=partial(_score, name))
            for one in asked
        ]
    called, published = LANGUAGES[language]
    return DataSet(
        name=f"xquad-{language}",
        title=f"XQuAD, {called}",
        about=ABOUT.format(questions=len(questions), language=called),
        tasks=[
            Task(
                title="paragraphs",
                corpus=Corpus(name=f"xquad-{language}", files=files),
                questions=questions,
                metrics=("nDCG@10", "recall@1"),
                headline="nDCG@10",
                num_results=20,
            )
        ],
        published=published,
    )


def _paragraphs(articles: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Each paragraph with what is asked about it."""
    for article in articles:
        for paragraph in article["paragraphs"]:
            yield paragraph["context"], [one["question"] for one in paragraph["qas"]]


def _score(answer: str, passages: Sequence[Found]) -> tuple[float, float]:
    ranking = list(dict.fromkeys(one.item_name for one in passages))
    return ndcg(ranking, {answer: 1}, depth=10), float(ranking[:1] == [answer])

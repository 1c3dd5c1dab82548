"""A BEIR folder: documents, queries, and which documents answer them how well."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from pydantic import ValidationError

from retrieval.eval.errors import InvalidDataset
from retrieval.eval.question import Gold, Question

CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
JUDGEMENTS = "qrels"
SPLIT = "test"


@dataclass(frozen=True, slots=True)
class Document:
    """One document of the corpus."""

    id: str
    title: str
    text: str

    @property
    def item_name(self) -> str:
        """What a knowledge base knows it by."""
        return item_name(self.id)

    @property
    def markdown(self) -> str:
        """What is uploaded."""
        return f"# {self.title}\n\n{self.text}\n" if self.title else f"{self.text}\n"


def item_name(document_id: str) -> str:
    """What a document of that id is called in a knowledge base."""
    return f"{document_id}.md"


def read_corpus(folder: Path) -> list[Document]:
    """The documents. Raises `InvalidDataset`."""
    return [
        Document(id=_field(row, where, "_id"), title=row.get("title") or "", text=row["text"])
        for row, where in _rows(folder / CORPUS, needs=("_id", "text"))
    ]


def read_questions(folder: Path, split: str = SPLIT) -> list[Question]:
    """The queries of a split, each with the documents that answer it. Raises `InvalidDataset`.

    Documents of grade 0 are judged not to answer, which is as if they were not judged.
    """
    judged = _judgements(folder / JUDGEMENTS / f"{split}.tsv")
    found: list[Question] = []
    for row, where in _rows(folder / QUERIES, needs=("_id", "text")):
        query_id = _field(row, where, "_id")
        if query_id not in judged:
            continue
        gold = [
            Gold(document=item_name(one), grade=grade) for one, grade in judged[query_id].items()
        ]
        try:
            found.append(Question(id=query_id, question=row["text"], gold=gold))
        except ValidationError as exc:
            raise InvalidDataset(f"{where}: {exc.errors()[0]['msg']}.") from exc
    if not found:
        raise InvalidDataset(f"{folder.name} judges no document for any of its queries.")
    return found


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    with _open(path) as file:
        rows = csv.DictReader(file, delimiter="\t")
        for number, row in enumerate(rows, start=2):
            try:
                query_id, document_id, grade = row["query-id"], row["corpus-id"], int(row["score"])
            except (KeyError, TypeError, ValueError) as exc:
                raise InvalidDataset(
                    f"{path.name}, line {number}: should be query-id, corpus-id and score, with a"
                    " tab between."
                ) from exc
            if grade > 0:
                found.setdefault(query_id, {})[document_id] = grade
    return found


def _rows(path: Path, *, needs: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each line's object, and where it stands for people."""
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path.name}, line {number}"
            try:
                row: object = json.loads(line)
            except json.JSONDecodeError as exc:
                raise InvalidDataset(f"{where}: {exc}.") from exc
            if not isinstance(row, dict):
                raise InvalidDataset(f"{where}: should be an object.")
            fields = cast("dict[str, Any]", row)
            for name in needs:
                if not isinstance(fields.get(name), str):
                    raise InvalidDataset(f"{where}: {name} should be a text.")
            yield fields, where


def _field(row: dict[str, Any], where: str, name: str) -> str:
    if not row[name].strip():
        raise InvalidDataset(f"{where}: {name} is empty.")
    return row[name]


def _open(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8", newline="")
    except OSError as exc:
        raise InvalidDataset(f"{path.name} cannot be read: {exc.strerror}.") from exc

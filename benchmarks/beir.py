"""A BEIR collection as its folder holds it: documents, queries and judgements."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VARIABLE = "KB_BENCH_DATA"
FOLDER = "beir_scifact"
FILES = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")


class CollectionMissing(Exception):
    """The collection is not where it was looked for."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of the corpus."""

    id: str
    title: str
    text: str

    @property
    def item_name(self) -> str:
        """What the service knows it by."""
        return f"{self.id}.md"

    @property
    def markdown(self) -> str:
        """What is uploaded."""
        return f"# {self.title}\n\n{self.text}\n"

    def first(self, tokens: int, tokenizer: Tokenizer) -> Document:
        """The document cut so that a model reads all of it: special tokens count as well."""
        offsets = tokenizer.encode(self.markdown).offsets
        if len(offsets) <= tokens:
            return self
        end = offsets[tokens - 1][0]  # where the first token that is cut off begins
        return replace(self, text=self.markdown[:end].removeprefix(f"# {self.title}\n\n").strip())


@dataclass(frozen=True, slots=True)
class Collection:
    """A corpus, and the queries of its test split with what answers them."""

    documents: list[Document]
    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]


def load(folder: Path | None) -> Collection:
    """Read it from the folder that KB_BENCH_DATA names. Raises `CollectionMissing`."""
    if folder is None:
        raise CollectionMissing(
            f"{VARIABLE} is not set. It names a folder that holds BEIR SciFact in {FOLDER}:"
            f" {', '.join(FILES)}."
        )
    folder /= FOLDER
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise CollectionMissing(
            f"{folder} should hold BEIR SciFact but lacks {', '.join(missing)}."
        )
    judgements: dict[str, dict[str, int]] = {}
    with (folder / FILES[2]).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            judgements.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return Collection(
        documents=[
            Document(id=row["_id"], title=row["title"], text=row["text"])
            for row in _rows(folder / FILES[0])
        ],
        queries={
            row["_id"]: row["text"] for row in _rows(folder / FILES[1]) if row["_id"] in judgements
        },
        judgements=judgements,
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)

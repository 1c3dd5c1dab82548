"""A BEIR collection as its folder holds it: documents, queries and judgements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.eval import beir

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VARIABLE = "KB_BENCH_DATA"
FOLDER = "beir_scifact"
FILES = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")


class CollectionMissing(Exception):
    """The collection is not where it was looked for."""


@dataclass(frozen=True, slots=True)
class Document(beir.Document):
    """One document of the corpus."""

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
    questions = beir.read_questions(folder)
    return Collection(
        documents=[Document(one.id, one.title, one.text) for one in beir.read_corpus(folder)],
        queries={one.id: one.question for one in questions},
        judgements={
            one.id: {gold.document.removesuffix(".md"): gold.grade for gold in one.gold}
            for one in questions
        },
    )

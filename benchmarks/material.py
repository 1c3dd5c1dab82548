"""Sentences to make a corpus of and questions to ask it, all written by people."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from benchmarks import beir

EXAMPLES = Path(__file__).parents[1] / "examples"
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
MIN_CHARACTERS = 20  # shorter pieces are headings and cut abbreviations


@dataclass(frozen=True, slots=True)
class Material:
    """Where it is from, the sentences and the questions."""

    name: str
    sentences: list[str]
    questions: list[str]


def load(folder: Path | None) -> Material:
    """SciFact's where there is a folder with it, else that of the repository's handbook.

    Raises `CollectionMissing` where the folder does not hold SciFact.
    """
    if folder is not None:
        collection = beir.load(folder)
        texts = [document.text for document in collection.documents]
        return Material("scifact", _sentences(texts), list(collection.queries.values()))
    volumes = sorted((EXAMPLES / "handbook" / "source").glob("*.md"))
    texts = [line for volume in volumes for line in volume.read_text("utf-8").splitlines()]
    questions = tomllib.loads((EXAMPLES / "questions.toml").read_text("utf-8"))["questions"]
    return Material("handbook", _sentences(texts), [one["question"] for one in questions])


def _sentences(texts: list[str]) -> list[str]:
    pieces = (piece.strip() for text in texts for piece in SENTENCE_END.split(text))
    return sorted({piece for piece in pieces if len(piece) >= MIN_CHARACTERS})

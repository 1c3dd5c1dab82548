"""Anthropic's contextual retrieval: questions about nine codebases, and the chunks that answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.beir import VARIABLE, CollectionMissing
from benchmarks.quality.data_set import (
    Corpus,
    DataSet,
    File,
    Found,
    OnceDemand,
    Question,
    Task,
)
from benchmarks.yardsticks import CONTEXTUAL_RETRIEVAL

FOLDER = "anthropic_contextual_retrieval"
CHUNKS, QUESTIONS = "codebase_chunks.json", "evaluation_set.jsonl"
DEPTHS = (5, 10, 20)
METRICS = tuple(f"Pass@{depth}" for depth in DEPTHS)
ENOUGH = 0.90
ABOUT = """\
90 source files of nine codebases, which Anthropic cut into 737 chunks; 248 questions, each with the
chunks that answer it. Pass@k is the share of these among the best k, averaged over the questions,
as their notebook reckons it. Their chunks are documents here, alone or under the path of their
file, and a document counts at its first passage. In files that we cut ourselves a chunk of theirs
is found by a passage that shares at least half of the shorter of the two. No language model is
asked for anything."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One of their chunks."""

    file: str
    number: int
    text: str
    start: int
    end: int
    """Of its place in the file."""

    @property
    def item_name(self) -> str:
        """What it is called as a document of its own."""
        return f"{self.file}/{self.number:03}"

    def is_in(self, passage: Found) -> bool:
        """Whether the passage shares at least half of the shorter of the two with it."""
        shared = min(self.end, passage.end) - max(self.start, passage.start)
        shorter = min(self.end - self.start, passage.end - passage.start)
        return passage.item_name == self.file and 2 * shared >= shorter


def load(folder: Path | None) -> DataSet:
    """Raises `CollectionMissing`."""
    if folder is None or not (folder / FOLDER / QUESTIONS).is_file():
        raise CollectionMissing(
            f"{VARIABLE} must name a folder that holds Anthropic's contextual retrieval data in"
            f" {FOLDER}: {CHUNKS} and {QUESTIONS}."
        )
    with (folder / FOLDER / QUESTIONS).open(encoding="utf-8") as lines:
        asked = [json.loads(line) for line in lines]
    paths = {
        one["uuid"]: one["meta"]["repo_name"] + one["meta"]["relative_path"]
        for row in asked
        for one in row["golden_documents"]
    }
    documents = json.loads((folder / FOLDER / CHUNKS).read_bytes())
    pieces = {
        (one["original_uuid"], piece.number): piece
        for one in documents
        for piece in _pieces(paths[one["original_uuid"]], one)
    }
    gold = [[pieces[uuid, number] for uuid, number in row["golden_chunk_uuids"]] for row in asked]
    texts = [row["query"] for row in asked]
    whole = [File(paths[one["original_uuid"]], one["content"].encode) for one in documents]
    titled = "their chunks, each under its file's path"
    headed = "whole files cut by us, title and path before each chunk"
    alone = Task(
        title="their chunks alone",
        corpus=Corpus(
            name="anthropic-chunks",
            files=[File(f"{one.item_name}.txt", one.text.encode) for one in pieces.values()],
            options={"chunking_options": {"context": "none"}},
        ),
        questions=_about_documents(texts, gold, pieces.values(), suffix=".txt"),
        metrics=METRICS,
        headline=METRICS[-1],
        num_results=100,
    )
    ours = Task(
        title="whole files cut by us, nothing before a chunk",
        corpus=Corpus(
            name="anthropic-files-alone",
            files=whole,
            options={"chunking_options": {"context": "none"}},
        ),
        questions=[
            Question(
                text=text,
                answers=frozenset(one.file for one in wanted),
                score=partial(_score_spans, wanted),
            )
            for text, wanted in zip(texts, gold, strict=True)
        ],
        metrics=METRICS,
        headline=METRICS[-1],
        num_results=DEPTHS[-1],
    )
    return DataSet(
        name="anthropic",
        title="Anthropic's contextual retrieval",
        about=ABOUT,
        tasks=[
            alone,
            replace(
                alone,
                title=titled,
                corpus=Corpus(
                    name="anthropic-titled-chunks",
                    files=[
                        File(f"{one.item_name}.md", _titled(one).encode) for one in pieces.values()
                    ],
                ),
                questions=_about_documents(texts, gold, pieces.values(), suffix=".md"),
            ),
            ours,
            replace(ours, title=headed, corpus=Corpus(name="anthropic-files", files=whole)),
        ],
        published=CONTEXTUAL_RETRIEVAL,
        once=OnceDemand(tasks=frozenset([titled, headed]), low=ENOUGH),
    )


def _pieces(path: str, document: dict[str, Any]) -> Iterable[Piece]:
    """A file's chunks in their order; each is found in it after the start of the one before."""
    after = 0
    for chunk in document["chunks"]:
        text = chunk["content"]
        start = document["content"].index(text, after)
        after = start + 1
        yield Piece(path, int(chunk["original_index"]), text, start, start + len(text))


def _titled(piece: Piece) -> str:
    """As Markdown: the file's path over the code."""
    longest = max(map(len, re.findall("`+", piece.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"# {piece.file}\n\n{fence}\n{piece.text}\n{fence}\n"


def _about_documents(
    texts: Sequence[str], gold: Sequence[Sequence[Piece]], pieces: Iterable[Piece], *, suffix: str
) -> list[Question]:
    """Chunks of the same text count as the same, as in the notebook."""
    contents = {f"{one.item_name}{suffix}": one.text.strip() for one in pieces}
    return [
        Question(
            text=text,
            answers=frozenset(f"{one.item_name}{suffix}" for one in wanted),
            score=partial(_score_documents, [one.text.strip() for one in wanted], contents),
        )
        for text, wanted in zip(texts, gold, strict=True)
    ]


def _score_documents(
    wanted: Sequence[str], contents: dict[str, str], passages: Sequence[Found]
) -> list[float]:
    ranking = [contents[name] for name in dict.fromkeys(one.item_name for one in passages)]
    return [sum(one in ranking[:depth] for one in wanted) / len(wanted) for depth in DEPTHS]


def _score_spans(wanted: Sequence[Piece], passages: Sequence[Found]) -> list[float]:
    return [
        sum(any(map(one.is_in, passages[:depth])) for one in wanted) / len(wanted)
        for depth in DEPTHS
    ]

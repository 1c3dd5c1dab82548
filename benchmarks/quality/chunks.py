"""Chroma's chunking evaluation through the service: how much of what comes back answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import chroma
from benchmarks.quality.data_set import Corpus, DataSet, File, Found, Question, Task
from benchmarks.quality.model import default_embedder
from benchmarks.yardsticks import CHUNKING
from ingest.chunking import chunk
from ingest.chunking.settings import chunk_settings
from ingest.parsing import markdown
from retrieval.embedding.embedder import Embedder

RETRIEVED = 5
TOKENS = 200
ABOUT = f"""\
Five corpora, each a document, in section-based chunks of at most {TOKENS} tokens; 472 questions of
all at once, each with the excerpts that answer it, and {RETRIEVED} passages for each. Recall is the
share of the excerpts' characters that came back, precision the share of what came back that is
theirs, IoU both in one; PrecisionOmega is the precision of the best choice among all chunks, which
no way of asking changes. Sizes of what is published are another tokenizer's."""


def load(folder: Path | None) -> DataSet:
    """Raises `CollectionMissing`."""
    evaluation = chroma.load(folder)
    embedder = default_embedder()
    places = {name: _places(name, data, embedder) for name, data in evaluation.corpora.items()}
    return DataSet(
        name="chroma",
        title="Chroma's chunking evaluation",
        about=ABOUT,
        tasks=[
            Task(
                title=f"section-based, {TOKENS} tokens",
                corpus=Corpus(
                    name=f"chroma-{TOKENS}",
                    files=[
                        File(f"{name}.md", partial(bytes, data))
                        for name, data in evaluation.corpora.items()
                    ],
                    options={"chunking_options": {"max_chunk_size": TOKENS}},
                ),
                questions=[
                    Question(
                        text=one.text,
                        answers=frozenset([f"{one.corpus}.md"]),
                        score=partial(_score, one, places[one.corpus]),
                    )
                    for one in evaluation.questions
                ],
                metrics=("recall", "precision", "PrecisionOmega", "IoU"),
                headline="recall",
                num_results=RETRIEVED,
            )
        ],
        published=CHUNKING,
    )


def _places(name: str, data: bytes, embedder: Embedder) -> list[chroma.Place]:
    """The chunks that the service makes of a corpus: the same code cuts it here."""
    made = chunk(
        markdown.parse(data),
        chunk_settings(embedder.model, max_chunk_size=TOKENS),
        embedder.tokenizer,
        embedder.embed_passages,
    )
    return [chroma.Place(name, one.char_start, one.char_end) for one in made]


def _score(
    question: chroma.Question, chunks: Sequence[chroma.Place], passages: Sequence[Found]
) -> tuple[float, float, float, float]:
    found = [
        chroma.Place(one.item_name.removesuffix(".md"), one.start, one.end) for one in passages
    ]
    scores = chroma.score(question, found, chunks)
    return scores.recall, scores.precision, scores.precision_omega, scores.iou

"""How well each way of chunking isolates what answers a question: Chroma's evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress
from rich.table import Table

from benchmarks import chroma
from benchmarks.beir import VARIABLE, CollectionMissing
from benchmarks.service import data_folder
from benchmarks.terminal import err, out, progress_bars
from ingest.chunking import chunk
from ingest.chunking.settings import chunk_settings
from ingest.parsing import markdown
from ingest.parsing.document import ParsedDocument
from kb.settings import Settings
from kb.wiring import make_embedders
from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder, Vectors
from retrieval.embedding.models import MODELS
from retrieval.index import ChunkSettings

MODEL = MODELS[0]
RETRIEVED = 5
BATCH = 64
SECTION_OMEGA = 30.0  # demanded of section-based chunks of about 200 tokens
BEST_OMEGA = 34.0  # the best published, of clusters of about 100 tokens

SETTINGS = (
    chunk_settings(MODEL, max_chunk_size=100),
    chunk_settings(MODEL, max_chunk_size=200),
    chunk_settings(MODEL, max_chunk_size=200, min_chunk_size=100),
    chunk_settings(MODEL, max_chunk_size=256),
    chunk_settings(MODEL, strategy="semantic", max_chunk_size=100),
    chunk_settings(MODEL, strategy="semantic", max_chunk_size=200),
    chunk_settings(MODEL, strategy="hierarchical", max_chunk_size=128, parent_chunk_size=600),
    chunk_settings(MODEL, strategy="sentence_window"),
    chunk_settings(MODEL, strategy="fixed", max_chunk_size=100),
    chunk_settings(MODEL, strategy="fixed", max_chunk_size=200),
    chunk_settings(MODEL, strategy="fixed", max_chunk_size=200, overlap=100),
)
ASKED_OF_SECTION = SETTINGS[1]

# all-MiniLM-L6-v2, five retrieved: recall, precision, PrecisionOmega and IoU in percent.
PUBLISHED = (
    ("Recursive 200", 75.7, 6.5, 31.2, 6.5),
    ("Recursive 250", 78.5, 5.4, 26.7, 5.4),
    ("TokenText 200", 76.6, 4.1, 19.1, 4.1),
    ("TokenText 250, overlap 125", 82.4, 3.6, 11.4, 3.5),
    ("Cluster 200", 75.2, 7.2, 33.6, 7.2),
    ("Cluster 250", 77.3, 6.1, 28.6, 6.0),
)

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Row:
    """How one setting did."""

    name: str
    settings: ChunkSettings
    chunks: int
    tokens: float
    """Of a chunk, on average."""
    scores: chroma.Scores


@app.command(epilog="Example:  `KB_BENCH_DATA=data python -m benchmarks.chunking`")
def main(
    bench_data: Annotated[
        Path | None,
        typer.Option(envvar=VARIABLE, help=f"Folder that holds {chroma.FOLDER}."),
    ] = None,
) -> None:
    """Chunk five corpora each way, ask 472 questions of all at once, and weigh what comes back.

    Vectors are kept: a second run, or one that was interrupted, embeds only what is new. Ends with
    1 where PrecisionOmega is under what is demanded.
    """
    try:
        evaluation = chroma.load(bench_data)
    except CollectionMissing as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    folder = data_folder("chunking")
    embedder = make_embedders(Settings(data_dir=folder.resolve())).get(MODEL)
    documents = {name: markdown.parse(data) for name, data in evaluation.corpora.items()}
    with progress_bars() as progress:
        kept = Kept(folder / "vectors.npz", embedder, progress)
        asked = kept.embed([question.text for question in evaluation.questions], "questions")
        rows = [
            row for one in SETTINGS for row in _measure(one, documents, evaluation, asked, kept)
        ]
    _print(rows)
    # Single sentences are smaller than anything published, and win by that alone.
    best = max(
        row.scores.precision_omega for row in rows if row.settings.strategy != "sentence_window"
    )
    section = next(row for row in rows if row.settings == ASKED_OF_SECTION)
    good = section.scores.precision_omega >= SECTION_OMEGA / 100 and best >= BEST_OMEGA / 100
    out.print(
        f"PrecisionOmega: section-based chunks of 200 tokens"
        f" {section.scores.precision_omega:.1%} (demanded {SECTION_OMEGA:.0f}), the best"
        f" {best:.1%} (demanded {BEST_OMEGA:.1f})",
        soft_wrap=True,
    )
    raise typer.Exit(0 if good else 1)


class Kept:
    """Vectors by text, kept in a file."""

    def __init__(self, path: Path, embedder: Embedder, progress: Progress) -> None:
        self._path = path
        self.embedder = embedder
        self._progress = progress
        path.parent.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Vectors] = dict(np.load(path)) if path.exists() else {}

    def embed(self, texts: Sequence[str], what: str) -> Vectors:
        """A row for each text; those not known yet are embedded, and kept."""
        keys = [sha256(text.encode()).hexdigest() for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        bar = self._progress.add_task(f"Embedding {what}", total=len(fresh))
        # Of like length together, as a batch is padded to its longest.
        for batch in _batches(sorted(fresh, key=lambda key: len(fresh[key]))):
            vectors = self.embedder.embed_passages([fresh[key] for key in batch])
            self._known |= dict(zip(batch, vectors, strict=True))
            self._progress.advance(bar, len(batch))
        if fresh:
            unfinished = self._path.with_suffix(".new.npz")
            np.savez(unfinished, **self._known)  # pyright: ignore[reportArgumentType] keys are hashes
            unfinished.replace(self._path)
        return np.stack([self._known[key] for key in keys])


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]


def _measure(
    settings: ChunkSettings,
    documents: dict[str, ParsedDocument],
    evaluation: chroma.Evaluation,
    asked: Vectors,
    kept: Kept,
) -> Iterator[Row]:
    """One index over all corpora, searched exactly; what is found, and the parents around it."""
    name = _name(settings)
    chunks: list[Chunk] = []
    places: list[chroma.Place] = []
    parents: list[chroma.Place] = []
    for corpus, document in documents.items():
        made = chunk(
            document,
            settings,
            kept.embedder.tokenizer,
            lambda texts: kept.embed(texts, f"sentences, {name}"),
        )
        chunks += made
        places += [chroma.Place(corpus, one.char_start, one.char_end) for one in made]
        parents += [chroma.Place(corpus, *one.parent) for one in made if one.parent is not None]
    vectors = kept.embed([one.indexed_text for one in chunks], name)
    nearest: list[list[int]] = np.argsort(-(asked @ vectors.T), axis=1, kind="stable")[
        :, :RETRIEVED
    ].tolist()
    for label, returned in ((name, places), (f"{name} + around", parents)):
        if returned:
            yield Row(
                name=label,
                settings=settings,
                chunks=len(chunks),
                tokens=fmean(one.token_count for one in chunks),
                scores=_scores(evaluation, returned, nearest),
            )


def _scores(
    evaluation: chroma.Evaluation, places: Sequence[chroma.Place], nearest: list[list[int]]
) -> chroma.Scores:
    """On average over all questions, each answered by the places of those numbers."""
    by_corpus: dict[str, list[chroma.Place]] = {name: [] for name in evaluation.corpora}
    for place in places:
        by_corpus[place.corpus].append(place)
    scores = [
        chroma.score(
            question,
            list(dict.fromkeys(places[index] for index in found)),
            by_corpus[question.corpus],
        )
        for question, found in zip(evaluation.questions, nearest, strict=True)
    ]
    return chroma.Scores(
        recall=fmean(one.recall for one in scores),
        precision=fmean(one.precision for one in scores),
        precision_omega=fmean(one.precision_omega for one in scores),
        iou=fmean(one.iou for one in scores),
    )


def _name(settings: ChunkSettings) -> str:
    parts = [settings.strategy, str(settings.max_chunk_size)]
    if settings.parent_chunk_size:
        parts.append(f"in {settings.parent_chunk_size}")
    if settings.window_size:
        parts.append(f"of {settings.window_size}")
    if settings.min_chunk_size:
        parts.append(f"at least {settings.min_chunk_size}")
    if settings.context != "headers":
        parts.append(f"context {settings.context}")
    if settings.overlap:
        parts.append(f"overlap {settings.overlap}")
    return " ".join(parts)


def _print(rows: Sequence[Row]) -> None:
    table = Table("Chunks", title=f"Chroma's chunking evaluation, {RETRIEVED} retrieved, percent")
    for column in ("Number", "Tokens", "Recall", "Precision", "PrecisionOmega", "IoU"):
        table.add_column(column, justify="right")
    for row in rows:
        scores = row.scores
        percents = (scores.recall, scores.precision, scores.precision_omega, scores.iou)
        table.add_row(
            f"kb, {row.name}",
            f"{row.chunks:,}",
            f"{row.tokens:.0f}",
            *(f"{100 * value:.1f}" for value in percents),
        )
    table.add_section()
    for name, *percents in PUBLISHED:
        table.add_row(f"{name} [1]", "", "", *(f"{value:.1f}" for value in percents))
    out.print(table)
    out.print("[1] Smith and Troynikov 2024, all-MiniLM-L6-v2; sizes are another tokenizer's")


if __name__ == "__main__":
    app()

"""What a sweep will cost, before it starts: tokens to embed, time, and money for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from ingest.chunking import chunk
from playground.candidates import Candidate, IndexChoice
from playground.halving import kept_number, rungs
from playground.lab import Lab
from playground.parts import Part, cut_out
from retrieval.embedding.embedder import Embedder, Vectors

LOOKED_AT = 40_000  # characters that are chunked to see how many tokens a setting embeds
TIMED = 8  # chunks that are embedded to see how fast that goes
ANSWER_SECONDS = 0.006  # of an index of some thousand chunks, without reranking
RERANKED_SECONDS = 1.0  # of 50 passages, as a small model on a few cores does it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of a sweep, about; texts that candidates share are embedded once, which makes it less."""

    indexes: int
    """How many are built, in shares of the whole."""

    texts: int
    tokens: int
    """To be embedded."""

    answers: int
    embedding_seconds: float
    asking_seconds: float

    @property
    def seconds(self) -> float:
        """In all."""
        return self.embedding_seconds + self.asking_seconds

    def money(self, per_million_tokens: float) -> float:
        """What a server that charges for tokens takes."""
        return self.tokens / 1e6 * per_million_tokens


@dataclass(frozen=True, slots=True)
class _OfOne:
    """Of one index on everything."""

    texts: float
    tokens: float
    seconds: float


def cost(lab: Lab, candidates: Sequence[Candidate], *, halving: bool) -> Cost:
    """Chunks some of the documents in each way, and embeds a few chunks with each model."""
    speeds: dict[tuple[str, int | None], float] = {}
    of_each = [_of_one(lab, index, speeds) for index in {one.index for one in candidates}]
    reranked = fmean(bool(one.like.reranking) for one in candidates)
    an_answer = ANSWER_SECONDS + reranked * RERANKED_SECONDS
    built = answers = 0.0
    indexes, left = len(of_each), len(candidates)
    stages = rungs(lab.corpus) if halving else [lab.corpus.everything]
    for sample in stages:
        built += indexes * sample.share
        answers += left * len(sample.questions)
        indexes, left = kept_number(indexes), kept_number(left)
    if len(stages) > 1:  # what the others are compared with
        built += 1
        answers += len(lab.corpus.questions)
    return Cost(
        indexes=round(built),
        texts=round(built * fmean(one.texts for one in of_each)),
        tokens=round(built * fmean(one.tokens for one in of_each)),
        answers=round(answers),
        embedding_seconds=built * fmean(one.seconds for one in of_each),
        asking_seconds=answers * an_answer,
    )


def _of_one(lab: Lab, index: IndexChoice, speeds: dict[tuple[str, int | None], float]) -> _OfOne:
    embedder = lab.vectors(index)
    counted = _Counted(embedder)
    looked_at = 0
    texts: list[str] = []
    for name, part in _some(lab):
        piece = cut_out(lab.corpus.documents[name], part)
        made = chunk(piece, index.chunking, embedder.tokenizer, counted.embed_passages)
        texts += [one.indexed_text for one in made]
        looked_at += len(piece.text)
        if looked_at >= LOOKED_AT:
            break
    counted.embed_passages(texts)
    key = (index.model_id, index.dimensions)
    if key not in speeds:
        speeds[key] = _seconds_per_token(embedder, texts)
    scale = lab.corpus.characters / max(looked_at, 1)
    return _OfOne(
        texts=counted.texts * scale,
        tokens=counted.tokens * scale,
        seconds=counted.tokens * scale * speeds[key],
    )


def _some(lab: Lab) -> list[tuple[str, Part]]:
    sample = lab.corpus.samples([LOOKED_AT / lab.corpus.characters])[0]
    return [(name, part) for name, parts in sample.parts.items() for part in parts]


class _Counted:
    """Takes the place of an embedder, and only counts what it would embed."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.texts = self.tokens = 0

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors that are all alike."""
        self.texts += len(texts)
        self.tokens += sum(map(self._embedder.count_tokens, texts))
        return np.zeros((len(texts), self._embedder.model.dimensions), np.float32)


def _seconds_per_token(embedder: Embedder, texts: Sequence[str]) -> float:
    some = texts[:: max(1, len(texts) // TIMED)][:TIMED]
    begun = time.perf_counter()
    embedder.embed_passages(some)
    tokens = sum(map(embedder.count_tokens, some))
    return (time.perf_counter() - begun) / max(tokens, 1)

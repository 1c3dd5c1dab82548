"""A corpus of any size out of some thousand sentences, with vectors that did not cost hours.

Every chunk is a few sentences whose real vectors are known and a few others. Its vector is the
mean of the known ones and a little noise: as crowded around topics as those of real chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np

from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder, Vectors

KNOWN_SENTENCES = 1000
KNOWN_IN_CHUNK = 3
OTHERS_IN_CHUNK = 4  # about 200 tokens in all, with SciFact's sentences
CHUNKS_IN_DOCUMENT = 20
NOISE = 0.01  # in each of some hundred dimensions: 0.2 beside a vector of length 1
BATCH = 64


@dataclass(frozen=True, slots=True)
class Mixture:
    """The sentences, shuffled; and the vectors of the first of them."""

    sentences: Sequence[str]
    vectors: Vectors

    def documents(self, chunks: int) -> Iterator[tuple[list[Chunk], list[Vectors]]]:
        """Documents with so many chunks in all, the same ones each time."""
        random, noise = Random(0), np.random.default_rng(0)
        for first in range(0, chunks, CHUNKS_IN_DOCUMENT):
            size = min(CHUNKS_IN_DOCUMENT, chunks - first)
            made = [self._chunk(position, random, noise) for position in range(size)]
            yield [chunk for chunk, _ in made], [vector for _, vector in made]

    def _chunk(
        self, position: int, random: Random, noise: np.random.Generator
    ) -> tuple[Chunk, Vectors]:
        known = random.sample(range(len(self.vectors)), KNOWN_IN_CHUNK)
        others = random.sample(range(len(self.sentences)), OTHERS_IN_CHUNK)
        text = " ".join(self.sentences[number] for number in [*known, *others])
        vector = self.vectors[known].mean(axis=0)
        vector = vector / np.linalg.norm(vector)
        vector = vector + noise.normal(0, NOISE, len(vector))
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        chunk = Chunk(
            position=position,
            text=text,
            char_start=0,
            char_end=len(text),
            category="CompositeElement",
        )
        return chunk, vector


def mix(
    sentences: Sequence[str], embedder: Embedder, cache: Path, on_embedded: Callable[[int], None]
) -> Mixture:
    """Shuffle the sentences and embed the first ones, or take their vectors from the cache."""
    shuffled = Random(1).sample(sentences, len(sentences))
    known = shuffled[:KNOWN_SENTENCES]
    digest = sha256("\n".join([embedder.model.id, *known]).encode()).hexdigest()[:16]
    path = cache / f"vectors-{digest}.npy"
    if path.exists():
        on_embedded(len(known))
        return Mixture(shuffled, np.load(path))
    batches: list[Vectors] = []
    for start in range(0, len(known), BATCH):
        batches.append(embedder.embed_passages(known[start : start + BATCH]))
        on_embedded(len(batches[-1]))
    vectors = np.concatenate(batches)
    np.save(path, vectors)
    return Mixture(shuffled, vectors)

"""Semantic chunking: cut where what is before and what is after are least alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ingest.chunking.packing import GROUP
from ingest.chunking.section import group, joints
from ingest.chunking.units import Unit, sentence_units

if TYPE_CHECKING:
    from ingest.chunking.draft import Draft
    from retrieval.chunk import Chunk
    from retrieval.embedding.embedder import Vectors

Embed = Callable[[Sequence[str]], "Vectors"]


def semantic_chunks(
    draft: Draft, embed: Embed, *, threshold: float, min_size: int = 0
) -> Iterator[Chunk]:
    """Chunks of neighbouring sentences, packed evenly and cut where the meaning changes.

    `threshold` is the share of the places between sentences where a cut is favoured, from 0 to 1:
    the higher, the more chunks. It is a share and no similarity because similarities differ from
    model to model. Every sentence is embedded once, together with the one before it; `embed` takes
    the texts and gives a unit vector for each. What holds less than `min_size` tokens of text is
    joined with a neighbour where the two fit together.
    """
    units = list(sentence_units(draft))
    costs = _changes(units, draft, embed, threshold)
    for position, (start, end) in enumerate(group(units, draft, costs, min_size=min_size)):
        yield draft.chunk(position, start, end)


def _changes(units: Sequence[Unit], draft: Draft, embed: Embed, threshold: float) -> list[float]:
    """What it costs that each unit shares a chunk with the one before it."""
    if len(units) < 2:
        return [0.0] * len(units)
    text = draft.document.text
    pairs = [text[before.start : unit.end] for before, unit in pairwise(units)]
    vectors = embed([text[units[0].start : units[0].end], *pairs])
    # Joint k parts unit k-1 from unit k: the pair that ends before it, the pair that begins at it.
    following = np.minimum(np.arange(2, len(units) + 1), len(units) - 1)
    alike = np.einsum("ij,ij->i", vectors[:-1], vectors[following])
    ranks = np.argsort(np.argsort(alike, kind="stable"), kind="stable") / len(alike)
    favoured = np.maximum(0.0, 1 - ranks / threshold) if threshold else np.zeros(len(alike))
    changes = [0.0, *(2 * GROUP * favoured).tolist()]
    return [sum(both) for both in zip(changes, joints(units, draft), strict=True)]

"""Which of the ranked passages an answer shows, and why it leaves out the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from retrieval.passage import Passage
from retrieval.query import Query

SHINGLE_WORDS = 3
NEARLY_ALIKE = 0.8  # of the shingles of either: Jaccard, as Broder has it (1997)
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Selection:
    """Places in the ranking: those shown, and those left out with the reason."""

    kept: list[int]
    dropped: dict[int, str]
    is_final: bool
    """What ranks below scores too little in any case."""


def select(passages: Sequence[Passage], query: Query) -> Selection:
    """Go through the ranking from its top."""
    kept: list[int] = []
    dropped: dict[int, str] = {}
    of_document: Counter[UUID] = Counter()
    shingles: list[tuple[int, frozenset[tuple[str, ...]]]] = []
    for place, passage in enumerate(passages):
        document_id = passage.citation.document.document_id
        if query.min_score is not None and passage.score < query.min_score:
            dropped[place] = f"scores less than {query.min_score:g}"
            continue
        if (
            query.max_per_document is not None
            and of_document[document_id] >= query.max_per_document
        ):
            dropped[place] = f"{query.max_per_document} of its document are better"
            continue
        if query.collapse_duplicates:
            mine = frozenset(_shingles(passage.text))
            if (same := _alike(mine, shingles)) is not None:
                dropped[place] = f"says the same as {passages[same].citation.uri}"
                continue
            shingles.append((place, mine))
        of_document[document_id] += 1
        kept.append(place)
    is_final = (
        query.min_score is not None and bool(passages) and passages[-1].score < query.min_score
    )
    return Selection(kept, dropped, is_final)


def _alike(
    mine: frozenset[tuple[str, ...]], others: Iterable[tuple[int, frozenset[tuple[str, ...]]]]
) -> int | None:
    for place, other in others:
        shared = len(mine & other)
        if shared >= NEARLY_ALIKE * (len(mine) + len(other) - shared):
            return place
    return None


def _shingles(text: str) -> Iterable[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    if len(words) < SHINGLE_WORDS:
        return [tuple(words)]
    return zip(*(words[shift:] for shift in range(SHINGLE_WORDS)), strict=False)

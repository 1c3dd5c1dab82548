"""What is around a passage: its parent chunk, its neighbours or its section."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from retrieval.passage import Passage
from retrieval.query import Expansion
from retrieval.scope import Scope
from retrieval.store import Span
from retrieval.target import Target

NEIGHBOURS = 1  # on either side
SECTION_REACH = 12  # chunks on either side; sections beyond are cut there

Place = tuple[UUID, int, int]
"""A document version and a span of its canonical text."""


class Texts(Protocol):
    """Canonical texts, by span; none for what is no longer there."""

    async def __call__(
        self, scope: Scope, places: Sequence[Place], *, parser: str
    ) -> list[str | None]: ...


async def expand(
    passages: Sequence[Passage], targets: Sequence[Target], how: Expansion, texts: Texts
) -> list[Passage]:
    """The passages with the text around them, where there is more than they say themselves."""
    if how == "none":
        return [replace(passage, parent=None) for passage in passages]
    found = list(passages)
    by_base: Mapping[UUID, Target] = {one.scope.knowledge_base_id: one for one in targets}
    groups: defaultdict[UUID, list[int]] = defaultdict(list)
    for number, passage in enumerate(passages):
        groups[passage.citation.knowledge_base_id].append(number)
    for base_id, numbers in groups.items():
        target = by_base[base_id]
        if how == "parent":
            around = [passages[number].parent for number in numbers]
        else:
            around = await _around(target, [passages[number] for number in numbers], how)
        wider = {
            number: (found[number].citation.document.version_id, *span)
            for number, span in zip(numbers, around, strict=True)
            if span is not None
        }
        read = await texts(
            target.scope, list(wider.values()), parser=target.index.version.settings.parser
        )
        for number in numbers:
            if found[number].parent is not None:
                found[number] = replace(found[number], parent=None)
        for (number, (_, start, end)), text in zip(wider.items(), read, strict=True):
            if text is not None:  # else its document was deleted meanwhile
                found[number] = replace(found[number], parent=(start, end), parent_text=text)
    return found


async def _around(
    target: Target, passages: Sequence[Passage], how: Expansion
) -> list[tuple[int, int] | None]:
    reach = NEIGHBOURS if how == "neighbours" else SECTION_REACH
    wanted = [
        (one.citation.document.version_id, one.position - reach, one.position + reach)
        for one in passages
    ]
    spans = await target.index.store.spans(target.scope, target.index.version, wanted)
    return [
        _hull(_section(found, passage) if how == "section" else found, passage)
        for found, passage in zip(spans, passages, strict=True)
    ]


def _section(spans: Sequence[Span], passage: Passage) -> list[Span]:
    """Those of the passage's section that follow each other without a break."""
    path = passage.citation.section_path
    found: list[Span] = []
    for span in spans:
        if span.section_path[: len(path)] == path:
            found.append(span)
        elif span.position < passage.position:
            found.clear()
        else:
            break
    return found


def _hull(spans: Sequence[Span], passage: Passage) -> tuple[int, int] | None:
    start = min((span.char_start for span in spans), default=0)
    end = max((span.char_end for span in spans), default=0)
    inside = (passage.citation.char_start, passage.citation.char_end)
    return (start, end) if spans and (start, end) != inside else None

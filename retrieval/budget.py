"""A budget of tokens for all that an answer says. What does not fit is named, never just gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from retrieval.passage import Passage
from retrieval.retrieval import Omitted


def fit(
    passages: Sequence[Passage], max_tokens: int, count: Callable[[str], int]
) -> tuple[list[Passage], list[Omitted]]:
    """The passages that fit, best first, and the others.

    What is around a passage is given up before the passage is. One that does not fit does not keep
    a shorter one after it from being shown.
    """
    shown: list[Passage] = []
    omitted: list[Omitted] = []
    left = max_tokens
    for passage in passages:
        tokens = count(passage.text)
        whole = tokens if passage.parent_text is None else tokens + count(passage.parent_text)
        if whole <= left:
            shown.append(passage)
            left -= whole
        elif tokens <= left:
            shown.append(replace(passage, parent=None, parent_text=None))
            omitted.append(Omitted(uri=passage.citation.uri, part="parent", tokens=whole - tokens))
            left -= tokens
        else:
            omitted.append(Omitted(uri=passage.citation.uri, part="passage", tokens=whole))
    return shown, omitted

"""Passages under the numbers by which the model cites them, and the message that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kb.gateway.events import NumberedPassage
from kb.gateway.guardrails import Inspection, inspect, neutralise, one_line
from retrieval.passage import Citation, Passage

NOTHING_FOUND = (
    "Nothing was found for this query. If other words do not find anything either, the knowledge"
    " base does not say."
)
_HEADER = re.compile(r"^\[(\d{1,9})\] ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage as the model is shown it."""

    passage: Passage
    label: str
    text: str
    inspection: Inspection

    @classmethod
    def of(cls, passage: Passage) -> Shown:
        """With what is around it, where that came with it."""
        text = passage.text if passage.parent_text is None else passage.parent_text
        label = source_label(passage.citation)
        inspection = inspect(f"{passage.citation.document.item_name}\n{text}")
        return cls(passage, label, neutralise(text).strip(), inspection)


class Numbering:
    """All passages that a turn has found, numbered in the order of finding."""

    def __init__(self, *, after: int = 0, exclude_flagged: bool = False) -> None:
        """`after` is the highest number that the conversation holds already."""
        self._last = after
        self._exclude_flagged = exclude_flagged
        self._by_uri: dict[str, NumberedPassage] = {}
        self._by_number: dict[int, NumberedPassage] = {}

    def number(self, found: Iterable[Shown]) -> tuple[list[NumberedPassage], str]:
        """These passages, and the message that shows them. One found before keeps its number.

        Flagged ones are left out where they are excluded.
        """
        numbered: list[NumberedPassage] = []
        paragraphs: list[str] = []
        for shown in found:
            if not (self._exclude_flagged and shown.inspection.is_flagged):
                one = self._numbered(shown)
                numbered.append(one)
                paragraphs.append(f"[{one.number}] {shown.label}\n{shown.text}")
        return numbered, "\n\n".join(paragraphs) or NOTHING_FOUND

    def get(self, number: int) -> NumberedPassage | None:
        """The passage of that number; none where there is none."""
        return self._by_number.get(number)

    def _numbered(self, shown: Shown) -> NumberedPassage:
        uri = shown.passage.citation.uri
        known = self._by_uri.get(uri)
        if known is not None:
            return replace(known, passage=shown.passage)
        self._last += 1
        new = NumberedPassage(
            number=self._last, passage=shown.passage, flags=shown.inspection.flags
        )
        self._by_uri[uri] = self._by_number[new.number] = new
        return new


def source_label(citation: Citation) -> str:
    """Where a passage stands, on one line: item, page and section as far as they are known."""
    page = None if citation.page is None else f"page {citation.page}"
    path = " > ".join(one_line(title) for title in citation.section_path)
    return ", ".join(filter(None, (one_line(citation.document.item_name), page, path)))


def highest_number(messages: Sequence[str]) -> int:
    """The highest number of a passage in these messages of ours; 0 where there is none."""
    return max((int(found) for text in messages for found in _HEADER.findall(text)), default=0)

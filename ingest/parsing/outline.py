"""Where in a document's sections we are, while its blocks go by."""

from __future__ import annotations

from ingest.parsing.document import SectionPath

MAX_TITLE = 300  # a longer "heading" is a paragraph someone styled; it would burden every chunk


class Outline:
    """The headings now open. A new one closes those of its own level and deeper."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []
        self.path: SectionPath = ()

    def enter(self, level: int, title: str) -> SectionPath:
        """Open a heading and return its path, which ends in its own title."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, title))
        self.path = tuple(title for _, title in self._open)
        return self.path


def heading_title(text: str) -> str | None:
    """The text as a one-line section title, or None where it cannot be one."""
    title = " ".join(text.split())
    return title if 0 < len(title) <= MAX_TITLE else None

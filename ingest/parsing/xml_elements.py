"""What an XML element says: its text, its telling attributes, its rows where it is a table."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from ingest.parsing.trees import local_name

_ROWS, _CELLS = frozenset({"tr", "row"}), frozenset({"td", "th", "entry"})
_SILENT = ("id", "class", "href", "style", "ref", "src", "type", "lang")  # or that end in it
_ENTITY = re.compile(r"&\w+;")


def line_of(element: Any) -> list[str]:
    """An element without parts as `name: text (attribute: value)`; no line if it says nothing."""
    about = "; ".join(f"{key}: {value}" for key, value in attributes_of(element))
    text = text_of(element)
    if text and about:
        text = f"{text} ({about})"
    return [f"{local_name(element)}: {text or about}"] if text or about else []


def attributes_of(element: Any) -> list[tuple[str, str]]:
    """The attributes that say something: words, in no namespace, and no reference or style."""
    return [
        (key, " ".join(value.split()))
        for key, value in element.items()
        if not key.startswith("{")
        and not key.lower().endswith(_SILENT)
        and any(character.isalpha() for character in value)
    ]


def rows_of(table: Any) -> list[list[str]]:
    """The rows of a table; none where its rows hold anything but cells, as a database dump's do."""
    rows = [children_of(row) for row in table.iter("{*}*") if name_of(row) in _ROWS]
    if any(name_of(cell) not in _CELLS for row in rows for cell in row):
        return []
    return [[text_of(cell) for cell in row] for row in rows]


def holds_rows(part: Any) -> bool:
    """Whether this part of a table is made of its rows, or says how its columns look."""
    return name_of(part).startswith("col") or any(
        name_of(each) in _ROWS for each in part.iter("{*}*")
    )


def name_of(element: Any) -> str:
    """The element's name in small letters, without its namespace."""
    return local_name(element).lower()


def children_of(element: Any) -> list[Any]:
    """The elements right below this one, without comments and the like."""
    return [child for child in element if isinstance(child.tag, str)]


def text_of(element: Any) -> str:
    """All the text in an element on one line."""
    return " ".join(raw_text(element).split())


def raw_text(element: Any) -> str:
    """All the text in an element, comments left out and entities put in where they are known."""
    return "".join(
        unescape(piece) if _ENTITY.fullmatch(piece) else piece for piece in element.itertext()
    )

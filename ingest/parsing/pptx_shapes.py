"""What stands on a slide, in the order one reads it: text, lists, tables, charts and diagrams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pptx.enum.shapes import PP_PLACEHOLDER

from ingest.parsing.document import BlockKind
from ingest.parsing.errors import DocumentTooLarge
from ingest.parsing.tables import table_text
from ingest.parsing.trees import xml_tree

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_D = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_BULLETS = (f"{_A}buChar", f"{_A}buAutoNum", f"{_A}buBlip")
_NO_BULLET = f"{_A}buNone"
_TITLES = (PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE)  # never with bullets
_FURNITURE = (PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER)
_ROW = 228_600  # EMU, a quarter of an inch: shapes whose tops are closer stand in one row
_MAX_DEPTH = 20  # groups inside each other
_MAX_POINTS = 2_000  # of a chart; past that it is a picture of data, not a statement


@dataclass(frozen=True, slots=True)
class Piece:
    """A block to be."""

    kind: BlockKind
    text: str


def pieces(shapes: Iterable[Any], *, skipped: Any = None, depth: int = 0) -> Iterator[Piece]:
    """The blocks of these shapes, top to bottom and left to right; not of the one to skip.

    Raises DocumentTooLarge where groups are inside each other too deeply.
    """
    if depth > _MAX_DEPTH:
        raise DocumentTooLarge(f"It has groups inside more than {_MAX_DEPTH} others.")
    for shape in _in_reading_order([shape for shape in shapes if shape.element is not skipped]):
        if shape.is_placeholder and shape.placeholder_format.type in _FURNITURE:
            continue
        if shape.element.tag == f"{_P}grpSp":
            yield from pieces(shape.shapes, depth=depth + 1)
        elif shape.has_text_frame:
            yield from _text(shape)
        elif getattr(shape, "has_table", False):
            yield Piece("table", table_text(_rows(shape.table)))
        elif getattr(shape, "has_chart", False):
            yield from _chart(xml_tree(shape.chart_part.blob))
        else:
            yield from _diagram(shape)


def paragraphs(frame: Any) -> list[str]:
    """The paragraphs of a text frame; a line break within one is a newline."""
    return [paragraph.text.replace("\v", "\n") for paragraph in frame.paragraphs]


def _in_reading_order(shapes: Sequence[Any]) -> Iterator[Any]:
    by_top = sorted(shapes, key=lambda shape: shape.top or 0)
    row: list[Any] = []
    for shape in by_top:
        if row and (shape.top or 0) - (row[0].top or 0) > _ROW:
            yield from sorted(row, key=lambda shape: shape.left or 0)
            row = []
        row.append(shape)
    yield from sorted(row, key=lambda shape: shape.left or 0)


def _text(shape: Any) -> Iterator[Piece]:
    styles = list(_list_styles(shape))
    for paragraph, text in zip(
        shape.text_frame.paragraphs, paragraphs(shape.text_frame), strict=True
    ):
        kind: BlockKind = "list_item" if _is_item(paragraph, styles) else "paragraph"
        yield Piece(kind, text)


def _is_item(paragraph: Any, styles: Sequence[Any]) -> bool:
    """Whether a paragraph is shown with a bullet; the nearest place that says so decides."""
    level: int = paragraph.level
    places = [paragraph._p.find(f"{_A}pPr")]
    places += [style.find(f"{_A}lvl{level + 1}pPr") for style in styles]
    for place in places:
        if place is None:
            continue
        if place.find(_NO_BULLET) is not None:
            return False
        if any(place.find(bullet) is not None for bullet in _BULLETS):
            return True
    return level > 0


def _list_styles(shape: Any) -> Iterator[Any]:
    """Where the look of a shape's list levels is set, the nearest first."""
    inherited = shape
    for _ in range(3):  # slide, layout, master
        style = inherited.element.find(f"{_P}txBody/{_A}lstStyle")
        if style is not None:
            yield style
        if not inherited.is_placeholder:
            return
        base = getattr(inherited, "_base_placeholder", None)
        if base is None:
            break
        inherited = base
    if inherited.placeholder_format.type not in _TITLES:
        yield from inherited.part._element.iterfind(f"{_P}txStyles/{_P}bodyStyle")


def _rows(table: Any) -> Iterator[list[str]]:
    for row in table.rows:
        yield [cell.text_frame.text.replace("\v", " ") for cell in row.cells]


def _chart(root: Any) -> Iterator[Piece]:
    """The title of a chart and its numbers as a table, a row for each category."""
    title = root.find(f".//{_C}chart/{_C}title")
    if title is not None:
        yield Piece(
            "paragraph", "".join(node.text or "" for node in title.iter(f"{_A}t", f"{_C}v"))
        )
    series = list(root.iter(f"{_C}ser"))
    names = [
        " ".join(value.text or "" for value in ser.iterfind(f"{_C}tx//{_C}v")) for ser in series
    ]
    categories: dict[int, str] = {}
    values: list[dict[int, str]] = []
    for ser in series:
        for name in ("cat", "xVal"):
            categories = _points(ser.find(f"{_C}{name}")) | categories
        values.append(_points(ser.find(f"{_C}val")) or _points(ser.find(f"{_C}yVal")))
    numbers = sorted(set(categories).union(*values))
    if series and len(numbers) * len(series) <= _MAX_POINTS:
        rows = [
            [categories.get(number, ""), *(column.get(number, "") for column in values)]
            for number in numbers
        ]
        yield Piece("table", table_text([["", *names], *rows]))


def _points(data: Any) -> dict[int, str]:
    if data is None:
        return {}
    found: dict[int, str] = {}
    for point in data.iter(f"{_C}pt"):
        number = point.get("idx", "")
        if number.isascii() and number.isdecimal() and len(number) < 8:
            found.setdefault(int(number), point.findtext(f"{_C}v") or "")
    return found


def _diagram(shape: Any) -> Iterator[Piece]:
    """The text of a SmartArt diagram, which is in a part of its own."""
    ids = shape.element.find(f".//{_D}relIds")
    if ids is None:
        return
    part = shape.part.related_part(ids.get(f"{_R}dm"))
    for point in xml_tree(part.blob).iter(f"{_D}pt"):
        for paragraph in point.iterfind(f"{_D}t/{_A}p"):
            yield Piece("list_item", "".join(text.text or "" for text in paragraph.iter(f"{_A}t")))

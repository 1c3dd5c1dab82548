"""HTML: the content of the page, without the furniture around it."""

from __future__ import annotations

import re
from typing import Any

from ingest.parsing.characters import decode, storable
from ingest.parsing.document import ParsedDocument
from ingest.parsing.elements import compose
from ingest.parsing.errors import CorruptDocument, EmptyDocument
from ingest.parsing.trees import elements, html_text, html_tree
from ingest.parsing.unstructured_offline import partition_html

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)

_NEVER_SHOWN = ("script", "style", "noscript", "template", "nav", "dialog")
_FURNITURE = ("footer", "aside")
_FURNITURE_ROLES = {"navigation", "search", "contentinfo", "complementary", "banner"}
_CONTENT = ("article", "main")
# The partitioner drops these with all that is in them, though a reader sees their text.
_SHOWN_AS = {
    "figure": "div",
    "figcaption": "p",
    "details": "div",
    "summary": "p",
    "form": "div",
    "fieldset": "div",
    "legend": "p",
    "label": "span",
}
_TABLE_PARTS = ("table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption")


def parse(data: bytes) -> ParsedDocument:
    """Read an HTML page."""
    root = html_tree(_decode(data))
    if root is None:
        raise EmptyDocument
    title = root.findtext(".//title")
    _drop_furniture(root)
    _unwrap_layout_tables(root)
    for element in root.iter(*_SHOWN_AS):
        element.tag = _SHOWN_AS[element.tag]
    _keep_all_but_a_full_main(root)
    markup = html_text(root)
    try:
        found = partition_html(text=markup, languages=[""])
    except (ValueError, AttributeError, AssertionError, RecursionError) as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc
    return compose(found).finish(title=title)


def _decode(data: bytes) -> str:
    """A byte order mark or valid UTF-8 is believed before what the page says of itself."""
    declared = _CHARSET.search(data[:4096])
    if declared and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            try:
                return storable(data.decode(declared[1].decode("ascii"), errors="replace"))
            except LookupError:
                pass
    return decode(data)


def _drop_furniture(root: Any) -> None:
    for element in elements(root):
        if element.tag in ("html", "body", "head") or element.getparent() is None:
            continue
        if element.tag in _NEVER_SHOWN or _is_hidden(element) or _is_furniture(element):
            element.drop_tree()


def _is_hidden(element: Any) -> bool:
    hidden = element.get("hidden")
    return (hidden is not None and hidden != "until-found") or bool(
        _HIDDEN_STYLE.search(element.get("style", ""))
    )


def _is_furniture(element: Any) -> bool:
    """Footers and the like belong to the page, unless they stand in its content."""
    role = element.get("role", "").lower()
    if role in ("navigation", "search"):
        return True
    if element.tag not in _FURNITURE and role not in _FURNITURE_ROLES:
        return False
    if next(element.iter(*_CONTENT, "h1"), None) is not None:
        return False
    return next(element.iterancestors(*_CONTENT), None) is None


def _unwrap_layout_tables(root: Any) -> None:
    """Tables that hold a page's layout, told by a page title or further tables in their cells."""
    for table in list(root.iter("table")):
        own = [cell for cell in table.iter("th") if next(cell.iterancestors("table")) is table]
        holds = next(table.iterdescendants("table", "h1"), None) is not None
        if table.get("role") in ("presentation", "none") or (holds and not own):
            for part in list(table.iter(*_TABLE_PARTS)):
                if part is table or next(part.iterancestors("table"), table) is table:
                    part.tag = "div" if part is not table else part.tag
            table.tag = "div"


def _keep_all_but_a_full_main(root: Any) -> None:
    """The partitioner reads only <main> where there is one; good if that has most of the text."""
    mains = list(root.iter("main"))
    whole = len("".join(root.itertext()).split())
    if len(mains) == 1 and len("".join(mains[0].itertext()).split()) >= whole / 2:
        return
    for main in mains:
        main.tag = "div"

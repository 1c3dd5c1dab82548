"""Elements of `unstructured` to blocks."""

from __future__ import annotations

from collections.abc import Iterable

from ingest.parsing.composer import Composer
from ingest.parsing.document import BlockKind
from ingest.parsing.tables import table_text
from ingest.parsing.trees import html_tree
from ingest.parsing.unstructured_offline import (
    CodeSnippet,
    Element,
    Footer,
    Header,
    ListItem,
    PageBreak,
    Table,
    Title,
)

_KINDS: tuple[tuple[type[Element], BlockKind], ...] = (
    (Title, "heading"),
    (ListItem, "list_item"),
    (Table, "table"),
    (CodeSnippet, "code"),
)
_SKIPPED = (Header, Footer, PageBreak)


def compose(elements: Iterable[Element]) -> Composer:
    """Put elements together as blocks. Running headers and footers are left out."""
    composer = Composer()
    for element in elements:
        if isinstance(element, _SKIPPED):
            continue
        kind = _kind(element)
        page = element.metadata.page_number
        if kind == "table":
            composer.add(kind, _table(element), page=page)
        elif kind == "heading":
            composer.add(
                kind, element.text, page=page, level=(element.metadata.category_depth or 0) + 1
            )
        else:
            composer.add(kind, element.text, page=page)
    return composer


def _kind(element: Element) -> BlockKind:
    for cls, kind in _KINDS:
        if isinstance(element, cls):
            return kind
    return "paragraph"


def _table(element: Element) -> str:
    markup = element.metadata.text_as_html
    if not markup:
        return element.text
    root = html_tree(markup)
    rows = [
        [" ".join(cell.itertext()) for cell in row if cell.tag in ("td", "th")]
        for row in root.iter("tr")
    ]
    caption = root.find(".//caption")
    head = " ".join(caption.itertext()).strip() if caption is not None else ""
    return "\n".join(filter(None, [head, table_text(rows)]))

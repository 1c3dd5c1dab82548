"""A cited place in its document: the text around it with the span marked, and the page."""

from __future__ import annotations

from base64 import b64encode
from html import escape

import marimo as mo

from playground.bodies import CitedPlace
from playground.client import Client
from playground.errors import Refused
from playground.looks import html

BEFORE, AFTER = 240, 2_000  # characters around the span that are shown


def document_view(client: Client, place: CitedPlace) -> mo.Html:
    """Raises what the client raises."""
    text = client.text(place.knowledge_base_id, place.document_id, place.version_id)
    page = f", page {place.page}" if place.page else ""
    section = " / ".join(place.section_path)
    return html(
        f'<section aria-label="Document" class="kb-card"><h2>{escape(place.item_name)}{page}</h2>'
        f'<p class="kb-soft kb-small">{escape(section)} · characters {place.char_start} to'
        f" {place.char_end} of version {place.version_number}</p>"
        f'<div class="kb-columns"><div class="kb-document" tabindex="0" role="region"'
        f' aria-label="Text">{marked(text, place.char_start, place.char_end)}</div>'
        f"{_page(client, place)}</div></section>"
    )


def marked(text: str, start: int, end: int) -> str:
    """The surroundings of a span as HTML, the span in `<mark>`."""
    first, last = max(0, start - BEFORE), min(len(text), end + AFTER)
    before = ("…" if first else "") + text[first:start]
    after = text[end:last] + ("…" if last < len(text) else "")
    return f"{escape(before)}<mark>{escape(text[start:end])}</mark>{escape(after)}"


def _page(client: Client, place: CitedPlace) -> str:
    """The page as a picture; nothing where the document has no pages to show."""
    if place.page is None:
        return ""
    try:
        png = client.page_image(place)
    except Refused as exc:
        return f'<p class="kb-soft">{escape(str(exc))}</p>'
    address = f"data:image/png;base64,{b64encode(png).decode()}"
    return f'<img class="kb-page" src="{address}" alt="Page {place.page}, the passage marked">'

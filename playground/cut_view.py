"""A document with its chunks in colours, and what a way of cutting comes to in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import altair as alt
import marimo as mo

from playground.cut_figures import CutFigures
from playground.cutting import Cut
from playground.looks import html
from retrieval.chunk import Chunk

SHOWN = 12_000  # characters of a document at a time
COLOURS = 4
BINS = 24


def pages(text: str) -> int:
    """In how many parts a text is shown."""
    return max(1, -(-len(text) // SHOWN))


def cut_view(cut: Cut, page: int) -> mo.Html:
    """One part of a document, from 1, each chunk in another colour than its neighbours."""
    text = cut.source.document.text
    start = (page - 1) * SHOWN
    end = min(len(text), start + SHOWN)
    shown = [one for one in cut.chunks if one.char_start < end and start < one.char_end]
    return html(
        '<div class="kb-document kb-cut" tabindex="0" role="region" aria-label="Chunks">'
        f"{_coloured(text, shown, start, end)}</div>"
    )


def _coloured(text: str, chunks: Sequence[Chunk], start: int, end: int) -> str:
    begins = {one.char_start: one for one in chunks if one.char_start >= start}
    edges = sorted(
        {start, end}
        | {edge for one in chunks for edge in (one.char_start, one.char_end) if start < edge < end}
    )
    pieces: list[str] = []
    alive: list[Chunk] = []
    waiting = list(chunks)
    for left, right in pairwise(edges):
        while waiting and waiting[0].char_start <= left:
            alive.append(waiting.pop(0))
        alive = [one for one in alive if one.char_end > left]
        if left in begins:
            pieces.append(_tag(begins[left]))
        said = escape(text[left:right])
        if alive:
            twice = " kb-twice" if len(alive) > 1 else ""
            colour = alive[-1].position % COLOURS
            said = f'<span class="kb-chunk kb-chunk-{colour}{twice}">{said}</span>'
        pieces.append(said)
    return "".join(pieces)


def _tag(one: Chunk) -> str:
    """Where a chunk begins: its number and size, and under which titles it stands."""
    above = escape(" / ".join(one.section_path), quote=True)
    return (
        f'<span class="kb-tag" title="{above}">{one.position + 1}'
        f"<small> {one.token_count} tokens</small></span>"
    )


def figures_view(figures: CutFigures, *, seconds: float, price: float) -> mo.Html:
    """`seconds` are those to embed it all, `price` is that of a million tokens."""
    rows = {
        "Chunks": f"{figures.chunks:,}",
        "Tokens in a chunk": (
            f"{figures.median} in the middle, {min(figures.sizes, default=0)} to"
            f" {max(figures.sizes, default=0)}"
        ),
        "Tokens to embed": f"{figures.tokens:,}",
        "Repeated text": f"{figures.repeated:.0%}",
        "Tables": _kept(figures.tables, figures.tables_cut, "cut"),
        "Headings": _kept(figures.headings, figures.headings_cut, "parted from their text"),
        "Time to embed": f"about {_duration(seconds)} on this machine",
        "Cost to embed": f"{figures.tokens / 1e6 * price:.4f}" if price else "none, it runs here",
    }
    cells = "".join(
        f"<tr><th scope='row'>{name}</th><td>{said}</td></tr>" for name, said in rows.items()
    )
    return html(f"<table class='kb-figures'><tbody>{cells}</tbody></table>")


def histogram(figures: CutFigures, limit: int) -> alt.Chart:
    """How many chunks are of which size."""
    step = max(1, -(-limit // BINS))
    counts = [0] * (limit // step + 1)
    for size in figures.sizes:
        counts[min(size // step, len(counts) - 1)] += 1
    bars = [
        {"from": place * step, "to": (place + 1) * step, "chunks": count}
        for place, count in enumerate(counts)
    ]
    return (
        alt.Chart(alt.Data(values=bars), width="container", height=140)
        .mark_bar(color="#2f6fb3")
        .encode(
            x=alt.X("from:Q", bin="binned", title="Tokens in a chunk"),
            x2="to:Q",
            y=alt.Y("chunks:Q", title="Chunks", axis=alt.Axis(tickMinStep=1)),
            tooltip=["from:Q", "to:Q", "chunks:Q"],
        )
    )


def _kept(total: int, torn: int, how: str) -> str:
    if not total:
        return "none"
    return f"all {total} kept" if not torn else f"{torn} of {total} {how}"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "a second"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

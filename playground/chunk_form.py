"""The widgets of one configuration in the Chunk view."""

from __future__ import annotations

from typing import Any

import marimo as mo

from ingest.chunking.settings import MAX_WINDOW, MIN_CHUNK_TOKENS, default_chunk_size
from playground.chunk_choice import ChunkChoice
from playground.looks import fields
from retrieval.embedding.models import EmbeddingModel
from retrieval.index import CHUNK_STRATEGIES, ChunkStrategy

STRATEGIES: dict[ChunkStrategy, str] = {
    "section": "By section",
    "semantic": "By meaning",
    "hierarchical": "Small chunks within larger ones",
    "sentence_window": "Sentences with those around them",
    "fixed": "By length alone",
}
CONTEXTS = {"Titles above a chunk are indexed with it": "headers", "The chunk alone": "none"}
STEP = 4  # tokens
LABELS = {
    "smallest": "Join what is shorter than this, % of a chunk",
    "threshold": "Places between sentences where a cut is favoured",
    "parents": "Chunks in a larger one",
    "window": "Sentences on either side",
    "overlap": "Overlap, % of a chunk",
}
RANGES: dict[str, tuple[float, float, float]] = {
    "smallest": (0, 50, 5),
    "threshold": (0, 1, 0.05),
    "parents": (2, 20, 1),
    "window": (1, MAX_WINDOW, 1),
    "overlap": (0, 50, 5),
}
OWN: dict[ChunkStrategy, tuple[str, ...]] = {
    "section": ("smallest",),
    "semantic": ("threshold", "smallest"),
    "hierarchical": ("parents",),
    "sentence_window": ("window",),
    "fixed": ("overlap",),
}
"""Which sliders do something under which strategy."""


def choose_strategy(initial: ChunkChoice, label: str) -> mo.ui.dropdown:
    """Its value is the strategy."""
    return mo.ui.dropdown(
        {STRATEGIES[one]: one for one in CHUNK_STRATEGIES},
        value=STRATEGIES[initial.strategy],
        label=label,
        full_width=True,
    )


def chunk_form(
    initial: ChunkChoice, strategy: ChunkStrategy, model: EmbeddingModel
) -> mo.ui.dictionary:
    """The strategy's sliders by the choice's names; `show` lays them out, `chosen` reads them."""
    wanted = initial.size or default_chunk_size(model)
    size = max(MIN_CHUNK_TOKENS, min(wanted, model.max_tokens))
    context = next((name for name, one in CONTEXTS.items() if one == initial.context), None)
    sliders = {
        "size": _slider(
            (MIN_CHUNK_TOKENS, model.max_tokens, STEP),
            MIN_CHUNK_TOKENS + (size - MIN_CHUNK_TOKENS) // STEP * STEP,
            "Chunk size at most, in tokens",
        )
    }
    for name in OWN[strategy]:
        sliders[name] = _slider(RANGES[name], getattr(initial, name), LABELS[name])
    titles = mo.ui.dropdown(
        CONTEXTS, value=context or next(iter(CONTEXTS)), label="Context", full_width=True
    )
    return mo.ui.dictionary({**sliders, "context": titles})


def _slider(within: tuple[float, float, float], value: float, label: str) -> Any:
    start, stop, step = within
    return mo.ui.slider(
        start, stop, step, value=value, label=label, show_value=True, full_width=True
    )


def show(form: mo.ui.dictionary) -> mo.Html:
    """The widgets."""
    return fields(list(form.elements.values()))


def chosen(strategy: ChunkStrategy, values: dict[str, Any]) -> ChunkChoice:
    """What the widgets say."""
    return ChunkChoice(strategy=strategy, **values)

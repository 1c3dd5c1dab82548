"""The widgets of a sweep in the Tune view."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import marimo as mo

from playground.looks import fields
from playground.tune_settings import TuneSettings, numbers, whole_numbers
from retrieval.embedding.models import EmbeddingModel
from retrieval.eval.run import METRICS
from retrieval.index import CHUNK_STRATEGIES
from retrieval.query import EXPANSIONS

STRATEGIES = {
    "section": "By section",
    "semantic": "By meaning",
    "hierarchical": "Small chunks in larger ones",
    "sentence_window": "Sentences with those around",
    "fixed": "By length",
}
CONTEXTS = {"headers": "Titles above the chunk", "none": "Nothing"}
FUSIONS = {"weighted": "Scores", "reciprocal_rank": "Ranks"}
RERANKING = {"Without": False, "With": True}
EXPANDED = {
    "parent": "Larger chunk",
    "neighbours": "Neighbours",
    "section": "Section",
    "none": "Nothing",
}
NO_LIMIT = "none"


def tune_form(
    initial: TuneSettings, models: Sequence[EmbeddingModel], model_id: str, *, has_reranker: bool
) -> mo.ui.dictionary:
    """Widgets by the settings' names; `show` lays them out and `chosen` reads them."""
    ids = [one.id for one in models]
    chosen_ids = [one for one in initial.model_ids if one in ids] or [model_id]
    depths = [one for one in METRICS if _depth(one) <= initial.num_results]
    return mo.ui.dictionary(
        {
            "strategies": _several("Chunking", STRATEGIES, CHUNK_STRATEGIES, initial.strategies),
            "sizes": _written("Chunk sizes, in tokens", initial.sizes),
            "overlaps": _written("Overlap, in tokens (by length only)", initial.overlaps),
            "contexts": _several("Indexed before a chunk", CONTEXTS, CONTEXTS, initial.contexts),
            "model_ids": mo.ui.multiselect(
                ids, value=chosen_ids, label="Embedding models", full_width=True
            ),
            "alphas": _written("Alpha: 0 words only, 1 meaning only", initial.alphas),
            "fusions": _several("Put together by", FUSIONS, FUSIONS, initial.fusions),
            "reranking": mo.ui.multiselect(
                RERANKING if has_reranker else {"Without": False},
                value=[
                    name
                    for name, on in RERANKING.items()
                    if on in initial.reranking and (has_reranker or not on)
                ],
                label="Reranking" if has_reranker else "Reranking (no reranker is set up)",
                full_width=True,
            ),
            "expansions": _several(
                "What comes with a passage", EXPANDED, EXPANSIONS, initial.expansions
            ),
            "num_results": mo.ui.number(
                1, 100, 1, value=initial.num_results, label="Passages per answer", full_width=True
            ),
            "star": mo.ui.dropdown(
                depths,
                value=initial.star if initial.star in depths else "mrr",
                label="Best is what has the most of",
                full_width=True,
            ),
            "limited": mo.ui.dropdown(
                [NO_LIMIT, *depths],
                value=initial.limited if initial.limited in depths else NO_LIMIT,
                label="Without falling short in",
                full_width=True,
            ),
            "limit": mo.ui.number(
                value=initial.limit,
                step=0.001,
                label="of at least (costs: at most)",
                full_width=True,
            ),
            "price": mo.ui.number(
                0,
                None,
                0.01,
                value=initial.price,
                label="Price of a million tokens to embed",
                full_width=True,
            ),
            "halving": mo.ui.switch(value=initial.halving, label="Drop losers early"),
        }
    )


def show(form: mo.ui.dictionary) -> mo.Html:
    """The widgets."""
    return fields(list(form.elements.values()))


def chosen(values: dict[str, Any]) -> TuneSettings:
    """What the widgets say. Raises `NotNumbers`."""
    return TuneSettings.model_validate(
        {
            **values,
            "sizes": whole_numbers(values["sizes"]),
            "overlaps": whole_numbers(values["overlaps"]) or [0],
            "alphas": numbers(values["alphas"]),
            "limited": "" if values["limited"] == NO_LIMIT else values["limited"],
            "num_results": int(values["num_results"] or 10),
            "price": values["price"] or 0.0,
        }
    )


def _several(
    label: str, names: dict[str, str], among: Iterable[str], initial: Sequence[str]
) -> mo.ui.multiselect:
    return mo.ui.multiselect(
        {names[one]: one for one in among if one in names},
        value=[names[one] for one in initial if one in names],
        label=label,
        full_width=True,
    )


def _written(label: str, values: Sequence[float]) -> mo.ui.text:
    return mo.ui.text(", ".join(f"{one:g}" for one in values), label=label, full_width=True)


def _depth(metric: str) -> int:
    depth = metric.partition("@")[2]
    return int(depth) if depth else 0

"""The widgets of one configuration in the Ask view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import marimo as mo

from playground.ask_settings import MAX_ANSWER_TOKENS, AskSettings
from playground.bodies import ChatModel, FilterField
from playground.looks import fields
from retrieval.query import EXPANSIONS

RERANKING: dict[str, bool | None] = {"As the knowledge base is set": None, "On": True, "Off": False}
EXPANDED = {
    "parent": "The larger chunk around it",
    "neighbours": "The chunks beside it",
    "section": "Its section",
    "none": "Nothing",
}
ALPHA_STEP = 0.05


def ask_form(
    initial: AskSettings, models: Sequence[ChatModel], *, has_reranker: bool
) -> mo.ui.dictionary:
    """Widgets by the settings' names; `show` lays them out and `chosen` reads them."""
    names = [one.id for one in models]
    reranking = next(name for name, value in RERANKING.items() if value == initial.reranking)
    return mo.ui.dictionary(
        {
            "model": mo.ui.dropdown(
                names,
                value=initial.model if initial.model in names else names[0],
                label="Model",
                full_width=True,
            ),
            "num_results": mo.ui.slider(
                1,
                20,
                value=min(initial.num_results, 20),
                label="Passages",
                show_value=True,
                full_width=True,
            ),
            "is_weighed": mo.ui.switch(value=initial.alpha is not None, label="Set alpha myself"),
            "alpha": mo.ui.slider(
                0,
                1,
                ALPHA_STEP,
                value=0.5 if initial.alpha is None else initial.alpha,
                label="Alpha (0 words, 1 meaning)",
                show_value=True,
                full_width=True,
            ),
            "reranking": mo.ui.dropdown(
                list(RERANKING) if has_reranker else list(RERANKING)[:1],
                value=reranking if has_reranker else next(iter(RERANKING)),
                label="Reranking" if has_reranker else "Reranking (no reranker is set up)",
                full_width=True,
            ),
            "expand": mo.ui.dropdown(
                {EXPANDED[name]: name for name in EXPANSIONS},
                value=EXPANDED[initial.expand],
                label="What comes with a passage",
                full_width=True,
            ),
            "system_prompt": mo.ui.text_area(
                initial.system_prompt,
                label="System prompt",
                rows=2,
                full_width=True,
            ),
            "temperature": mo.ui.number(
                0, 2, 0.1, value=initial.temperature, label="Temperature", full_width=True
            ),
            "max_tokens": mo.ui.number(
                1,
                MAX_ANSWER_TOKENS,
                1,
                value=initial.max_tokens,
                label="Longest answer, in tokens",
                full_width=True,
            ),
            "filters": mo.ui.text_area(
                initial.filters,
                label="Filters (JSON)",
                placeholder='{"equals": {"key": "item_name", "value": "guide.pdf"}}',
                rows=2,
                full_width=True,
            ),
        }
    )


def show(form: mo.ui.dictionary, known: Sequence[FilterField]) -> mo.Html:
    """The widgets, those that most people move first."""
    keys = ", ".join(one.name for one in known)
    hint = mo.Html(f'<p class="kb-soft kb-small">Filters may name: {keys}.</p>')
    return mo.vstack([fields(list(form.elements.values())), hint])


def chosen(values: dict[str, Any]) -> AskSettings:
    """What the widgets say."""
    return AskSettings(
        model=values["model"],
        system_prompt=values["system_prompt"].strip(),
        temperature=values["temperature"],
        max_tokens=int(values["max_tokens"]),
        num_results=int(values["num_results"]),
        alpha=round(values["alpha"], 2) if values["is_weighed"] else None,
        reranking=RERANKING[values["reranking"]],
        expand=values["expand"],
        filters=values["filters"].strip(),
    )

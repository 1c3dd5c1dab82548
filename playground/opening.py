"""How each view begins: where it works, and which knowledge base it is about."""

from __future__ import annotations

from collections.abc import Sequence

import marimo as mo

from playground.bodies import KnowledgeBase
from playground.choices import Address
from playground.looks import notice, problem
from playground.workplace import Workplace, workplace
from retrieval.errors import ServiceError


def opened() -> tuple[Workplace | None, list[KnowledgeBase], mo.Html | None]:
    """The workplace, its knowledge bases, and what to do where one of the two is missing."""
    request = mo.app_meta().request
    try:
        place = workplace(request.meta if request else None)
        bases = place.client.knowledge_bases()
    except ServiceError as error:
        return None, [], problem(error)
    if bases:
        return place, bases, None
    text = "Make one and add documents: kb create mine, then kb add mine <files>."
    return place, [], notice("There is no knowledge base yet.", text)


def base_dropdown(bases: Sequence[KnowledgeBase], address: Address) -> mo.ui.dropdown:
    """At first the one that the address names, or else the first. The address keeps it."""
    names = {one.name: one for one in bases}
    named = address.get("kb")
    name = named if named in names else next(iter(names), None)
    if name:
        address.keep("kb", name)
    return mo.ui.dropdown(
        names,
        value=name,
        label="Knowledge base",
        full_width=True,
        on_change=lambda one: address.keep("kb", one.name) if one else None,
    )

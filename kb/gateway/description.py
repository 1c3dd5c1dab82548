"""What a knowledge base holds, as the model is told it: its name and its filterable fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kb.catalog import knowledge_bases, metadata
from kb.service import Service
from retrieval.metadata_schema import DeclaredField
from retrieval.postgres import scoped
from retrieval.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One knowledge base. Nothing in it changes from turn to turn unless its owner changes it."""

    name: str
    text: str = ""
    """What its owner says of it."""

    fields: Sequence[DeclaredField] = ()


class Describe(Protocol):
    """Raises `NotFound` for a knowledge base that is not there, or is somebody else's."""

    async def __call__(self, scope: Scope) -> Description: ...


async def describe(service: Service, scope: Scope) -> Description:
    """As the catalog has it. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        found = await knowledge_bases.get(scope, conn)
        schema = await metadata.schema(scope, conn)
    return Description(name=found.name, fields=schema.fields)

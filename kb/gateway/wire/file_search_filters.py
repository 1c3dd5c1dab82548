"""OpenAI's filters of `file_search`, in our grammar."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kb.api.text import Text
from kb.gateway.wire.telling import Json

OPERATORS = {
    "eq": "equals",
    "ne": "not_equals",
    "gt": "greater_than",
    "gte": "greater_than_or_equals",
    "lt": "less_than",
    "lte": "less_than_or_equals",
}
Scalar = Text | bool | int | float


class ComparisonFilter(BaseModel):
    """A field compared with a value."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte"]
    key: Text
    value: Scalar

    def to_filter(self) -> Json:
        """As `parse_filter` takes it."""
        return {OPERATORS[self.type]: {"key": self.key, "value": self.value}}


class MembershipFilter(BaseModel):
    """A field that is one of several values, or none of them."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["in", "nin"]
    key: Text
    value: Annotated[list[Scalar], Field(min_length=1)]

    def to_filter(self) -> Json:
        """As `parse_filter` takes it."""
        group, operator = ("or_all", "eq") if self.type == "in" else ("and_all", "ne")
        return {
            group: [
                {OPERATORS[operator]: {"key": self.key, "value": value}} for value in self.value
            ]
        }


class CompoundFilter(BaseModel):
    """Several filters, of which all or any must match."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["and", "or"]
    filters: Annotated[list[FileSearchFilter], Field(min_length=1)]

    def to_filter(self) -> Json:
        """As `parse_filter` takes it."""
        group = "and_all" if self.type == "and" else "or_all"
        return {group: [one.to_filter() for one in self.filters]}


FileSearchFilter = Annotated[
    ComparisonFilter | MembershipFilter | CompoundFilter, Field(discriminator="type")
]

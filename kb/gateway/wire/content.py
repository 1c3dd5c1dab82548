"""Parts of messages, alike in both of OpenAI's APIs but for their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, cast

from pydantic import BaseModel, BeforeValidator

from kb.api.text import Text


def as_list(value: object, kind: str) -> object:
    """A string as the one part of that kind; anything else as it is."""
    return [{"type": kind, "text": value}] if isinstance(value, str) else value


class TextPart(BaseModel):
    """Some text."""

    type: Literal["text"]
    text: Text


class RefusalPart(BaseModel):
    """An assistant's refusal."""

    type: Literal["refusal"]
    refusal: Text

    @property
    def text(self) -> str:
        """What it said."""
        return self.refusal


TextParts = Annotated[list[TextPart], BeforeValidator(lambda value: as_list(value, "text"))]


def kind_of(value: object) -> str | None:
    """The `type` of what is being validated: JSON, or a model made of it before."""
    if isinstance(value, dict):
        kind = cast(dict[str, object], value).get("type")
    else:
        kind = getattr(value, "type", None)
    return kind if isinstance(kind, str) else None


def lines(texts: Iterable[str]) -> str:
    """Parts that others wrote, apart."""
    return "\n".join(texts)


def whole(texts: Iterable[str]) -> str:
    """Parts of one answer, as it was."""
    return "".join(texts)

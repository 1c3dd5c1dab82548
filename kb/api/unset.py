"""Fields that a client did not set: Go clients send an empty string, or null, for them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator

from kb.api.text import Text
from retrieval.analysis import checked_language


def absent(value: object) -> object:
    """None for what stands for it."""
    return None if value == "" else value


Unset = BeforeValidator(absent)
OptionalUuid = Annotated[UUID | None, Unset]
OptionalText = Annotated[Text | None, Unset]
OptionalLanguage = Annotated[Annotated[Text, AfterValidator(checked_language)] | None, Unset]

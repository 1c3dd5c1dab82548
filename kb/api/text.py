"""Text as it can be stored and searched: JSON allows characters that PostgreSQL does not."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator

T = TypeVar("T")


def storable(value: T) -> T:
    """The value itself; raises `ValueError` for a string in it, however deep, that is no text."""
    inner: object = value
    if isinstance(inner, str):
        if "\0" in inner or any("\ud800" <= character <= "\udfff" for character in inner):
            raise ValueError("holds a null character or half of a surrogate pair")
    elif isinstance(inner, dict):
        for key, item in cast("dict[object, object]", inner).items():
            storable(key)
            storable(item)
    elif isinstance(inner, list):
        for item in cast("list[object]", inner):
            storable(item)
    return value


Text = Annotated[str, AfterValidator(storable)]
JsonObject = Annotated[dict[str, Any], AfterValidator(storable)]

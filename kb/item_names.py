"""What a document may be called: a name for people, never a path that anything opens."""

from __future__ import annotations

from retrieval.errors import ServiceError

MAX_CHARACTERS = 1024


class InvalidItemName(ServiceError):
    """A document cannot have that name."""


def checked_item_name(name: str) -> str:
    """The name, with backslashes as slashes.

    Raises `InvalidItemName` for an empty or overlong one, or one with control characters.
    """
    cleaned = name.replace("\\", "/").strip()
    if not cleaned:
        raise InvalidItemName("It is empty.")
    if len(cleaned) > MAX_CHARACTERS:
        raise InvalidItemName(f"It is longer than {MAX_CHARACTERS} characters.")
    if not cleaned.isprintable():
        raise InvalidItemName("It holds control characters.")
    return cleaned

"""What a chunk can be filtered by, as texts that Weaviate finds exactly: `<field>=<value>`.

All fields share one property. A property for each declared field would stand in the schema, and
take memory in every tenant, of everybody else's knowledge bases as well.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime

from retrieval.built_in_fields import built_in_fields
from retrieval.chunk import Chunk
from retrieval.filters import Field, FieldType, Operator
from retrieval.metadata import microseconds
from retrieval.store import DocumentVersion, MetadataValue

# In patterns `*` and `?` stand for any characters, `*` for none that ends a line, and blanks at the
# end of a text are dropped. So these characters become words of two others, as does the end of a
# text. No word is found where two others meet: the first character never follows the second in it.
_SPECIAL = "*?\\\n\ue000\ue001"
_END = "\ue000" * (len(_SPECIAL) + 1) + "\ue001"
_ESCAPES = str.maketrans(
    {
        character: "\ue000" * (place + 1) + "\ue001" * (len(_SPECIAL) + 1 - place)
        for place, character in enumerate(_SPECIAL)
    }
)
_DIGITS = "0123456789abcdef"
_SIGN = 1 << 63
_EVERY_BIT = (1 << 64) - 1


def facts(document: DocumentVersion, chunk: Chunk) -> list[str]:
    """All that filters may ask about the chunk."""
    return [
        *(
            fact
            for name, value in built_in_fields(document, chunk).items()
            if value is not None
            for fact in _facts(Field(name, type_of(value)), value)
        ),
        *(
            fact
            for name, value in document.metadata.items()
            for fact in _facts(Field(name, type_of(value), is_metadata=True), value)
        ),
    ]


def type_of(value: MetadataValue) -> FieldType:
    """The type of fields that hold such values."""
    match value:
        case str():
            return "string"
        case bool():
            return "boolean"
        case datetime():
            return "timestamp"
        case tuple():
            return "string_list"
        case _:
            return "number"


def equal(field: Field, value: str | float | bool | datetime) -> str:
    """The fact of what has this value, or has it in its list."""
    if isinstance(value, str):
        return f"{_key(field)}{escaped(value)}{_END}"
    return f"{_key(field)}{_in_order(value)}"


def pattern(field: Field, operator: Operator, value: str) -> str:
    """What the facts look like of what contains this text, or starts with it."""
    before = "*" if operator == "contains" else ""
    return f"{_key(field)}{before}{escaped(value)}*"


def beyond(field: Field, operator: Operator, value: float | datetime) -> list[str]:
    """Facts of which each greater, or each lesser, number or moment has exactly one."""
    digits = _in_order(value)
    key = _key(field)
    found = [
        f"{key}{digits[:place]}{other}"
        for place, digit in enumerate(digits)
        for other in _DIGITS
        if (other > digit if operator in ("gt", "gte") else other < digit)
    ]
    return [*found, key + digits] if operator in ("gte", "lte") else found


def escaped(text: str) -> str:
    """What leaves `in` and `startswith` between texts as they are, without special characters."""
    return text.translate(_ESCAPES)


def _facts(field: Field, value: MetadataValue) -> Iterator[str]:
    if isinstance(value, tuple):
        yield from (equal(field, one) for one in value)
    elif field.type in ("number", "timestamp"):
        whole = equal(field, value)
        # The first digits, too, of each length: what they begin with places numbers in ranges.
        yield from (whole[:end] for end in range(len(_key(field)) + 1, len(whole) + 1))
    else:
        yield equal(field, value)


def _key(field: Field) -> str:
    return f"{'metadata' if field.is_metadata else 'chunk'}.{field.name}.{field.type}="


def _in_order(value: float | bool | datetime) -> str:
    """16 digits, of which the greater come later."""
    if isinstance(value, datetime):
        bits = microseconds(value) + _SIGN
    else:
        (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))  # + 0.0: -0.0 is 0.0
        bits = bits ^ _EVERY_BIT if bits & _SIGN else bits | _SIGN
    return f"{bits:016x}"

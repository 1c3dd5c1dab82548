"""What a knowledge base declares of its documents: typed fields, and where values come from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast, get_args

from retrieval.errors import RetrievalError
from retrieval.filters import FIELDS, MAX_NUMBER, UNSTORABLE, FieldType
from retrieval.path_pattern import InvalidPattern, PathPattern, parse_pattern
from retrieval.store import MetadataValue

TYPES: tuple[FieldType, ...] = get_args(FieldType)
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
MAX_FIELDS = 64
MAX_ENUM = 1000
MAX_VALUES = 100  # of one list
MAX_CHARACTERS = 1000  # of one text
TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class InvalidSchema(RetrievalError):
    """This is no metadata schema."""


class InvalidMetadata(RetrievalError):
    """This metadata is not what the knowledge base declares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSource:
    """Where a field's value is taken from when none is given with a document, in this order."""

    front_matter: str | None = None
    """A key of the YAML at the top of a Markdown file."""

    column: str | None = None
    """A column of a table (CSV, TSV), or a key of the records of JSON and JSON lines."""

    path: str | None = None
    """A pattern of document names, with the field's own name in braces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredField:
    """A field that documents may have a value of."""

    name: str
    type: FieldType
    description: str = ""
    enum: tuple[str, ...] = ()
    """The only values of a text or a list of texts; any where it is empty."""

    source: FieldSource = field(default_factory=FieldSource)

    @property
    def pattern(self) -> PathPattern | None:
        """The one in `source.path`."""
        return None if self.source.path is None else parse_pattern(self.source.path)


@dataclass(frozen=True, slots=True)
class MetadataSchema:
    """The fields of one knowledge base, in the order in which people see them."""

    fields: tuple[DeclaredField, ...] = ()

    @property
    def types(self) -> dict[str, FieldType]:
        """What `retrieval.filters.parse_filter` takes."""
        return {field.name: field.type for field in self.fields}


def checked_schema(fields: Sequence[DeclaredField]) -> MetadataSchema:
    """The schema of these fields. Raises `InvalidSchema`, which says what is valid instead."""
    if len(fields) > MAX_FIELDS:
        raise InvalidSchema(f"It has more than {MAX_FIELDS} fields.")
    seen: set[str] = set()
    for one in fields:
        _check(one)
        if one.name in seen:
            raise InvalidSchema(f"{one.name} is declared twice.")
        seen.add(one.name)
    return MetadataSchema(tuple(fields))


def _check(field: DeclaredField) -> None:
    name = field.name
    if not NAME.fullmatch(name):
        raise InvalidSchema(
            f"{name!r} is no name: use 1 to 63 of a to z, 0 to 9 and _, beginning with a letter."
        )
    if name in FIELDS:
        raise InvalidSchema(f"{name} is built in; built in are {', '.join(FIELDS)}.")
    if field.type not in TYPES:
        raise InvalidSchema(f"{name} has no type {field.type!r}; types are {', '.join(TYPES)}.")
    if field.enum:
        _check_enum(field)
    if field.source.path is not None:
        _check_pattern(name, field.source.path)


def _check_enum(field: DeclaredField) -> None:
    if field.type not in ("string", "string_list"):
        raise InvalidSchema(f"{field.name} is a {field.type}; only strings have an enum.")
    if len(field.enum) > MAX_ENUM or len(set(field.enum)) < len(field.enum):
        raise InvalidSchema(f"The enum of {field.name} has at most {MAX_ENUM} values, none twice.")
    for value in field.enum:
        if problem := _problem(value):
            raise InvalidSchema(f"In the enum of {field.name}, {problem}")


def _check_pattern(name: str, path: str) -> None:
    try:
        names = parse_pattern(path).names
    except InvalidPattern as exc:
        raise InvalidSchema(f"The path of {name}: {exc}") from exc
    if name not in names:
        raise InvalidSchema(f"The path of {name} does not hold {{{name}}}.")


def checked_metadata(
    schema: MetadataSchema, given: Mapping[str, object]
) -> dict[str, MetadataValue]:
    """What was given with a document, as JSON has it, typed. Raises `InvalidMetadata`."""
    fields = {field.name: field for field in schema.fields}
    if unknown := given.keys() - fields.keys():
        valid = ", ".join(fields) or "none; declare them in the metadata schema first"
        raise InvalidMetadata(f"Unknown field {min(unknown)!r}; declared are {valid}.")
    return {name: value_of(fields[name], value) for name, value in given.items()}


def value_of(field: DeclaredField, given: object) -> MetadataValue:
    """A field's value as JSON has it, typed. Raises `InvalidMetadata`."""
    match field.type, given:
        case "string", str():
            return _text(field, given)
        case "number", (int() | float()) if not isinstance(given, bool):
            return _number(field, given)
        case "boolean", bool():
            return given
        case "timestamp", str():
            return _moment(field, given)
        case "string_list", list():
            return _texts(field, cast("list[object]", given))
        case _:
            raise _wrong(field, given)


def value_of_texts(field: DeclaredField, texts: Sequence[str]) -> MetadataValue:
    """A field's value as it stands written somewhere: one text, or several for a list.

    Raises `InvalidMetadata`.
    """
    if field.type == "string_list":
        return _texts(field, texts)
    if len(texts) != 1:
        raise InvalidMetadata(f"{field.name} is one {field.type}, not {len(texts)} values.")
    text = texts[0].strip()
    match field.type:
        case "boolean" if text.lower() in TRUTH:
            return TRUTH[text.lower()]
        case "timestamp":
            return _moment(field, text)
        case "number":
            try:
                return _number(field, float(text))
            except ValueError as exc:
                raise _wrong(field, text) from exc
        case "string":
            return _text(field, text)
        case _:
            raise _wrong(field, text)


def _texts(field: DeclaredField, given: Sequence[object]) -> tuple[str, ...]:
    if len(given) > MAX_VALUES:
        raise InvalidMetadata(f"{field.name} has more than {MAX_VALUES} values.")
    return tuple(dict.fromkeys(_text(field, one) for one in given))


def _text(field: DeclaredField, given: object) -> str:
    if not isinstance(given, str):
        raise _wrong(field, given)
    if field.enum and given not in field.enum:
        valid = ", ".join(field.enum)
        raise InvalidMetadata(f"{field.name} cannot be {given[:100]!r}; valid are {valid}.")
    if problem := _problem(given):
        raise InvalidMetadata(f"In {field.name}, {problem}")
    return given


def _problem(text: str) -> str | None:
    """Why a text cannot be a value."""
    if len(text) > MAX_CHARACTERS:
        return f"a text has more than {MAX_CHARACTERS} characters: {text[:50]!r}..."
    if UNSTORABLE.search(text):
        return f"{text[:50]!r} holds a character that is none."
    return None


def _number(field: DeclaredField, given: float) -> float:
    if abs(given) <= MAX_NUMBER:  # false for NaN too
        return given
    raise InvalidMetadata(f"{field.name} is a number of at most {MAX_NUMBER}; {given!r} is not.")


def _moment(field: DeclaredField, given: str) -> datetime:
    try:
        moment = datetime.fromisoformat(given)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as exc:
        raise InvalidMetadata(
            f"{given[:100]!r} is no ISO 8601 date or time for {field.name}."
        ) from exc


def _wrong(field: DeclaredField, given: object) -> InvalidMetadata:
    return InvalidMetadata(f"{field.name} is a {field.type}; {str(given)[:100]!r} is not.")

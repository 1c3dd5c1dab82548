"""What a model's server says is wrong, as an error that repeats nothing of the conversation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from kb.gateway.completion import Asked
from kb.gateway.upstream.errors import (
    ContextOverflow,
    RequestRefused,
    UpstreamBusy,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from kb.gateway.upstream.models import ChatModelEntry

DETAIL_CHARS = 300  # of what a server says is wrong
REPEATED_CHARS = 12  # letters and digits in a row that are no coincidence
BUSY_SECONDS = 1.0  # where a server that is busy does not say for how long

_AGAIN = frozenset({408, 409, 425, 500, 502, 503, 504, 529})
_OVERFLOWS = frozenset({400, 413, 422, 500})
_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum model length|max_model_len", re.IGNORECASE
)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_BETWEEN = re.compile(r"\\.|[\W_]+")


class _Error(BaseModel):
    message: str = ""
    type: str | None = None
    code: int | str | None = None


class _Refusal(_Error):
    """OpenAI's shape; older servers have the fields outside."""

    error: _Error | str | None = None


def refusal(
    status: int, content: bytes, model: ChatModelEntry, asked: Asked, *, retry_after: float | None
) -> UpstreamError:
    """What an answer of that status means."""
    if status in (401, 403):  # what it says may hold part of the key
        return UpstreamUnauthorized(f"{model.id}: it answers {status}.")
    error = _read(content)
    said = " ".join((error.message or content.decode("utf-8", "replace")).split())[:DETAIL_CHARS]
    marks = f"{error.type} {error.code} {said}"
    if status in _OVERFLOWS and _TOO_LONG.search(marks):
        return ContextOverflow(_length(model))
    key = model.api_key.get_secret_value() if model.api_key else ""
    shown = "" if _repeats(said, [key, *_texts(asked)]) else said
    detail = f"{model.id}: it answers {status}{shown and ': '}{shown}"
    if status == 429:
        after = BUSY_SECONDS if retry_after is None else retry_after
        return UpstreamBusy(detail, retry_after=after)
    if status in _AGAIN:
        return UpstreamUnavailable(detail, retry_after=retry_after or 0)
    return RequestRefused(detail) if status in (400, 422) else UpstreamRefused(detail)


def streamed_refusal(data: str, model: ChatModelEntry, asked: Asked) -> UpstreamError:
    """What an error means that comes where a chunk should."""
    content = data.encode()
    code = _read(content).code
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return refusal(status, content, model, asked, retry_after=None)


def _read(content: bytes) -> _Error:
    try:
        found = _Refusal.model_validate_json(content)
    except ValidationError:  # a proxy's page, say
        return _Error()
    match found.error:
        case None:
            return found
        case str():
            return _Error(message=found.error)
        case _:
            return found.error


def _length(model: ChatModelEntry) -> str:
    return "" if model.context_length is None else f"{model.id} has {model.context_length} tokens."


def _texts(asked: Asked) -> Iterator[str]:
    """All that was said in the conversation."""
    for message in asked.messages:
        yield message.text
        yield from message.images
        yield from (call.arguments for call in message.tool_calls)


def _repeats(said: str, texts: list[str]) -> bool:
    """Whether some of a text is in it: servers quote requests that they do not like."""
    bare = _bare(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), said))
    starts = range(max(len(bare) - REPEATED_CHARS + 1, 0))
    pieces = {bare[start : start + REPEATED_CHARS] for start in starts}
    for text in map(_bare, texts):
        if len(text) < REPEATED_CHARS:
            if text and text in bare:
                return True
        elif any(piece in text for piece in pieces):
            return True
    return False


def _bare(text: str) -> str:
    """Its letters and digits, however they were set or escaped."""
    return _BETWEEN.sub("", text).casefold()

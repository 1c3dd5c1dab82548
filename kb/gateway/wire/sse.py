"""Server-sent events as bytes."""

from __future__ import annotations

import json
from typing import Any

from kb.gateway.wire.telling import Frame

COMMENT = b": keep-alive\n\n"


def to_json(value: Any) -> bytes:
    """In ASCII: some clients split lines at U+2028 and U+0085, too, and a model's server may cut a
    character in half, which UTF-8 cannot hold."""
    return json.dumps(value, separators=(",", ":")).encode()


def encode(frame: Frame) -> bytes:
    """The event with the blank line that ends it."""
    data = frame.data.encode() if isinstance(frame.data, str) else to_json(frame.data)
    name = b"" if frame.event is None else b"event: " + frame.event.encode() + b"\n"
    return name + b"data: " + data + b"\n\n"

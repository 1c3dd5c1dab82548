"""Where the next page of an answer begins, as a word that callers hand back."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import asdict, fields
from hashlib import sha256

from retrieval.query import InvalidQuery, Query
from retrieval.target import Target

MAX_DEPTH = 1000  # passages; both stores answer so many at once
ALIKE = sorted(
    {field.name for field in fields(Query)} - {"cursor", "num_results", "max_tokens", "explain"}
)


def place_of(cursor: str | None, query: Query, targets: Sequence[Target]) -> int:
    """How many passages earlier pages have had. Raises `InvalidQuery`."""
    if cursor is None:
        return 0
    try:
        place, digest = json.loads(urlsafe_b64decode(cursor.encode()))
        known = isinstance(place, int) and 0 <= place < MAX_DEPTH
    except (ValueError, TypeError):
        known, place, digest = False, 0, ""
    if not known:
        raise InvalidQuery("cursor is none that this service gave; leave it out to start anew.")
    if digest != _digest(query, targets):
        raise InvalidQuery(
            "cursor belongs to another query, or its index version is no longer live; leave it out"
            " to start anew."
        )
    return place


def cursor_at(place: int, query: Query, targets: Sequence[Target]) -> str | None:
    """What to hand back to go on from there; none where nobody may go on."""
    if place >= MAX_DEPTH:
        return None
    said = json.dumps([place, _digest(query, targets)], separators=(",", ":"))
    return urlsafe_b64encode(said.encode()).decode()


def _digest(query: Query, targets: Sequence[Target]) -> str:
    """The same for every page of one answer: pages may differ in size and in token budget."""
    said = json.dumps(
        [
            {name: getattr(query, name) for name in ALIKE},
            [str(target.index.version.id) for target in targets],
        ],
        sort_keys=True,
        default=asdict,
    )
    return sha256(said.encode()).hexdigest()[:16]

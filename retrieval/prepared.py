"""Queries that PostgreSQL has read and planned already: that was a quarter to a third of what a
search cost it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, LiteralString, cast
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection

MOST = 128  # statements a connection keeps, at some 60 KB each
_PARAMETER = re.compile(r"%\((\w+)\)s")
_kept: WeakKeyDictionary[AsyncConnection[Any], dict[LiteralString, LiteralString]] = (
    WeakKeyDictionary()
)


async def prepared(
    conn: AsyncConnection[Any], queries: Sequence[LiteralString]
) -> list[LiteralString]:
    """What runs these queries, with the same parameters; those new to the connection it reads now.

    psycopg prepares too, but needs a pipeline to run several in one round trip, where each takes it
    twice the time. Connections must have it off (`prepare_threshold=None`).
    """
    kept = _kept.pop(conn, {})
    new: list[LiteralString] = [query for query in dict.fromkeys(queries) if query not in kept]
    if new:
        statements: list[LiteralString] = []
        if not kept or len(kept) + len(new) > MOST:
            kept, new = {}, list(dict.fromkeys(queries))
            statements.append("DEALLOCATE ALL")
        for query in new:
            body, arguments = _numbered(query)
            name = f"kept_{len(kept)}"
            statements.append(cast("LiteralString", f"PREPARE {name} AS {body}"))
            kept[query] = cast("LiteralString", f"EXECUTE {name}{arguments}")
        await conn.execute("; ".join(statements))
    _kept[conn] = kept  # but after a failure, when nobody knows what was prepared before it
    return [kept[query] for query in queries]


@lru_cache(maxsize=1024)
def _numbered(query: LiteralString) -> tuple[str, str]:
    """The query with `$1` in place of `%(name)s`, and its list of arguments."""
    names = list(dict.fromkeys(_PARAMETER.findall(query)))
    body = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", query).replace("%%", "%")
    arguments = f"({', '.join(f'%({name})s' for name in names)})" if names else ""
    return body, arguments

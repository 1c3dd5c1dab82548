"""Teams and their API keys: 256 random bits, kept as a hash only, shown once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from psycopg.rows import class_row

from kb.catalog.errors import NotFound
from retrieval.postgres import Connection, Pool, fetch
from retrieval.scope import TeamScope
from retrieval.sql import load_queries

QUERIES = load_queries(Path(__file__).with_name("keys.sql"))
KEY_PREFIX = "kb_"
SHOWN_CHARACTERS = 10

# The team of a single-team installation, which is what `kb up` makes on its first start.
DEFAULT_TEAM = UUID("00000000-0000-4000-8000-000000000001")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it can be shown at any time: without its secret."""

    id: UUID
    name: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


async def ensure_team(scope: TeamScope, conn: Connection, *, name: str) -> bool:
    """Make the team unless it exists; whether it was made."""
    cursor = await conn.execute(QUERIES["create_team"], {"team_id": scope.team_id, "name": name})
    return cursor.rowcount == 1


async def create_key(scope: TeamScope, conn: Connection, *, name: str) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can ask for again."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    async with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        await cursor.execute(
            QUERIES["create"],
            {
                "team_id": scope.team_id,
                "name": name,
                "prefix": secret[:SHOWN_CHARACTERS],
                "key_hash": _hash(secret),
            },
        )
        key = await cursor.fetchone()
        assert key
        return key, secret


async def list_keys(scope: TeamScope, conn: Connection) -> list[ApiKey]:
    """All keys of the team, revoked ones too, oldest first."""
    async with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        await cursor.execute(QUERIES["list"], {"team_id": scope.team_id})
        return await cursor.fetchall()


async def revoke_key(scope: TeamScope, conn: Connection, *, prefix: str) -> ApiKey:
    """End the key with these first characters at once. Raises `NotFound`."""
    async with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        await cursor.execute(QUERIES["revoke"], {"team_id": scope.team_id, "prefix": prefix})
        key = await cursor.fetchone()
    if key is None:
        raise NotFound(f"No key begins with {prefix!r}; `kb key list` shows them.")
    return key


async def team_of(pool: Pool, secret: str) -> TeamScope | None:
    """Whose key this is; none for a wrong or revoked one."""
    settings, parameters = presented(secret)
    rows = await fetch(pool, settings, QUERIES["team_of"], parameters)
    return TeamScope(team_id=rows[0][0]) if rows else None


def presented(secret: str) -> tuple[dict[str, str], dict[str, bytes]]:
    """Settings and parameters of a transaction that has no scope but a key.

    Row-level security shows it that key's row alone.
    """
    digest = _hash(secret)
    return {"kb.key_hash": digest.hex()}, {"key_hash": digest}


def _hash(secret: str) -> bytes:
    # A slow password hash would add nothing to 256 random bits, and cost every request.
    return sha256(secret.encode(errors="surrogatepass")).digest()

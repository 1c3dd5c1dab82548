"""API keys: 256 random bits, shown once, kept as a hash, ended at once."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from kb.auth import Authenticator, Unauthorized, operator_scope
from kb.catalog.errors import NotFound
from kb.catalog.keys import DEFAULT_TEAM
from kb.service import Service
from retrieval.scope import TeamScope
from tests.kb.databases import superuser_dsn
from tests.kb.teams import new_base, new_team


def rows(data_dir: Path) -> list[str]:
    """Every row of the table in full, as its owner's owner sees it."""
    with psycopg.connect(superuser_dsn(data_dir)) as conn:
        return [row[0] for row in conn.execute("SELECT to_jsonb(k)::text FROM kb.api_keys k")]


async def test_a_key_has_256_bits_and_says_what_it_is(service: Service, team: TeamScope) -> None:
    secrets = {(await service.create_key(team, name="key"))[1] for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        assert re.fullmatch(r"kb_[A-Za-z0-9_-]{43}", secret)
        assert len(base64.urlsafe_b64decode(secret[3:] + "=")) == 32


async def test_the_database_holds_its_hash_and_ten_characters_of_it(
    service: Service, team: TeamScope, data_dir: Path
) -> None:
    key, secret = await service.create_key(team, name="key")
    kept = "\n".join(rows(data_dir))
    assert sha256(secret.encode()).hexdigest() in kept
    assert key.prefix == secret[:10]
    assert secret[:10] in kept
    for start in range(len(secret) - 11):
        assert secret[start : start + 11] not in kept
    assert base64.urlsafe_b64decode(secret[3:] + "=").hex() not in kept


async def test_lists_show_no_secret(service: Service, team: TeamScope) -> None:
    _, secret = await service.create_key(team, name="key")
    listed = await service.list_keys(team)
    assert [key.name for key in listed] == ["key"]
    assert secret not in repr(listed)
    assert secret[11:] not in repr(listed)


async def test_a_key_opens_its_team_until_it_is_revoked(service: Service, team: TeamScope) -> None:
    authenticator = Authenticator(service.pool)
    key, secret = await service.create_key(team, name="one")
    _, second = await service.create_key(team, name="two")
    assert await authenticator.key(secret) == team
    revoked = await service.revoke_key(team, prefix=key.prefix)
    assert revoked.revoked_at
    assert await authenticator.key(secret) is None
    assert await authenticator.key(second) == team
    again = await service.revoke_key(team, prefix=key.prefix)
    assert again.revoked_at == revoked.revoked_at


async def test_with_a_key_comes_what_is_live_in_a_knowledge_base_of_its_team(
    service: Service, team: TeamScope
) -> None:
    authenticator = Authenticator(service.pool)
    key, secret = await service.create_key(team, name="one")
    base = await new_base(service, team)
    other, _ = await new_team(service)
    foreign = await new_base(service, other)
    header = f"Bearer {secret}"
    live = await service.index_version(base)
    assert await authenticator.enter(header, base.knowledge_base_id) == (team, live)
    for unseen in (foreign.knowledge_base_id, uuid4()):
        assert await authenticator.enter(header, unseen) == (team, None)
    await service.revoke_key(team, prefix=key.prefix)
    for refused in (header, f"Basic {secret}", "Bearer ", None):
        with pytest.raises(Unauthorized):
            await authenticator.enter(refused, base.knowledge_base_id)


async def test_nobody_revokes_or_lists_another_teams_keys(
    service: Service, team: TeamScope
) -> None:
    key, secret = await service.create_key(team, name="mine")
    other, _ = await new_team(service)
    with pytest.raises(NotFound, match="kb key list"):
        await service.revoke_key(other, prefix=key.prefix)
    assert await Authenticator(service.pool).key(secret) == team
    assert key.id not in [one.id for one in await service.list_keys(other)]


@pytest.mark.parametrize("prefix", ["", "kb_", "%", "kb_%", "kb_______"])
async def test_only_a_whole_prefix_revokes(service: Service, team: TeamScope, prefix: str) -> None:
    await service.create_key(team, name="key")
    with pytest.raises(NotFound):
        await service.revoke_key(team, prefix=prefix)
    assert [key.revoked_at for key in await service.list_keys(team)] == [None]


@pytest.mark.parametrize(
    "secret", ["", "kb_", " ", "\0", "kb_\ud83d", "ü", "x" * 100_000, "%", "'"]
)
async def test_anything_else_opens_nothing(service: Service, secret: str) -> None:
    assert await Authenticator(service.pool).key(secret) is None


async def test_the_hash_itself_is_no_key(service: Service, team: TeamScope) -> None:
    _, secret = await service.create_key(team, name="key")
    digest = sha256(secret.encode())
    for guess in (digest.hexdigest(), "kb_" + digest.hexdigest(), f"\\x{digest.hexdigest()}"):
        assert await Authenticator(service.pool).key(guess) is None


async def test_a_header_is_read_as_clients_write_it(service: Service, team: TeamScope) -> None:
    authenticator = Authenticator(service.pool)
    _, secret = await service.create_key(team, name="key")
    for header in (f"Bearer {secret}", f"bearer  {secret} "):
        assert await authenticator.header(header) == team
    for header in (None, "", secret, f"Token {secret}", "Bearer"):
        with pytest.raises(Unauthorized, match="kb key create"):
            await authenticator.header(header)


async def test_the_first_key_is_given_once_and_never_again(service: Service) -> None:
    team, _ = await new_team(service)
    assert await service.first_key(team) is None  # it has one already
    for key in await service.list_keys(team):
        await service.revoke_key(team, prefix=key.prefix)
    assert await service.first_key(team) is None  # revoking all is no way to a new one
    fresh = operator_scope()
    assert fresh.team_id == DEFAULT_TEAM
    secret = await service.first_key(fresh)
    assert secret
    assert await Authenticator(service.pool).key(secret) == fresh
    assert await service.first_key(fresh) is None

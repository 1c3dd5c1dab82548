"""`kb key create`, `kb key list`, `kb key revoke`."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from kb.cli.session import out, session


async def create(name: str, *, quiet: bool) -> None:
    """Print a new key, this once."""
    async with session() as s:
        _, secret = await s.service.create_key(s.team, name=name)
    if quiet:
        print(secret)  # noqa: T201 for scripts: no wrapping, no markup
    else:
        shown = f"Key [bold]{escape(name)}[/], shown this once: [bold]{secret}[/]"
        out.print(shown, soft_wrap=True)


async def list_all(*, as_json: bool) -> None:
    """A table of all."""
    async with session() as s:
        found = await s.service.list_keys(s.team)
    if as_json:
        out.print_json(
            data=[
                {
                    "uuid": str(key.id),
                    "name": key.name,
                    "prefix": key.prefix,
                    "created_at": key.created_at.isoformat(),
                    "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
                }
                for key in found
            ]
        )
        return
    table = Table("Begins with", "Name", "Created", "Revoked")
    for key in found:
        revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        table.add_row(key.prefix, escape(key.name), f"{key.created_at:%Y-%m-%d %H:%M}", revoked)
    out.print(table)


async def revoke(prefix: str) -> None:
    """End one at once."""
    async with session() as s:
        key = await s.service.revoke_key(s.team, prefix=prefix)
    out.print(f"Revoked {key.prefix} ({escape(key.name)})")

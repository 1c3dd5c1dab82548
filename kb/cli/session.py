"""What every command needs: the service opened, errors as one sentence, an exit status."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from pydantic import ValidationError
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from kb.auth import Authenticator, Unauthorized, operator_scope
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_embedders, make_live_sources, make_vault, open_database, open_service
from retrieval.errors import ServiceError
from retrieval.index import StoreName
from retrieval.scope import TeamScope

if TYPE_CHECKING:
    from kb.data_sources import DataSources
    from kb.indexing_jobs import IndexingJobs

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Session:
    """An open service, and whose data the command works on."""

    settings: Settings
    service: Service
    team: TeamScope

    @property
    def data_sources(self) -> DataSources:
        """What can be done with data sources, within what the settings allow."""
        from kb.data_sources import DataSources

        return DataSources(self.service, make_live_sources(self.settings))

    @property
    def indexing_jobs(self) -> IndexingJobs:
        """What can be done with indexing jobs."""
        from kb.indexing_jobs import IndexingJobs

        return IndexingJobs(self.service, make_vault(self.settings))


@asynccontextmanager
async def session(*, store: StoreName | None = None) -> AsyncGenerator[Session]:
    """The service on this machine's settings, and with the store that the command names.

    Whoever may read the data folder or the database password is the operator; with KB_API_KEY the
    command works for that key's team instead.
    """
    settings = read_settings()
    if store is not None:
        settings = settings.model_copy(update={"store": store})
    with open_database(settings, tell) as database:
        embedders = make_embedders(settings, tell)
        async with open_service(settings, database.dsn, embedders, tell) as service:
            team = operator_scope()
            if settings.api_key is not None:
                known = await Authenticator(service.pool).key(settings.api_key.get_secret_value())
                if known is None:
                    raise Unauthorized("KB_API_KEY is wrong or revoked.")
                team = known
            else:
                await service.ensure_team(team)
            yield Session(settings, service, team)


def read_settings() -> Settings:
    """The settings; ends the program with a sentence for each that is wrong."""
    try:
        return Settings()
    except ValidationError as exc:
        for problem in exc.errors():
            name = "KB_" + "_".join(str(part) for part in problem["loc"]).upper()
            err.print(f"[red]{name}[/]: {problem['msg']}")
        sys.exit(2)


def run(work: Coroutine[Any, Any, int | None]) -> None:
    """Run a command to its exit status. Errors we know are one sentence, not a traceback."""
    log_to_terminal(logging.ERROR)
    try:
        status = asyncio.run(work)
    except ServiceError as exc:
        fail(str(exc))
    except (OperationalError, PoolTimeout) as exc:
        fail(f"The database does not answer: {exc}")
    except KeyboardInterrupt:
        err.print("Stopped. What is queued goes on with the next `kb up` or `kb worker`.")
        sys.exit(130)
    if status:
        sys.exit(status)


def fail(message: str) -> NoReturn:
    """Say why, and end with status 1."""
    err.print(f"[red]Error:[/] {escape(message)}", soft_wrap=True)
    sys.exit(1)


def tell(message: str) -> None:
    """A line about what takes time, on the side."""
    err.print(f"[dim]{escape(message)}[/]", soft_wrap=True)


def log_to_terminal(level: int) -> None:
    """Warnings and worse, readable."""
    logging.basicConfig(
        level=level,
        format="%(message)s",
        handlers=[RichHandler(console=err, show_path=False, rich_tracebacks=False)],
    )

"""Evaluation datasets, the runs over them, and what each run found for each question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from psycopg import errors
from psycopg.rows import class_row
from psycopg.types.json import Json, Jsonb
from pydantic import TypeAdapter

from kb.catalog.errors import NameTaken, NotFound
from retrieval.eval.question import Question
from retrieval.eval.results import Estimate, QuestionResult
from retrieval.index import IndexVersion
from retrieval.postgres import Connection
from retrieval.query import Query
from retrieval.scope import Scope, TeamScope
from retrieval.sql import load_queries

QUERIES = load_queries(Path(__file__).with_name("evaluations.sql"))

RunStatus = Literal["pending", "running", "done", "failed"]

# What a run's questions have each for themselves.
_OWN = frozenset({"text", "cursor", "explain"})
_QUERY = TypeAdapter(Query)
_QUESTIONS = TypeAdapter(list[Question])
_METRICS = TypeAdapter(dict[str, Estimate])


class DatasetNameTaken(NameTaken):
    """A dataset of that name exists already; choose another name, or replace its questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset without its questions."""

    id: UUID
    name: str
    questions: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run without what it found for each question."""

    id: UUID
    knowledge_base_id: UUID
    dataset_id: UUID
    dataset: str
    index_version_id: UUID | None
    """None once it is discarded."""

    index_version_number: int
    index_settings: dict[str, Any]
    query: dict[str, Any]
    """The options that the questions were asked with."""

    status: RunStatus
    questions: int
    asked: int
    skipped: int
    degraded: int
    metrics: dict[str, Any]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The metrics with their intervals; none before it is done."""
        return _METRICS.validate_python(self.metrics)

    @property
    def like(self) -> Query:
        """What each question is asked like."""
        return _QUERY.validate_python({"text": "-", **self.query})


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedText:
    """A document as an index version has it."""

    item_name: str
    version_id: UUID
    text: str


async def create_dataset(
    scope: Scope, conn: Connection, *, name: str, questions: Sequence[Question]
) -> Dataset:
    """Enter a dataset. Raises `DatasetNameTaken`."""
    parameters = {**_ids(scope), "name": name, "questions": _as_json(questions)}
    try:
        row = await (await conn.execute(QUERIES["create_dataset"], parameters)).fetchone()
    except errors.UniqueViolation as exc:
        raise DatasetNameTaken(f"{name!r}.") from exc
    assert row
    return await dataset(scope, conn, row[0])


async def replace_questions(
    scope: Scope, conn: Connection, *, name: str, questions: Sequence[Question]
) -> Dataset | None:
    """Give a dataset other questions; none where there is no dataset of that name."""
    parameters = {**_ids(scope), "name": name, "questions": _as_json(questions)}
    row = await (await conn.execute(QUERIES["replace_questions"], parameters)).fetchone()
    return await dataset(scope, conn, row[0]) if row else None


async def datasets(scope: Scope, conn: Connection) -> list[Dataset]:
    """The knowledge base's, oldest first."""
    return await _datasets(scope, conn)


async def dataset(scope: Scope, conn: Connection, dataset_id: UUID) -> Dataset:
    """One of them. Raises `NotFound`."""
    found = await _datasets(scope, conn, dataset_id=dataset_id)
    if not found:
        raise NotFound(f"Evaluation dataset {dataset_id}.")
    return found[0]


async def dataset_named(scope: Scope, conn: Connection, name: str) -> Dataset:
    """The one of that name. Raises `NotFound`."""
    found = await _datasets(scope, conn, name=name)
    if not found:
        raise NotFound(f"Evaluation dataset {name!r}.")
    return found[0]


async def questions(scope: Scope, conn: Connection, dataset_id: UUID) -> list[Question]:
    """A dataset's questions. Raises `NotFound`."""
    parameters = {**_ids(scope), "dataset_id": dataset_id}
    row = await (await conn.execute(QUERIES["questions"], parameters)).fetchone()
    if row is None:
        raise NotFound(f"Evaluation dataset {dataset_id}.")
    return _QUESTIONS.validate_python(row[0])


async def delete_dataset(scope: Scope, conn: Connection, dataset_id: UUID) -> None:
    """Forget a dataset with its runs. Raises `NotFound`."""
    parameters = {**_ids(scope), "dataset_id": dataset_id}
    if (await conn.execute(QUERIES["delete_dataset"], parameters)).rowcount == 0:
        raise NotFound(f"Evaluation dataset {dataset_id}.")


async def create_run(
    scope: Scope, conn: Connection, dataset_id: UUID, index: IndexVersion, like: Query
) -> Run:
    """Enter a run that has not begun. Raises `NotFound`."""
    settings = {**asdict(index.settings), "embedding_model": index.settings.embedding_model.id}
    parameters = {
        **_ids(scope),
        "dataset_id": dataset_id,
        "index_version_id": index.id,
        "index_version_number": index.number,
        "index_settings": Jsonb(settings),
        "query": Jsonb(_QUERY.dump_python(like, mode="json", exclude=set(_OWN))),
    }
    row = await (await conn.execute(QUERIES["create_run"], parameters)).fetchone()
    if row is None:
        raise NotFound(f"Evaluation dataset {dataset_id}.")
    return await run(scope, conn, row[0])


async def start_run(scope: Scope, conn: Connection, run_id: UUID) -> bool:
    """Enter that it is under way; false where it is over, or gone."""
    row = await (await conn.execute(QUERIES["start_run"], _of(scope, run_id))).fetchone()
    return row is not None


async def tell_progress(scope: Scope, conn: Connection, run_id: UUID, *, asked: int) -> None:
    """Enter how many questions have been asked."""
    await conn.execute(QUERIES["tell_progress"], {**_of(scope, run_id), "asked": asked})


async def finish_run(
    scope: Scope,
    conn: Connection,
    run_id: UUID,
    *,
    results: Sequence[QuestionResult],
    metrics: dict[str, Estimate],
) -> None:
    """Enter what it found. Does nothing where it is over, or gone."""
    skipped = sum(one.skipped is not None for one in results)
    parameters = {
        **_of(scope, run_id),
        "metrics": Json(_METRICS.dump_python(metrics, mode="json")),
        "questions": len(results),
        "asked": len(results) - skipped,
        "skipped": skipped,
        "degraded": sum(one.degraded is not None for one in results),
        "results": [Json(one.model_dump(mode="json")) for one in results],
    }
    row = await (await conn.execute(QUERIES["finish_run"], parameters)).fetchone()
    if row is not None:
        await conn.execute(QUERIES["enter_results"], parameters)


async def fail_run(scope: Scope, conn: Connection, run_id: UUID, *, error: str) -> None:
    """Enter why it came to nothing."""
    await conn.execute(QUERIES["fail_run"], {**_of(scope, run_id), "error": error})


async def run(scope: Scope, conn: Connection, run_id: UUID) -> Run:
    """One of the knowledge base's. Raises `NotFound`."""
    found = await _runs(scope, conn, limit=1, run_id=run_id)
    if not found:
        raise NotFound(f"Evaluation run {run_id}.")
    return found[0]


async def runs(
    scope: Scope, conn: Connection, *, limit: int, offset: int, dataset_id: UUID | None = None
) -> tuple[list[Run], int]:
    """A page of the knowledge base's, newest first, and how many there are in all."""
    page = await _runs(scope, conn, limit=limit, offset=offset, dataset_id=dataset_id)
    parameters = {**_ids(scope), "dataset_id": dataset_id}
    row = await (await conn.execute(QUERIES["count_runs"], parameters)).fetchone()
    assert row
    return page, int(row[0])


async def newest_done(scope: Scope, conn: Connection, dataset_id: UUID) -> Run | None:
    """The newest run over a dataset that came to its end."""
    found = await _runs(scope, conn, limit=1, dataset_id=dataset_id, status="done")
    return found[0] if found else None


async def home_of_run(scope: TeamScope, conn: Connection, run_id: UUID) -> Scope:
    """The knowledge base of one of the team's runs. Raises `NotFound`."""
    parameters = {"team_id": scope.team_id, "run_id": run_id}
    row = await (await conn.execute(QUERIES["home_of_run"], parameters)).fetchone()
    if row is None:
        raise NotFound(f"Evaluation run {run_id}.")
    return scope.knowledge_base(row[0])


async def results(
    scope: Scope, conn: Connection, run_id: UUID, *, limit: int | None = None, offset: int = 0
) -> list[QuestionResult]:
    """What a run found, in the order of the dataset's questions."""
    parameters = {**_of(scope, run_id), "limit": limit, "offset": offset}
    cursor = await conn.execute(QUERIES["results"], parameters)
    return [QuestionResult.model_validate(row[0]) async for row in cursor]


async def star_metric(scope: Scope, conn: Connection) -> tuple[str, float | None] | None:
    """What runs are judged by, and what is good enough; none where nothing was set."""
    row = await (await conn.execute(QUERIES["star_metric"], _ids(scope))).fetchone()
    return None if row is None else (row[0], row[1])


async def set_star_metric(
    scope: Scope, conn: Connection, *, name: str, success_threshold: float | None
) -> None:
    """Enter it, in the place of the one before."""
    parameters = {**_ids(scope), "name": name, "success_threshold": success_threshold}
    await conn.execute(QUERIES["set_star_metric"], parameters)


async def texts(
    scope: Scope, conn: Connection, index: IndexVersion, item_names: Sequence[str]
) -> list[IndexedText]:
    """These documents' texts, those that the index version answers from."""
    parameters = {
        **_ids(scope),
        "index_version_id": index.id,
        "parser": index.settings.parser,
        "item_names": list(item_names),
    }
    async with conn.cursor(row_factory=class_row(IndexedText)) as cursor:
        await cursor.execute(QUERIES["texts"], parameters)
        return await cursor.fetchall()


async def sizes(scope: Scope, conn: Connection, index: IndexVersion) -> dict[str, int]:
    """How large the documents are that the index version answers from, by item name."""
    cursor = await conn.execute(QUERIES["sizes"], {**_ids(scope), "index_version_id": index.id})
    return {name: size async for name, size in cursor}


async def _datasets(
    scope: Scope, conn: Connection, *, dataset_id: UUID | None = None, name: str | None = None
) -> list[Dataset]:
    async with conn.cursor(row_factory=class_row(Dataset)) as cursor:
        await cursor.execute(
            QUERIES["datasets"], {**_ids(scope), "dataset_id": dataset_id, "name": name}
        )
        return await cursor.fetchall()


async def _runs(
    scope: Scope,
    conn: Connection,
    *,
    limit: int,
    offset: int = 0,
    run_id: UUID | None = None,
    dataset_id: UUID | None = None,
    status: RunStatus | None = None,
) -> list[Run]:
    parameters = {
        **_ids(scope),
        "run_id": run_id,
        "dataset_id": dataset_id,
        "status": status,
        "limit": limit,
        "offset": offset,
    }
    async with conn.cursor(row_factory=class_row(Run)) as cursor:
        await cursor.execute(QUERIES["runs"], parameters)
        return await cursor.fetchall()


def _as_json(questions: Sequence[Question]) -> Jsonb:
    return Jsonb(_QUESTIONS.dump_python(list(questions), mode="json", exclude_none=True))


def _ids(scope: Scope) -> dict[str, object]:
    return {"team_id": scope.team_id, "knowledge_base_id": scope.knowledge_base_id}


def _of(scope: Scope, run_id: UUID) -> dict[str, object]:
    return {**_ids(scope), "run_id": run_id}

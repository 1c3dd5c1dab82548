"""Evaluation: datasets of questions, their runs through an index version, two runs compared."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from kb.catalog import evaluations, index_versions, knowledge_bases
from kb.catalog.errors import NotFound
from kb.catalog.evaluations import Dataset, DatasetNameTaken, IndexedText, Run
from kb.queue import TRANSIENT, Work
from kb.service import Service
from retrieval.errors import ServiceError
from retrieval.eval.compare import Comparison, compare
from retrieval.eval.dataset import checked, resolved
from retrieval.eval.errors import GoldNotFound, InvalidDataset
from retrieval.eval.question import Question, Span
from retrieval.eval.results import QuestionResult, summary
from retrieval.eval.run import run
from retrieval.eval.synthetic import Ask, Written, write_questions
from retrieval.index import IndexVersion
from retrieval.postgres import Connection, scoped
from retrieval.query import Query
from retrieval.retrieval import Retrieval
from retrieval.scope import Scope, TeamScope
from retrieval.target import Index

MAX_NAME = 200
PROGRESS_EVERY = 25  # questions; the row tells whoever looks
LAST_POSITION = 2**31 - 1  # of a chunk

Progress = Callable[[int, int], Awaitable[None]]
"""Told how many questions have been asked, and of how many."""

logger = logging.getLogger(__name__)


class NoLanguageModel(ServiceError):
    """Questions are written by a language model; set KB_LLM_URL and KB_LLM_MODEL."""


class RunNotDone(ServiceError):
    """This run has no results: it is under way, or it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A dataset that a language model wrote; none where it wrote no question that is any good."""

    dataset: Dataset | None
    written: Written


async def add_dataset(
    service: Service,
    scope: Scope,
    *,
    name: str,
    questions: Sequence[Question],
    replace: bool = False,
) -> Dataset:
    """Keep questions, with their gold found in the documents as they are indexed now.

    With `replace` a dataset of that name gets these questions instead of its own; its runs stay,
    and are compared over the questions that are still the same. Raises `NotFound`,
    `DatasetNameTaken`, `InvalidDataset` or `GoldNotFound`.
    """
    label = _checked_name(name)
    given = checked(questions)
    index = await service.index_version(scope)
    texts = _by_name(await _texts(service, scope, index, given))
    found = await asyncio.to_thread(lambda: [resolved(one, texts) for one in given])
    async with scoped(service.pool, scope) as conn:
        if replace and (
            changed := await evaluations.replace_questions(scope, conn, name=label, questions=found)
        ):
            return changed
        return await evaluations.create_dataset(scope, conn, name=label, questions=found)


async def list_datasets(service: Service, scope: Scope) -> list[Dataset]:
    """The knowledge base's, oldest first. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        await knowledge_bases.get(scope, conn)
        return await evaluations.datasets(scope, conn)


async def find_dataset(service: Service, scope: Scope, name: str) -> Dataset:
    """The one of that name. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        return await evaluations.dataset_named(scope, conn, name)


async def get_dataset(
    service: Service, scope: Scope, dataset_id: UUID
) -> tuple[Dataset, list[Question]]:
    """One of them with its questions. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        found = await evaluations.dataset(scope, conn, dataset_id)
        return found, await evaluations.questions(scope, conn, dataset_id)


async def delete_dataset(service: Service, scope: Scope, dataset_id: UUID) -> None:
    """Forget a dataset with its runs. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        await evaluations.delete_dataset(scope, conn, dataset_id)


async def queue_run(
    service: Service,
    scope: Scope,
    dataset_id: UUID,
    *,
    like: Query,
    index_version_id: UUID | None = None,
) -> Run:
    """Have a worker ask a dataset's questions, each with the options of `like`.

    The live index version answers unless another one is named. Raises `NotFound`.
    """
    async with scoped(service.pool, scope) as conn:
        begun = await _enter(scope, conn, dataset_id, like, index_version_id)
        work = Work(task="evaluate", ids={"run_id": begun.id}, lock=f"evaluation:{begun.id}")
        await service.queue.put(scope, conn, work)
    return begun


async def run_here(
    service: Service,
    scope: Scope,
    dataset_id: UUID,
    *,
    like: Query,
    index_version_id: UUID | None = None,
    on_progress: Progress | None = None,
) -> Run:
    """The same in this process, to its end. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        begun = await _enter(scope, conn, dataset_id, like, index_version_id)
    try:
        await ask_questions(service, scope, begun.id, on_progress=on_progress)
    except asyncio.CancelledError:
        await asyncio.shield(_fail(service, scope, begun.id, "It was stopped."))
        raise
    return await get_run(service, scope, begun.id)


async def ask_questions(
    service: Service,
    scope: Scope,
    run_id: UUID,
    *,
    is_last: bool = True,
    on_progress: Progress | None = None,
) -> None:
    """Do a run. Safe to do twice: what it finds is entered at once, when all has been asked.

    What may pass is raised, to be tried again, unless this is the last time.
    """
    async with scoped(service.pool, scope) as conn:
        if not await evaluations.start_run(scope, conn, run_id):
            return  # done already, or deleted while it was queued
        found = await evaluations.run(scope, conn, run_id)
        questions = await evaluations.questions(scope, conn, found.dataset_id)
    try:
        results = await _results(service, scope, found, questions, on_progress)
        metrics = await asyncio.to_thread(summary, results)
    except Exception as exc:  # whatever it is, the run must not be under way for ever
        if isinstance(exc, TRANSIENT) and not is_last:
            raise
        _complain(run_id, exc)
        await _fail(service, scope, run_id, str(exc) or type(exc).__name__)
        return
    async with scoped(service.pool, scope) as conn:
        await evaluations.finish_run(scope, conn, run_id, results=results, metrics=metrics)


async def find_run(service: Service, scope: TeamScope, run_id: UUID) -> tuple[Scope, Run]:
    """One of the team's, and its knowledge base. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        narrow = await evaluations.home_of_run(scope, conn, run_id)
    return narrow, await get_run(service, narrow, run_id)


async def get_run(service: Service, scope: Scope, run_id: UUID) -> Run:
    """One of the knowledge base's. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        return await evaluations.run(scope, conn, run_id)


async def list_runs(
    service: Service, scope: Scope, *, limit: int, offset: int, dataset_id: UUID | None = None
) -> tuple[list[Run], int]:
    """A page of the knowledge base's, newest first, and their number. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        await knowledge_bases.get(scope, conn)
        return await evaluations.runs(
            scope, conn, limit=limit, offset=offset, dataset_id=dataset_id
        )


async def newest_done(service: Service, scope: Scope, dataset_id: UUID) -> Run | None:
    """The newest run over a dataset that came to its end."""
    async with scoped(service.pool, scope) as conn:
        return await evaluations.newest_done(scope, conn, dataset_id)


async def list_results(
    service: Service, scope: Scope, run_id: UUID, *, limit: int, offset: int
) -> tuple[list[QuestionResult], int]:
    """A page of what a run found, question by question, and their number. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        found = await evaluations.run(scope, conn, run_id)
        page = await evaluations.results(scope, conn, run_id, limit=limit, offset=offset)
    return page, found.questions if found.status == "done" else 0


async def compare_runs(
    service: Service, scope: Scope, before_id: UUID, after_id: UUID, *, star: str | None = None
) -> Comparison:
    """What became better or worse. Raises `NotFound`, `RunNotDone`, `NotComparable` or
    `UnknownMetric`.
    """
    both: list[list[QuestionResult]] = []
    for run_id in (before_id, after_id):
        async with scoped(service.pool, scope) as conn:
            found = await evaluations.run(scope, conn, run_id)
            if found.status != "done":
                raise RunNotDone(f"{run_id} is {found.status}.")
            both.append(await evaluations.results(scope, conn, run_id))
    return await asyncio.to_thread(compare, *both, star=star)


async def generate(
    service: Service,
    scope: Scope,
    ask: Ask,
    *,
    name: str,
    count: int,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Generated:
    """A dataset of questions about the documents, written by a language model.

    Raises `NotFound`, `DatasetNameTaken`, or what the language model raises.
    """
    label = _checked_name(name)
    index = await service.index_version(scope)
    async with scoped(service.pool, scope) as conn:
        if any(one.name == label for one in await evaluations.datasets(scope, conn)):
            raise DatasetNameTaken(f"{label!r}.")  # before a model is asked for an hour
        sizes = await evaluations.sizes(scope, conn, index)

    async def read_text(item_name: str) -> str | None:
        async with scoped(service.pool, scope) as conn:
            found = await evaluations.texts(scope, conn, index, [item_name])
        return found[0].text if len(found) == 1 else None

    async def tell(done: int) -> None:
        if on_progress is not None:
            await on_progress(done, count)

    written = await write_questions(sizes, read_text, ask, count=count, seed=seed, on_progress=tell)
    if not written.questions:
        return Generated(dataset=None, written=written)
    made = await add_dataset(service, scope, name=label, questions=written.questions)
    return Generated(dataset=made, written=written)


async def _enter(
    scope: Scope, conn: Connection, dataset_id: UUID, like: Query, index_version_id: UUID | None
) -> Run:
    if index_version_id is None:
        index = await index_versions.live(scope, conn)
    else:
        index = await index_versions.get(scope, conn, index_version_id)
    return await evaluations.create_run(scope, conn, dataset_id, index, like)


async def _fail(service: Service, scope: Scope, run_id: UUID, error: str) -> None:
    async with scoped(service.pool, scope) as conn:
        await evaluations.fail_run(scope, conn, run_id, error=error)


async def _results(
    service: Service,
    scope: Scope,
    found: Run,
    questions: Sequence[Question],
    on_progress: Progress | None,
) -> list[QuestionResult]:
    if found.index_version_id is None:
        raise NotFound(f"Index version {found.index_version_number}, which was discarded.")
    index = await service.index(scope, found.index_version_id)
    documents = await _texts(service, scope, index.version, questions)
    asked, skipped = await asyncio.to_thread(_located, questions, _by_name(documents))

    async def answer(query: Query) -> Retrieval:
        return await service.retrieve(scope, query, index_version_id=index.version.id)

    async def tell(done: int) -> None:
        if done % PROGRESS_EVERY == 0:
            async with scoped(service.pool, scope) as conn:
                await evaluations.tell_progress(scope, conn, found.id, asked=done)
        if on_progress is not None:
            await on_progress(done, len(asked))

    results = await run(
        asked,
        answer,
        like=found.like,
        count_tokens=index.embedder.count_tokens,
        chunks=await _chunks(scope, index, documents),
        on_progress=tell,
    )
    by_id = {one.id: one for one in (*results, *skipped)}
    return [by_id[question.id] for question in questions]


def _located(
    questions: Sequence[Question], texts: Mapping[str, str]
) -> tuple[list[Question], list[QuestionResult]]:
    """The questions with their gold where it stands now, and those whose gold is gone."""
    asked: list[Question] = []
    skipped: list[QuestionResult] = []
    for question in questions:
        try:
            asked.append(resolved(question, texts))
        except GoldNotFound as exc:
            skipped.append(QuestionResult.not_asked(question, exc.detail))
    return asked, skipped


async def _texts(
    service: Service, scope: Scope, index: IndexVersion, questions: Sequence[Question]
) -> list[IndexedText]:
    """The documents that the questions' gold is in."""
    wanted = {gold.document for question in questions for gold in question.gold}
    async with scoped(service.pool, scope) as conn:
        return await evaluations.texts(scope, conn, index, sorted(wanted))


def _by_name(documents: Sequence[IndexedText]) -> dict[str, str]:
    """Raises `InvalidDataset` where one name stands for two documents."""
    found: dict[str, str] = {}
    for one in documents:
        if one.item_name in found:
            raise InvalidDataset(f"Two documents are called {one.item_name!r}.")
        found[one.item_name] = one.text
    return found


async def _chunks(
    scope: Scope, index: Index, documents: Sequence[IndexedText]
) -> dict[str, list[Span]]:
    """Where every chunk of these documents stands."""
    wanted = [(one.version_id, 0, LAST_POSITION) for one in documents]
    found = await index.store.spans(scope, index.version, wanted)
    return {
        one.item_name: [(span.char_start, span.char_end) for span in spans]
        for one, spans in zip(documents, found, strict=True)
    }


def _checked_name(name: str) -> str:
    label = name.strip()
    if not label or len(label) > MAX_NAME or not label.isprintable():
        raise InvalidDataset(f"A name has 1 to {MAX_NAME} printable characters.")
    return label


def _complain(run_id: UUID, error: Exception) -> None:
    """An error with a message for users needs no traceback."""
    if isinstance(error, ServiceError):
        logger.warning("giving up on evaluation run %s: %s", run_id, error)
    else:
        logger.error("giving up on evaluation run %s", run_id, exc_info=error)

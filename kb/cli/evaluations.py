"""`kb eval`: datasets kept, run, generated and loaded; runs listed and compared."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from kb import evaluations, star_metric
from kb.catalog.errors import NotFound
from kb.catalog.evaluations import Dataset, Run
from kb.cli.following import follow_documents
from kb.cli.indexes import numbered
from kb.cli.session import Session, err, fail, out, session, tell
from kb.star_metric import StarMetric
from retrieval.eval import beir
from retrieval.eval.compare import Change, Comparison, Shift
from retrieval.eval.dataset import read_questions
from retrieval.eval.errors import NotComparable, UnknownMetric
from retrieval.eval.results import COSTS, Estimate, star_of
from retrieval.query import Query, Reranking
from retrieval.scope import Scope
from retrieval.understanding.understanding import Understanding

LISTED_RUNS = 20
SHOWN_QUESTIONS = 10


async def add(knowledge_base: str, path: Path, *, name: str | None, replace: bool) -> None:
    """Keep a file's questions."""
    questions = read_questions(path)
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        made = await evaluations.add_dataset(
            s.service, scope, name=name or path.stem, questions=questions, replace=replace
        )
    _say_kept(knowledge_base, made)


async def list_all(knowledge_base: str, *, as_json: bool) -> None:
    """Datasets, and their newest runs."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        datasets = await evaluations.list_datasets(s.service, scope)
        runs, _ = await evaluations.list_runs(s.service, scope, limit=LISTED_RUNS, offset=0)
    if as_json:
        from kb.api.evaluations import DatasetBody, RunBody  # not for a table: it loads the API

        out.print_json(
            data={
                "datasets": [DatasetBody.of(one).model_dump(mode="json") for one in datasets],
                "runs": [RunBody.of(one).model_dump(mode="json") for one in runs],
            }
        )
        return
    if not datasets:
        out.print(f"No datasets yet. Add one:  kb eval add {escape(knowledge_base)} FILE.jsonl")
        return
    table = Table("Dataset", "Added", box=None)
    table.add_column("Questions", justify="right")
    for dataset in datasets:
        table.add_row(
            escape(dataset.name), f"{dataset.created_at:%Y-%m-%d %H:%M}", f"{dataset.questions:,}"
        )
    out.print(table)
    if runs:
        out.print()
        out.print(_run_table(runs))


async def delete(knowledge_base: str, dataset: str) -> None:
    """Forget a dataset with its runs."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        found = await evaluations.find_dataset(s.service, scope, dataset)
        await evaluations.delete_dataset(s.service, scope, found.id)
    out.print(f"Removed dataset {escape(found.name)} with its runs")


async def run(
    knowledge_base: str,
    dataset: str | None,
    *,
    like: Query,
    number: int | None,
    gate: str | None,
    as_json: bool,
) -> int:
    """Ask its questions; 1 when the gate is shut."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        wanted = await star_metric.get(s.service, scope)
        shut = None if gate is None else _read_gate(gate, wanted)
        found = await _dataset(s, scope, knowledge_base, dataset)
        index = None if number is None else (await numbered(s, scope, number)).version.id
        before = await evaluations.newest_done(s.service, scope, found.id)
        with _bar() as progress:
            task = progress.add_task("Asking", total=found.questions)

            async def show(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            done = await evaluations.run_here(
                s.service, scope, found.id, like=like, index_version_id=index, on_progress=show
            )
        if done.status == "failed":
            fail(done.error or "")
        if done.asked == 0:
            fail("None of the questions has its gold in the documents any more.")
        star = shut.name if shut else wanted.name
        star = star_of(done.metrics, star if shut or star in done.metrics else None)
        compared = None
        if before is not None:
            compared = await _compared(s, scope, before, done, star)
    if as_json:
        from kb.api.evaluations import RunBody

        out.print_json(RunBody.of(done).model_dump_json())
    else:
        _show_run(done, compared)
    return 0 if shut is None else _pass(shut, done, compared)


async def star(
    knowledge_base: str, metric: str | None, *, threshold: float | None, as_json: bool
) -> None:
    """Show what runs are judged by, or set it."""
    if metric is None and threshold is not None:
        fail("Name the metric that the threshold is of.")
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        if metric is None:
            found = await star_metric.get(s.service, scope)
        else:
            wanted = StarMetric(name=metric, success_threshold=threshold)
            found = await star_metric.put(s.service, scope, wanted)
    if as_json:
        out.print_json(data=asdict(found))
        return
    least = found.success_threshold
    demanded = "no threshold" if least is None else f"threshold {least:g}"
    out.print(f"Star metric of {escape(knowledge_base)}: {found.name}, {demanded}")
    out.print(f"Hold runs to it:  kb eval run {escape(knowledge_base)} --gate star")


async def compare(before: UUID, after: UUID, *, star: str | None, as_json: bool) -> None:
    """What is otherwise in the second run."""
    async with session() as s:
        scope, early = await evaluations.find_run(s.service, s.team, before)
        _, late = await evaluations.find_run(s.service, s.team, after)
        if early.knowledge_base_id != late.knowledge_base_id:
            fail("The two runs are of different knowledge bases.")
        found = await evaluations.compare_runs(s.service, scope, before, after, star=star)
    if as_json:
        out.print_json(found.model_dump_json())
        return
    for label, one in (("Before", early), ("After", late)):
        out.print(f"{label}: {_told(one)}", soft_wrap=True)
    out.print(_change_table(found.changes))
    out.print(
        f"By {found.star}: {len(found.better):,} questions better, {len(found.worse):,} worse,"
        f" {found.alike:,} alike."
    )
    if found.unmatched:
        out.print(f"{found.unmatched:,} questions are not in both runs and count for nothing.")
    _show_shifts("Better", found.better)
    _show_shifts("Worse", found.worse)


async def generate(knowledge_base: str, *, count: int, name: str, seed: int) -> int:
    """Have questions written; 1 when there are fewer than were asked for."""
    async with session() as s:
        if s.service.chat is None:
            raise evaluations.NoLanguageModel
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        with _bar() as progress:
            task = progress.add_task("Writing", total=count)

            async def show(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            made = await evaluations.generate(
                s.service,
                scope,
                s.service.chat,
                name=name,
                count=count,
                seed=seed,
                on_progress=show,
            )
    written = made.written
    out.print(
        f"Left out: {written.not_quoted:,} whose quote is not there or not unique,"
        f" {written.alike:,} like another, {written.unusable:,} unusable."
    )
    if made.dataset is None:
        fail("No question was any good.")
    _say_kept(knowledge_base, made.dataset)
    return 0 if made.dataset.questions == count else 1


async def load_beir(folder: Path, *, knowledge_base: str | None, split: str) -> int:
    """A collection's documents and questions; 1 when a document failed."""
    documents, questions = beir.read_corpus(folder), beir.read_questions(folder, split)
    name = knowledge_base or folder.name
    async with session() as s:
        scope = await _base(s, name)
        with _bar() as progress:
            added = [
                await s.service.add_document(
                    scope, item_name=one.item_name, data=_whole(one.markdown.encode())
                )
                for one in progress.track(documents, description="Sending")
            ]
        queued = [one.document_id for one in added if one.queued]
        done = await follow_documents(s, scope, queued) if queued else []
        failed = [one for one in done if one.status != "indexed"]
        for one in failed:
            err.print(f"[red]failed[/] {escape(one.item_name)}: {escape(one.error or '')}")
        if failed:
            return 1
        made = await evaluations.add_dataset(
            s.service, scope, name=f"{folder.name} {split}", questions=questions
        )
    _say_kept(name, made)
    return 0


async def _base(s: Session, name: str) -> Scope:
    try:
        return await s.service.find_knowledge_base(s.team, name)
    except NotFound:
        made = await s.service.create_knowledge_base(
            s.team, name=name, embedding_model=s.service.embedders.models.default
        )
        return s.team.knowledge_base(made.knowledge_base.id)


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _dataset(s: Session, scope: Scope, knowledge_base: str, name: str | None) -> Dataset:
    if name is not None:
        return await evaluations.find_dataset(s.service, scope, name)
    found = await evaluations.list_datasets(s.service, scope)
    if not found:
        fail(f"There is no dataset. Add one:  kb eval add {knowledge_base} FILE.jsonl")
    return found[-1]


async def _compared(
    s: Session, scope: Scope, before: Run, after: Run, star: str
) -> Comparison | None:
    """None where the two have no question, or not this metric, in common."""
    try:
        return await evaluations.compare_runs(s.service, scope, before.id, after.id, star=star)
    except (NotComparable, UnknownMetric):
        return None


def _read_gate(given: str, star: StarMetric) -> StarMetric:
    """What a run must not fall below, and in what it must not be worse than the run before."""
    if given == "star":
        return star
    metric, _, least = given.partition(":")
    try:
        return StarMetric(name=metric, success_threshold=float(least) if least else None)
    except ValueError:
        fail(f"--gate is METRIC or METRIC:LEAST, with a number; {least!r} is none.")


def _pass(gate: StarMetric, done: Run, compared: Comparison | None) -> int:
    """0 when the metric is good enough and not worse than before."""
    metric, mean = gate.name, done.estimates[gate.name].mean
    if not gate.passes(mean):
        err.print(f"[red]Gate:[/] {metric} is {mean:.4g}, demanded {gate.success_threshold:g}.")
        return 1
    if compared is None:
        tell("There is no earlier run with the same questions to hold it against.")
    elif (change := compared.change(metric)).is_worse:
        err.print(
            f"[red]Gate:[/] {metric} went from {change.before:.4g} to {change.after:.4g}"
            f" ({_difference(change)}), more than noise.",
            soft_wrap=True,
        )
        return 1
    return 0


def _show_run(done: Run, compared: Comparison | None) -> None:
    changes = {} if compared is None else {one.metric: one for one in compared.changes}
    table = Table("Metric", box=None)
    for column in ("Mean", "95 % interval", "Questions"):
        table.add_column(column, justify="right")
    if changes:
        table.add_column("Since the run before", justify="right")
        table.add_column("")
    for name, one in done.estimates.items():
        cells = [name, _figure(name, one.mean), _interval(name, one), f"{one.questions:,}"]
        if name in changes:
            cells += [_difference(changes[name]), _verdict(changes[name])]
        table.add_row(*cells)
    out.print(table)
    if done.skipped:
        out.print(
            f"[yellow]{done.skipped:,} questions were skipped[/]: their gold is no longer in the"
            " documents."
        )
    if done.degraded:
        out.print(
            f"[yellow]{done.degraded:,} questions were answered otherwise than asked for[/]: the"
            " reranker or the language model failed."
        )
    out.print(f"Run {done.id}")


def _run_table(runs: Sequence[Run]) -> Table:
    table = Table("Run", "Dataset", "Status", "Started", "Options", box=None)
    table.add_column("Version", justify="right")
    table.add_column("Star", justify="right")
    for one in runs:
        table.add_row(
            str(one.id),
            escape(one.dataset),
            one.status,
            f"{one.created_at:%Y-%m-%d %H:%M}",
            escape(_options(one)),
            str(one.index_version_number),
            _star(one),
        )
    return table


def _star(one: Run) -> str:
    if not one.metrics:
        return ""
    star = star_of(one.metrics)
    return f"{star} {one.estimates[star].mean:.3f}"


def _told(one: Run) -> str:
    return (
        f"{escape(one.dataset)}, index version {one.index_version_number}, {escape(_options(one))},"
        f" {one.created_at:%Y-%m-%d %H:%M}"
    )


def _options(one: Run) -> str:
    """What is not as it is by default."""
    usual = Query(text="-")
    options = ((name, getattr(one.like, name)) for name in one.query)
    told = [_option(name, value) for name, value in options if value != getattr(usual, name)]
    return ", ".join(told) or "default options"


def _option(name: str, value: object) -> str:
    match value:
        case True:
            return name
        case Reranking(enabled=enabled):
            return "reranked" if enabled else "not reranked"
        case Understanding(mode=mode):
            return mode
        case _:
            return f"{name} {value}"


def _change_table(changes: Sequence[Change]) -> Table:
    table = Table("Metric", box=None)
    for column in ("Before", "After", "Difference", "95 % interval", "Questions"):
        table.add_column(column, justify="right")
    table.add_column("")
    for one in changes:
        name = one.metric
        table.add_row(
            name,
            _figure(name, one.before),
            _figure(name, one.after),
            _figure(name, one.difference, sign="+"),
            f"{_figure(name, one.low, sign='+')} to {_figure(name, one.high, sign='+')}",
            f"{one.questions:,}",
            _verdict(one),
        )
    return table


def _show_shifts(what: str, shifts: Sequence[Shift]) -> None:
    if not shifts:
        return
    table = Table(what, box=None)
    for column in ("Before", "After", "Ranks before", "Ranks after"):
        table.add_column(column, justify="right")
    for one in shifts[:SHOWN_QUESTIONS]:
        table.add_row(
            escape(one.question),
            f"{one.before:.3f}",
            f"{one.after:.3f}",
            _ranks(one.ranks_before),
            _ranks(one.ranks_after),
        )
    out.print()
    out.print(table)
    if len(shifts) > SHOWN_QUESTIONS:
        out.print(f"[dim]and {len(shifts) - SHOWN_QUESTIONS:,} more; see --json[/]")


def _ranks(ranks: Sequence[int | None]) -> str:
    return " ".join("-" if rank is None else str(rank) for rank in ranks)


def _verdict(change: Change) -> str:
    if change.is_noise:
        return "[dim]noise[/]"
    return "[red]worse[/]" if change.is_worse else "[green]better[/]"


def _difference(change: Change) -> str:
    name = change.metric
    low, high = _figure(name, change.low, sign="+"), _figure(name, change.high, sign="+")
    return f"{_figure(name, change.difference, sign='+')}, {low} to {high}"


def _interval(name: str, one: Estimate) -> str:
    return f"{_figure(name, one.low)} to {_figure(name, one.high)}"


def _figure(name: str, value: float, *, sign: str = "") -> str:
    """Shares with three places; tokens and milliseconds with one."""
    return f"{value:{sign},.1f}" if name in COSTS else f"{value:{sign}.3f}"


def _say_kept(knowledge_base: str, made: Dataset) -> None:
    out.print(f"Kept dataset {escape(made.name)}: {made.questions:,} questions")
    out.print(f'Run it:  kb eval run {escape(knowledge_base)} "{escape(made.name)}"')


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    )

"""Asks a service everything that a data set asks, in every way and store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import fmean

from rich.progress import Progress

from benchmarks.client import Client, side_by_side
from benchmarks.quality.data_set import DataSet, Found, Task
from benchmarks.quality.loading import require_base, require_index
from benchmarks.quality.outcome import Outcome, Scores, TaskOutcome
from benchmarks.quality.ways import TRIED, Way
from retrieval.index import StoreName

QUESTIONS_AT_ONCE = 4


async def measure(
    client: Client,
    data_set: DataSet,
    *,
    stores: Sequence[StoreName],
    limit: int | None,
    progress: Progress,
) -> Outcome:
    """Load what is not loaded yet, and ask. Raises `ServiceFailed`."""
    tasks = [task if limit is None else task.first(limit) for task in data_set.tasks]
    return Outcome(
        data_set, [await _measure(client, task, stores=stores, progress=progress) for task in tasks]
    )


async def _measure(
    client: Client, task: Task, *, stores: Sequence[StoreName], progress: Progress
) -> TaskOutcome:
    """The ways beside those of the task are tried in the first store; the best is asked of all."""
    base_id = await require_base(client, task.corpus, stores, progress)
    scores: dict[tuple[StoreName, Way], Scores] = {}
    best: Way | None = None
    for store in stores:
        asking = _Asking(client, base_id, await require_index(client, base_id, store, progress))
        scores |= await asking.all(store, task, task.ways, progress)
        if len(task.ways) == 1:
            continue
        if best is None:
            scores |= await asking.all(store, task, TRIED, progress)
            best = max((*task.ways, *TRIED), key=partial(_headline, task, store, scores))
        elif best not in task.ways:
            scores |= await asking.all(store, task, [best], progress)
    return TaskOutcome(task=task, scores=scores, best=best)


def _headline(
    task: Task, store: StoreName, scores: Mapping[tuple[StoreName, Way], Scores], way: Way
) -> float:
    column = task.metrics.index(task.headline)
    return fmean(one[column] for one in scores[store, way])


class _Asking:
    """Questions to one index version."""

    def __init__(self, client: Client, base_id: str, index_version: str) -> None:
        self._client = client
        self._base_id = base_id
        self._index_version = index_version

    async def all(
        self, store: StoreName, task: Task, ways: Sequence[Way], progress: Progress
    ) -> dict[tuple[StoreName, Way], Scores]:
        """Every question in each of these ways."""
        bar = progress.add_task(f"Asking {store}: {task.title}", total=len(task.questions))
        scores: dict[tuple[StoreName, Way], list[Sequence[float]]] = {
            (store, way): [()] * len(task.questions) for way in ways
        }

        async def ask(number: int) -> None:
            question = task.questions[number]
            for way in ways:
                results = await self._client.retrieve(
                    self._base_id,
                    question.text,
                    alpha=way.alpha,
                    fusion=way.fusion,
                    num_results=task.num_results,
                    filters=question.filters,
                    index_version_uuid=self._index_version,
                    expand="none",
                )
                scores[store, way][number] = question.score([Found.of(one) for one in results])
            progress.advance(bar)

        await side_by_side(ask, range(len(task.questions)), workers=QUESTIONS_AT_ONCE)
        progress.remove_task(bar)
        return dict(scores)

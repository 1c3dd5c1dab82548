"""What we demand of the figures, and whether they are so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.quality.data_set import OnceDemand
from benchmarks.quality.outcome import Outcome, TaskOutcome
from benchmarks.quality.ways import BOTH

SAME = 0.01  # how far two stores' headlines may lie apart


@dataclass(frozen=True, slots=True)
class Check:
    """One demand and what became of it."""

    text: str
    is_met: bool


def checks(outcome: Outcome) -> Iterator[Check]:
    """Every demand on a data set."""
    data_set = outcome.data_set
    for one in outcome.tasks:
        yield from _ranges(one)
        if BOTH in one.task.ways:
            yield from _hybrid(one, wins=data_set.hybrid_wins)
        if len(one.stores) > 1:
            yield _stores_agree(one)
    if data_set.once is not None:
        yield _once(outcome, data_set.once)


def _ranges(one: TaskOutcome) -> Iterator[Check]:
    for demand in one.task.demands:
        for store in one.stores:
            figure = one.mean(store, demand.way, demand.metric)
            yield Check(
                f"{one.task.title}, {demand.way.name}, {store}: {demand.metric} {figure:.4f},"
                f" demanded {demand.range}",
                figure in demand.range,
            )


def _hybrid(one: TaskOutcome, *, wins: bool) -> Iterator[Check]:
    for store in one.stores:
        gain = one.against_better_leg(store, BOTH)
        yield Check(
            f"{one.task.title}, {store}: {one.task.headline} of both legs {gain.mean:+.4f}"
            f" ({gain.low:+.4f} to {gain.high:+.4f}) against the better one, demanded"
            f" {'more' if wins else 'not less, within noise'}",
            gain.mean > 0 if wins else gain.mean >= 0 or gain.is_noise,
        )


def _stores_agree(one: TaskOutcome) -> Check:
    headline = one.task.headline
    apart = max(
        max(figures) - min(figures)
        for figures in (
            [one.mean(store, way, headline) for store in one.stores] for way in one.ways
        )
    )
    return Check(
        f"{one.task.title}: {' and '.join(one.stores)} at most {apart:.4f} apart in {headline},"
        f" demanded ≤ {SAME:g}",
        apart <= SAME,
    )


def _once(outcome: Outcome, demand: OnceDemand) -> Check:
    """A setting that was chosen on the questions themselves does not count."""
    figure, where = max(
        (
            min(one.mean(store, way, one.task.headline) for store in one.stores),
            f"{one.task.title}, {way.name}",
        )
        for one in outcome.tasks
        if one.task.title in demand.tasks
        for way in one.task.ways
    )
    headline = outcome.tasks[0].task.headline
    return Check(
        f"{where}: {headline} {figure:.4f}, the best under titles; demanded ≥ {demand.low:g}",
        figure >= demand.low,
    )

"""Two runs: what became better or worse, by how much, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.eval.bootstrap import Interval, paired_difference
from retrieval.eval.errors import NotComparable
from retrieval.eval.question import EvalModel
from retrieval.eval.results import COSTS, QuestionResult, star_of


class Change(EvalModel):
    """One figure in both runs, over the questions that both have it for."""

    metric: str
    before: float
    after: float
    difference: float
    low: float
    """Of the difference's 95 % interval, by paired bootstrap."""

    high: float
    questions: int
    is_noise: bool
    """The interval holds 0, or there are too few questions to tell. Of twenty figures that did not
    change, one is expected to look as if it had."""

    @property
    def is_worse(self) -> bool:
        """By more than noise."""
        return not self.is_noise and (self.difference < 0) != (self.metric in COSTS)


class Shift(EvalModel):
    """A question whose star metric is not what it was."""

    id: str
    question: str
    before: float
    after: float
    ranks_before: list[int | None]
    """For each gold which passage found it first, from 1."""

    ranks_after: list[int | None]


class Comparison(EvalModel):
    """The second run seen from the first one."""

    star: str
    changes: list[Change]
    better: list[Shift]
    """By the star metric, those that gained most first."""

    worse: list[Shift]
    """Those that lost most first."""

    alike: int
    unmatched: int
    """Questions of either run that the other did not ask, or asked with other gold."""

    def change(self, metric: str) -> Change:
        """Of one figure."""
        return next(one for one in self.changes if one.metric == metric)


def compare(
    before: Sequence[QuestionResult], after: Sequence[QuestionResult], *, star: str | None = None
) -> Comparison:
    """Question by question, over those that both runs asked with the same gold.

    Raises `NotComparable` or `UnknownMetric`.
    """
    pairs, unmatched = _pairs(before, after)
    if not pairs:
        raise NotComparable
    names = dict.fromkeys(name for pair in pairs for name in pair[0].figures)
    changes = {
        name: _change(name, pairs) for name in names if any(_has(pair, name) for pair in pairs)
    }
    judged_by = star_of(changes, star)
    shifts = [_shift(*pair, judged_by) for pair in pairs if _has(pair, judged_by)]
    gains = {one.id: _gain(one, judged_by) for one in shifts}
    by_gain = sorted(shifts, key=lambda one: gains[one.id])
    return Comparison(
        star=judged_by,
        changes=list(changes.values()),
        better=[one for one in reversed(by_gain) if gains[one.id] > 0],
        worse=[one for one in by_gain if gains[one.id] < 0],
        alike=sum(gain == 0 for gain in gains.values()),
        unmatched=unmatched,
    )


Pair = tuple[QuestionResult, QuestionResult]


def _pairs(
    before: Sequence[QuestionResult], after: Sequence[QuestionResult]
) -> tuple[list[Pair], int]:
    early = {one.digest: one for one in before if one.skipped is None}
    late = {one.digest: one for one in after if one.skipped is None}
    both = [key for key in early if key in late]
    return [(early[key], late[key]) for key in both], len(early) + len(late) - 2 * len(both)


def _has(pair: Pair, name: str) -> bool:
    return all(name in one.figures for one in pair)


def _change(name: str, pairs: Sequence[Pair]) -> Change:
    both = [
        (early.figures[name], late.figures[name])
        for early, late in pairs
        if _has((early, late), name)
    ]
    before, after = [early for early, _ in both], [late for _, late in both]
    difference: Interval = paired_difference(before, after)
    return Change(
        metric=name,
        before=sum(before) / len(before),
        after=sum(after) / len(after),
        difference=difference.mean,
        low=difference.low,
        high=difference.high,
        questions=difference.questions,
        is_noise=difference.is_noise,
    )


def _shift(early: QuestionResult, late: QuestionResult, star: str) -> Shift:
    return Shift(
        id=early.id,
        question=early.question,
        before=early.figures[star],
        after=late.figures[star],
        ranks_before=early.gold_ranks,
        ranks_after=late.gold_ranks,
    )


def _gain(shift: Shift, star: str) -> float:
    gain = shift.after - shift.before
    return -gain if star in COSTS else gain

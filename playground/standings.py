"""Candidates against the one that they are compared with: how much better, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from playground.goal import Goal
from playground.measured import Measured
from retrieval.eval.bootstrap import Interval, paired_difference
from retrieval.eval.results import COSTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One candidate's."""

    place: int
    """From 1."""

    measured: Measured
    difference: Interval | None
    """Of the star metric to the reference's, question by question; none of the reference itself,
    and of what was dropped on a sample."""

    keeps_limits: bool

    def verdict(self, star: str) -> str:
        """In a word."""
        if not self.measured.settled:
            return f"dropped at {self.measured.share:.0%} of the documents"
        if self.difference is None:
            return "compared with"
        if self.difference.is_noise:
            return "no clear difference"
        return "better" if (self.difference.mean > 0) != (star in COSTS) else "worse"


def standings(found: Sequence[Measured], *, goal: Goal, reference: str) -> list[Standing]:
    """In the order that they come in, best first."""
    compared = next(one for one in found if one.name == reference)
    return [
        Standing(
            place=place,
            measured=one,
            difference=None if one is compared else against(compared, one, star=goal.star),
            keeps_limits=goal.keeps(one),
        )
        for place, one in enumerate(found, start=1)
    ]


def against(before: Measured, after: Measured, *, star: str) -> Interval | None:
    """How much more the second has; none where the two were not asked the same questions."""
    if not (before.settled and after.settled):
        return None
    early = {one.id: one.figures[star] for one in before.results if star in one.figures}
    late = {one.id: one.figures[star] for one in after.results if star in one.figures}
    both = [name for name in early if name in late]
    if not both:
        return None
    return paired_difference([early[one] for one in both], [late[one] for one in both])

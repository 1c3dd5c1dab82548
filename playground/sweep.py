"""A sweep: candidates measured one after the other, all on everything or losers on samples only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from playground.candidates import Candidate, IndexChoice
from playground.corpus import Sample
from playground.goal import Goal
from playground.halving import kept, kept_number, limits_on, rungs
from playground.lab import Lab
from playground.measured import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a sweep is."""

    doing: str
    done: float
    """From 0 to 1, by the characters that are indexed."""


Tell = Callable[[Step], None]
Keep = Callable[[Sequence[Measured]], None]


async def sweep(
    lab: Lab,
    candidates: Sequence[Candidate],
    goal: Goal,
    *,
    reference: Candidate | None = None,
    halving: bool = False,
    seed: int = 0,
    tell: Tell = lambda step: None,
    keep: Keep = lambda found: None,
) -> list[Measured]:
    """Each candidate as it was last measured, best first; those on everything before the others.

    `reference` is what the others are compared with: it is measured on everything in any case.
    `keep` is given what there is each time that there is more, so that a sweep that is stopped
    leaves what it had. Raises `SweepStopped`, `UnknownMetric`, or what embedding raises.
    """
    compared = reference or candidates[0]
    everyone = list({one.name: one for one in (compared, *candidates)}.values())
    going = _Going(lab, goal, tell, keep)
    stages = rungs(lab.corpus, seed=seed) if halving else [lab.corpus.everything]
    going.expect(everyone, stages)
    if len(stages) > 1:
        await going.measure([compared], lab.corpus.everything)
    alive = everyone
    for sample in stages[:-1]:
        found = await going.measure(alive, sample)
        limits = limits_on(found, goal=goal, reference=going.settled(compared))
        # The reference is known already; its sample only tells what the others' are worth.
        ranked = [one for one in goal.ranked(found, limits=limits) if one.name != compared.name]
        alive = [compared, *kept(ranked)]
    missing = [one for one in alive if not going.is_settled(one)]
    await going.measure(missing, lab.corpus.everything)
    return going.ranked


class _Going:
    """What has been measured, and how far that is."""

    def __init__(self, lab: Lab, goal: Goal, tell: Tell, keep: Keep) -> None:
        self._lab = lab
        self._goal = goal
        self._tell = tell
        self._keep = keep
        self._found: dict[str, Measured] = {}
        self._expected = self._done = 0.0

    @property
    def ranked(self) -> list[Measured]:
        """Best first; what was dropped, by where it was dropped."""
        found = list(self._found.values())
        shares = sorted({one.share for one in found}, reverse=True)
        return [
            one
            for share in shares
            for one in self._goal.ranked([this for this in found if this.share == share])
        ]

    def settled(self, candidate: Candidate) -> Measured:
        """What it came to on everything."""
        return self._found[candidate.name]

    def is_settled(self, candidate: Candidate) -> bool:
        """Whether it has been measured on everything."""
        found = self._found.get(candidate.name)
        return found is not None and found.settled

    def expect(self, candidates: Sequence[Candidate], stages: Sequence[Sample]) -> None:
        """Reckon with so many indexes of such sizes."""
        number = len({one.index for one in candidates})
        for sample in stages:
            self._expected += number * sample.share
            number = kept_number(number)
        if len(stages) > 1:
            self._expected += 1

    async def measure(self, candidates: Sequence[Candidate], sample: Sample) -> list[Measured]:
        """Each index once, with all ways of asking it."""
        found: list[Measured] = []
        for index, group in _by_index(candidates).items():
            asked = "all questions" if sample.share >= 1 else f"{len(sample.questions)} questions"

            def told(share: float, name: str = index.name, asked: str = asked) -> None:
                done = (self._done + share * sample.share) / self._expected
                self._tell(Step(doing=f"{name}: {asked}", done=min(done, 1.0)))

            told(0.0)
            found += await self._lab.measure(index, [one.like for one in group], sample, told=told)
            self._done += sample.share
            for one in found[-len(group) :]:
                if not (before := self._found.get(one.name)) or not before.settled:
                    self._found[one.name] = one
            self._keep(self.ranked)
        return found


def _by_index(candidates: Sequence[Candidate]) -> Mapping[IndexChoice, list[Candidate]]:
    ordered = sorted(candidates, key=lambda one: one.index.name)
    return {index: list(group) for index, group in groupby(ordered, key=lambda one: one.index)}

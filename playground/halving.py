"""Successive halving: losers are dropped early, on samples, and only the best see everything.

Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization,
AISTATS 2016. What a candidate costs is above all the embedding of its chunks, so a rung's resource
is a share of the documents, together with the questions that this share answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

from playground.candidates import Candidate, IndexChoice
from playground.corpus import Corpus, Sample
from playground.goal import Goal
from playground.measured import Measured
from retrieval.eval.results import COSTS

ETA = 3  # one in so many goes on, to so many times as much
RUNGS = 3


def rungs(corpus: Corpus, *, seed: int = 0) -> list[Sample]:
    """The samples, from small to everything; fewer where the documents are too few to be parted."""
    shares = [ETA ** (number - RUNGS + 1) for number in range(RUNGS)]
    found = [corpus.everything]
    for sample in reversed(corpus.samples(shares[:-1], seed=seed)):
        if 2 * sample.share <= found[0].share:
            found.insert(0, sample)
    return found


def kept(ranked: Sequence[Measured]) -> list[Candidate]:
    """Those that go on, of candidates in their order: the best in `ETA`.

    So many of the candidates and, since these cost most, so many of the indexes, at least two of
    either.
    """
    indexes = {one.candidate.index for one in ranked}
    candidates_left, indexes_left = kept_number(len(ranked)), kept_number(len(indexes))
    found: list[Candidate] = []
    chosen: set[IndexChoice] = set()
    for one in ranked:
        index = one.candidate.index
        if len(found) < candidates_left and (index in chosen or len(chosen) < indexes_left):
            chosen.add(index)
            found.append(one.candidate)
    return found


def limits_on(
    sample: Sequence[Measured], *, goal: Goal, reference: Measured
) -> Mapping[str, float]:
    """The goal's limits as they are on a sample, where there is less to find the wrong thing in.

    `reference` is a candidate on everything; the sample has it, too. What it gains by the sample
    the limits gain.
    """
    there = next(one for one in sample if one.candidate == reference.candidate)
    return {
        name: limit if name in COSTS else limit + there.figures[name] - reference.figures[name]
        for name, limit in goal.limits.items()
    }


def kept_number(number: int) -> int:
    """How many of so many go on."""
    return min(number, max(2, ceil(number / ETA)))

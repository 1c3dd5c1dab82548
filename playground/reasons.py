"""Why a question fares better or worse with one setting than with another, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.eval.compare import Comparison, Shift, compare
from retrieval.eval.relevance import finds
from retrieval.eval.results import FoundPassage, QuestionResult
from retrieval.eval.spans import Place, shared

MUCH = 1.15  # times as many tokens is told
CLEARLY = 0.05  # of the answer's characters


@dataclass(frozen=True, slots=True)
class Explained:
    """A question that shifted, and why."""

    shift: Shift
    why: str


@dataclass(frozen=True, slots=True)
class Differences:
    """One candidate against another."""

    comparison: Comparison
    better: list[Explained]
    worse: list[Explained]


def differences(
    before: Sequence[QuestionResult], after: Sequence[QuestionResult], *, star: str
) -> Differences:
    """What the second one does better and worse. Raises `NotComparable` or `UnknownMetric`."""
    compared = compare(before, after, star=star)
    early = {one.id: one for one in before}
    late = {one.id: one for one in after}

    def explained(shifts: Sequence[Shift]) -> list[Explained]:
        return [Explained(one, why(early[one.id], late[one.id])) for one in shifts]

    return Differences(compared, explained(compared.better), explained(compared.worse))


def why(before: QuestionResult, after: QuestionResult) -> str:
    """Where the answer stands in both, how whole it is there, and how much comes with it."""
    return " ".join(_reasons(before, after)) or "The same passages in another order."


def _reasons(before: QuestionResult, after: QuestionResult) -> Iterator[str]:
    early, late = _first(before.gold_ranks), _first(after.gold_ranks)
    if early != late:
        yield _moved(early, late)
        if early is not None and (late is None or late > early):
            yield from _displaced(after, late)
    all_early, all_late = _found(before), _found(after)
    if len(before.gold) > 1 and all_early != all_late:
        yield (f"{all_late} of its {len(before.gold)} answers are found; {all_early} were before.")
    were = before.figures.get("char_recall", 0.0)
    if abs((come := after.figures.get("char_recall", 0.0)) - were) >= CLEARLY:
        yield f"{come:.0%} of the answer's characters come back; {were:.0%} did before."
    stands, stood = _pieces(after), _pieces(before)
    if stands != stood and min(stands, stood):
        yield f"The answer stands in {_number(stands)}, before in {_number(stood)}."
    tokens = before.figures["tokens"], after.figures["tokens"]
    if max(tokens) > MUCH * min(tokens):
        yield f"{tokens[1]:.0f} tokens come back instead of {tokens[0]:.0f}."


def _moved(early: int | None, late: int | None) -> str:
    if late is None:
        return f"The answer is no longer found; it was passage {early}."
    if early is None:
        return f"The answer is found now, as passage {late}."
    return f"The answer is passage {late}; it was passage {early}."


def _displaced(after: QuestionResult, rank: int | None) -> Iterator[str]:
    """What stands before it now."""
    before_it = after.passages[: None if rank is None else rank - 1]
    others = list(dict.fromkeys(one.document for one in before_it if not one.is_relevant))
    if others:
        more = {1: "", 2: " and another one"}.get(len(others), f" and {len(others) - 1} others")
        yield f"Passages of {others[0]}{more} come before it."


def _first(ranks: Sequence[int | None]) -> int | None:
    return min((one for one in ranks if one is not None), default=None)


def _found(result: QuestionResult) -> int:
    return sum(rank is not None for rank in result.gold_ranks)


def _pieces(result: QuestionResult) -> int:
    """In how many passages some of the answers' characters are."""
    spans = [Place(one.document, *one.span) for one in result.gold if one.span is not None]
    return sum(
        any(shared(_place(passage), span) for span in spans)
        or any(one.span is None and finds(_place(passage), one) for one in result.gold)
        for passage in result.passages
    )


def _place(passage: FoundPassage) -> Place:
    return Place(passage.document, passage.start, passage.end)


def _number(passages: int) -> str:
    return "one passage" if passages == 1 else f"{passages} passages"

"""Fusion: the arithmetic, and that no chunk is left out that could have been among the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.fusion import Key, Pool, Scale, WeightedSum, best

ANY: Key = (0, 0)


def scores(leg: Mapping[int, float]) -> dict[Key, float]:
    """Chunks of one target."""
    return {(0, chunk): score for chunk, score in leg.items()}


def test_a_scale_has_mean_zero_and_deviation_one() -> None:
    scores = [0.9, 0.4, 0.35, 0.1]
    scale = Scale.of(scores)
    scaled = [scale(score) for score in scores]
    assert fmean(scaled) == pytest.approx(0)
    assert pstdev(scaled) == pytest.approx(1)
    assert scale.lowest == 0.1


def test_a_scale_keeps_the_order_and_reads_any_iterable_once() -> None:
    scale = Scale.of(iter([3.0, 1.0, 2.0]))
    assert scale == Scale(2.0, pstdev([1, 2, 3]), 1.0)
    assert scale(1.0) < scale(2.0) < scale(3.0)


def test_a_leg_that_found_nothing_adds_nothing() -> None:
    fusion = WeightedSum.of(Pool(semantic=scores({1: 0.8, 2: 0.2})), 0.5)
    assert fusion.score(ANY, 0.8, 0.0) == pytest.approx(0.5)
    assert fusion.score(ANY, 0.2, 0.0) == pytest.approx(-0.5)


def test_a_leg_that_found_all_alike_adds_nothing_to_what_it_found() -> None:
    for leg in ({1: 7.0}, {1: 0.1, 2: 0.1, 3: 0.1}):
        fusion = WeightedSum.of(Pool(lexical=scores(leg)), 0.0)
        assert fusion.score(ANY, 0.0, leg[1]) == pytest.approx(0)


def test_alpha_weighs_the_legs() -> None:
    candidates = Pool(semantic=scores({1: 1.0, 2: 0.0}), lexical=scores({1: 2.0, 2: 8.0}))
    for alpha, first, second in ((0, -1, 1), (0.25, -0.5, 0.5), (0.5, 0, 0), (1, 1, -1)):
        fusion = WeightedSum.of(candidates, alpha)
        assert fusion.score(ANY, 1.0, 2.0) == pytest.approx(first)
        assert fusion.score(ANY, 0.0, 8.0) == pytest.approx(second)


def test_at_either_end_the_other_leg_does_not_matter() -> None:
    candidates = Pool(semantic=scores({1: 0.9, 2: 0.3}), lexical=scores({1: 1.0, 2: 9.0}))
    lexical, semantic = WeightedSum.of(candidates, 0), WeightedSum.of(candidates, 1)
    assert lexical.score(ANY, 0.9, 5.0) == lexical.score(ANY, -0.9, 5.0)
    assert semantic.score(ANY, 0.5, 1.0) == semantic.score(ANY, 0.5, 9.0)


def test_the_best_of_a_leg_come_first_and_ties_in_the_order_of_their_ids() -> None:
    leg = scores({9: 1.0, 4: 2.0, 7: 1.0, 1: 1.0})
    assert best(leg, 3) == [(0, 4), (0, 1), (0, 7)]
    assert best(leg, 9) == [(0, 4), (0, 1), (0, 7), (0, 9)]
    assert best(leg, 0) == []
    assert best({}, 5) == []


def test_without_candidates_there_are_no_contenders() -> None:
    assert WeightedSum.of(Pool(), 0.5).contenders(Pool(), 10) == []


def test_what_cannot_reach_the_best_is_not_read() -> None:
    """Two chunks that both legs put on top are enough; the tails need no second score."""
    semantic = {1: 0.9, 2: 0.8, **dict.fromkeys(range(10, 60), 0.1)}
    lexical = {1: 9.0, 2: 8.0, **dict.fromkeys(range(60, 110), 0.5)}
    candidates = Pool(semantic=scores(semantic), lexical=scores(lexical))
    assert sorted(WeightedSum.of(candidates, 0.5).contenders(candidates, 2)) == [(0, 1), (0, 2)]


def test_what_one_leg_left_out_may_still_be_nearly_as_good_there() -> None:
    """Chunk 3 was cut off by words at 4.0; with all of 3.9 it comes second."""
    candidates = Pool(semantic=scores({1: 0.9, 3: 0.55, 2: 0.5}), lexical=scores({1: 9.0, 2: 4.0}))
    fusion = WeightedSum.of(candidates, 0.5)
    assert fusion.score(ANY, 0.55, 3.9) > fusion.score(ANY, 0.5, 4.0)
    assert sorted(fusion.contenders(candidates, 2)) == [(0, 1), (0, 2), (0, 3)]


# Whatever the scores are: each leg returns its best `limit` of them, and the rest are unknown.


@dataclass(frozen=True)
class Corpus:
    """What every chunk really scores."""

    scores: dict[Key, tuple[float, float]]
    limit: int

    def candidates(self) -> Pool:
        """What a store gives: its best, and by words only chunks that hold one."""
        semantic = {chunk: scores[0] for chunk, scores in self.scores.items()}
        lexical = {chunk: scores[1] for chunk, scores in self.scores.items() if scores[1] > 0}
        return Pool(
            semantic={chunk: semantic[chunk] for chunk in best(semantic, self.limit)},
            lexical={chunk: lexical[chunk] for chunk in best(lexical, self.limit)},
        )


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    """Some with scores all over the scale, some with few different ones, so that many are equal."""
    random = draw(st.randoms(use_true_random=False))
    steps = draw(st.sampled_from([2, 5, 1_000_000]))
    wordless = draw(st.sampled_from([0.0, 0.3, 0.9]))
    drawn = {
        (0, chunk): (
            random.randrange(-steps, steps + 1) / steps,
            0.0 if random.random() < wordless else 30 * random.randrange(steps) / steps,
        )
        for chunk in range(draw(st.integers(0, 40)))
    }
    return Corpus(drawn, limit=draw(st.integers(1, 15)))


@settings(max_examples=300)
@given(corpus=corpora(), alpha=st.floats(0, 1), wanted=st.integers(1, 6))
def test_no_contender_is_ever_dropped(corpus: Corpus, alpha: float, wanted: int) -> None:
    candidates = corpus.candidates()
    fusion = WeightedSum.of(candidates, alpha)
    contenders = fusion.contenders(candidates, wanted)
    found = candidates.keys
    assert len(contenders) == len(set(contenders))
    assert set(contenders) <= found

    exact = {chunk: fusion.score(ANY, *corpus.scores[chunk]) for chunk in found}
    expected = [exact[chunk] for chunk in best(exact, wanted)]
    chosen = {chunk: exact[chunk] for chunk in contenders}
    assert [chosen[chunk] for chunk in best(chosen, wanted)] == expected


@given(corpus=corpora(), alpha=st.floats(0, 1), wanted=st.integers(1, 12))
def test_nothing_outside_the_candidates_beats_what_both_legs_found(
    corpus: Corpus, alpha: float, wanted: int
) -> None:
    """A chunk that neither leg returned scores no more than any that both did."""
    candidates = corpus.candidates()
    fusion = WeightedSum.of(candidates, alpha)
    both = candidates.semantic.keys() & candidates.lexical.keys()
    neither = corpus.scores.keys() - candidates.semantic.keys() - candidates.lexical.keys()
    if both and neither:
        worst_found = min(fusion.score(ANY, *corpus.scores[chunk]) for chunk in both)
        best_missed = max(fusion.score(ANY, *corpus.scores[chunk]) for chunk in neither)
        assert best_missed <= worst_found

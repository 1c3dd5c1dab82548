"""Intervals: they hold what they should as often as they say, and are the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.eval.bootstrap import MIN_QUESTIONS, interval, paired_difference


def test_the_same_figures_give_the_same_interval() -> None:
    values = np.random.default_rng(5).random(50).tolist()
    assert interval(values) == interval(values)
    assert interval(values, seed=1) != interval(values, seed=2)


def test_an_interval_of_many_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(7).normal(3.0, 2.0, 5_000)
    found = interval(values.tolist())
    half = 1.96 * 2.0 / 5_000**0.5
    assert found.mean == pytest.approx(float(values.mean()))
    assert found.mean - found.low == pytest.approx(half, rel=0.1)
    assert found.high - found.mean == pytest.approx(half, rel=0.1)
    assert found.questions == 5_000


def test_it_holds_the_true_mean_about_19_times_in_20() -> None:
    rng = np.random.default_rng(3)
    found = [interval(rng.random(40).tolist(), seed=number) for number in range(200)]
    held = sum(one.low <= 0.5 <= one.high for one in found)
    assert 180 <= held <= 198


def test_pairs_tell_apart_what_means_alone_could_not() -> None:
    before = np.random.default_rng(1).random(100)  # questions differ far more than the runs do
    after = before + 0.02 + np.random.default_rng(2).normal(0, 0.02, 100)
    difference = paired_difference(before.tolist(), after.tolist())
    assert not difference.is_noise
    assert difference.mean == pytest.approx(0.02, abs=0.01)
    alone, other = interval(before.tolist()), interval(after.tolist())
    assert alone.high > other.low


def test_no_difference_is_noise() -> None:
    same = [0.5, 1.0, 0.0] * 10
    assert paired_difference(same, same).is_noise
    swapped = [1.0, 0.0] * 20
    assert paired_difference(swapped, swapped[::-1]).is_noise


def test_a_handful_of_questions_proves_nothing() -> None:
    assert paired_difference([0.0] * (MIN_QUESTIONS - 1), [1.0] * (MIN_QUESTIONS - 1)).is_noise
    assert not paired_difference([0.0] * MIN_QUESTIONS, [1.0] * MIN_QUESTIONS).is_noise


def test_runs_of_different_length_have_no_pairs() -> None:
    with pytest.raises(ValueError, match="longer"):
        paired_difference([0.0], [1.0, 0.0])

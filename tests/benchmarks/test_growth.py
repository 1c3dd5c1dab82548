"""Recall against exact comparison."""

from __future__ import annotations

import numpy as np
from rich.progress import Progress

from benchmarks.growth import TOP, nearest, recall
from benchmarks.mixture import Mixture


def make_mixture() -> Mixture:
    drawn = np.random.default_rng(3).normal(size=(50, 16)).astype(np.float32)
    units = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return Mixture([f"Sentence {number}." for number in range(60)], units)


def test_the_nearest_are_those_of_all_vectors_up_to_the_size() -> None:
    mixture = make_mixture()
    asked = mixture.vectors[:4]
    with Progress(disable=True) as progress:
        by_size = nearest(mixture, asked, [100, 400], progress)
    made = [
        (number, vector)
        for number, (_, vectors) in enumerate(mixture.documents(400))
        for vector in vectors
    ]
    for size, found in zip([100, 400], by_size, strict=True):
        for question, names in zip(asked, found, strict=True):
            ranked = sorted(made[:size], key=lambda one, asked=question: -float(one[1] @ asked))
            assert sorted(names) == sorted(f"mixture-{number}.txt" for number, _ in ranked[:TOP])


def test_recall_counts_a_document_as_often_as_it_is_named() -> None:
    assert recall([["a", "a", "b"]], [["a", "a", "b"]]) == 1
    assert recall([["a", "b", "c"]], [["a", "a", "b"]]) == 2 / 3
    assert recall([["a"], ["x"]], [["a"], ["b"]]) == 0.5

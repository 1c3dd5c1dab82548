"""What the benchmark beside other systems demands."""

from __future__ import annotations

from benchmarks.peer_search import Result, missed_of

OURS = Result("kb", 100, 0.73, [0.008, 0.010, 0.012])


def test_a_peer_with_as_many_candidates_has_to_take_three_times_as_long() -> None:
    slower = Result("Slower", 100, 0.66, [0.030])
    faster = Result("Faster", 100, 0.66, [0.029])
    assert missed_of([OURS, slower]) == []
    assert missed_of([OURS, slower, faster]) == [
        "Missed: Faster with 100 candidates from each retriever takes 2.9 times as long, demanded 3"
    ]


def test_nothing_is_demanded_beside_a_peer_with_fewer_candidates() -> None:
    assert missed_of([OURS, Result("Less", 10, 0.66, [0.005])]) == []


def test_being_fast_does_not_make_up_for_worse_passages() -> None:
    ours = Result("kb", 100, 0.71, [0.001])
    assert missed_of([ours, Result("Peer", 100, 0.66, [0.040])]) == [
        "Missed: nDCG@10 is 0.710, demanded 0.72"
    ]

"""How busy a model was, from what its meter wrote."""

from __future__ import annotations

from pathlib import Path

from benchmarks.model_runs import Run, busy, process_of, run_seconds, runs_between


def run(began: float, ended: float) -> Run:
    return Run(began, ended, texts=1, tokens=10, padded=12)


def test_runs_at_the_same_time_keep_the_model_busy_once() -> None:
    runs = [run(0, 4), run(1, 3), run(2, 6), run(8, 9)]
    assert busy(runs) == 7
    assert run_seconds(runs) == 11


def test_a_model_that_never_ran_was_never_busy() -> None:
    assert busy([]) == 0


def test_what_ran_before_the_measured_time_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("4711\n1.0 2.0 1 3 3\n5.0 7.0 4 40 64\n9.5 9.9 1 5 5\n")
    assert process_of(log) == 4711
    assert runs_between(log, 4.0, 9.0) == [Run(5.0, 7.0, texts=4, tokens=40, padded=64)]

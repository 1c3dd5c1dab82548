"""What the quality benchmark demands, tells and writes, on figures made up for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.table import Table

from benchmarks import results_file
from benchmarks.quality.data_set import Corpus, DataSet, Demand, OnceDemand, Task
from benchmarks.quality.demands import checks
from benchmarks.quality.outcome import Outcome, TaskOutcome
from benchmarks.quality.report import section
from benchmarks.quality.ways import BOTH, MEANING, RANKS, WORDS, Way
from benchmarks.yardsticks import Published, Range
from retrieval.index import StoreName

QUESTIONS = 40
TASK = Task(
    title="paragraphs",
    corpus=Corpus(name="made-up", files=[]),
    questions=[],
    metrics=("nDCG@10", "first"),
    headline="nDCG@10",
    num_results=10,
)
SET = DataSet(
    name="made-up",
    title="Made up",
    about="Nothing real.",
    tasks=[TASK],
    published=[Published("BM25", "a page", {"nDCG@10": 0.5})],
)


def alike(figure: float) -> list[list[float]]:
    return [[figure, 0.0]] * QUESTIONS


def mixed(figure: float, swing: float) -> list[list[float]]:
    """The same mean, but every question is off by the swing, up or down."""
    return [[figure + (swing if one % 2 else -swing), 0.0] for one in range(QUESTIONS)]


def outcome(
    both: Sequence[Sequence[float]],
    *,
    data_set: DataSet = SET,
    task: Task = TASK,
    other_store: float | None = None,
) -> Outcome:
    """Words find 0.6, meaning 0.4."""
    scores: dict[tuple[StoreName, Way], Sequence[Sequence[float]]] = {
        ("pgvector", WORDS): alike(0.6),
        ("pgvector", MEANING): alike(0.4),
        ("pgvector", BOTH): both,
        ("pgvector", RANKS): alike(0.7),
    }
    if other_store is not None:
        scores |= {("weaviate", way): alike(other_store) for _, way in list(scores)}
    return Outcome(data_set, [TaskOutcome(task=task, scores=scores, best=RANKS)])


def missed(of: Outcome) -> list[str]:
    return [one.text for one in checks(of) if not one.is_met]


def test_hybrid_may_be_no_worse_than_the_better_leg() -> None:
    assert not missed(outcome(alike(0.6)))
    (says,) = missed(outcome(alike(0.58)))
    assert "-0.0200" in says
    assert "not less, within noise" in says


def test_a_difference_within_noise_is_none() -> None:
    assert not missed(outcome(mixed(0.58, 0.3)))


def test_where_hybrid_has_to_win_a_tie_will_not_do() -> None:
    winning = replace(SET, hybrid_wins=True)
    assert missed(outcome(alike(0.6), data_set=winning))
    assert not missed(outcome(alike(0.61), data_set=winning))


def test_a_figure_has_to_lie_in_its_range() -> None:
    demand = Demand(way=WORDS, metric="nDCG@10", range=Range(0.65))
    (says,) = missed(outcome(alike(0.7), task=replace(TASK, demands=(demand,))))
    assert "nDCG@10 0.6000, demanded ≥ 0.65" in says
    met = replace(demand, range=Range(0.55, 0.62))
    assert not missed(outcome(alike(0.7), task=replace(TASK, demands=(met,))))


def test_stores_have_to_agree_in_every_way() -> None:
    same = TaskOutcome(
        task=TASK,
        scores={
            (store, way): alike(0.6) for store in ("pgvector", "weaviate") for way in TASK.ways
        },
        best=None,
    )
    assert not missed(Outcome(SET, [same]))
    (says,) = missed(outcome(alike(0.6), other_store=0.6))
    assert "at most 0.2000 apart" in says


def test_what_must_be_reached_once_counts_settings_fixed_beforehand() -> None:
    demand = replace(SET, once=OnceDemand(tasks=frozenset([TASK.title]), low=0.7))
    assert not missed(outcome(alike(0.65), data_set=demand))  # by ranks 0.7
    higher = replace(SET, once=OnceDemand(tasks=frozenset([TASK.title]), low=0.71))
    (says,) = missed(outcome(alike(0.65), data_set=higher))
    assert "both, by ranks: nDCG@10 0.7000" in says


def test_the_section_has_each_way_beside_what_is_published() -> None:
    of = outcome(alike(0.65), other_store=0.65)
    text = section(of, checks(of), measured="Measured somewhere.")
    assert text.startswith("## Made up\n")
    assert "| paragraphs | words | 0.6000 / 0.6500 | 0.0000 / 0.0000 |  |" in text
    assert "| paragraphs | both | 0.6500 / 0.6500 |" in text
    assert "+0.0500 (+0.0500, +0.0500)" in text
    assert "| paragraphs | best setting: alpha default by ranks | 0.7000 / 0.6500 |" in text
    assert "| published | BM25 [1] | 0.5000 | - |  |" in text
    assert "[1] a page" in text
    assert "- **missed** paragraphs: pgvector and weaviate" in text
    assert text.endswith("Measured somewhere.\n")


def test_a_section_replaces_its_own_and_leaves_the_others(tmp_path: Path) -> None:
    assert results_file.PATH.is_file()
    path = tmp_path / "RESULTS.md"
    for text in ("## A\n\nold\n", "## B\n\nother\n", "## A\n\nnew\n"):
        results_file.put(text, path)
    text = path.read_text()
    assert text.startswith("# Results\n")
    assert text.index("## A\n\nnew\n") < text.index("## B\n\nother\n")
    assert "old" not in text
    before = text
    results_file.put("## B\n\nother\n", path)
    assert path.read_text() == before


def test_a_table_of_the_terminal_becomes_a_section() -> None:
    table = Table("store", title="Shown")
    table.add_column("p50, ms", justify="right")
    table.add_row("pgvector", "24.1")
    table.add_row("weaviate", "59.3")
    text = results_file.table_section("Speed", "Over HTTP.", table, ["Good."], "Measured today.")
    assert text == (
        "## Speed\n\nOver HTTP.\n\n"
        "| store | p50, ms |\n| --- | --: |\n| pgvector | 24.1 |\n| weaviate | 59.3 |\n\n"
        "- Good.\n\nMeasured today.\n"
    )


def test_a_way_is_held_against_the_better_leg() -> None:
    one = outcome(alike(0.65)).tasks[0]
    assert one.mean("pgvector", RANKS, "nDCG@10") == pytest.approx(0.7)
    assert one.against_better_leg("pgvector", RANKS).mean == pytest.approx(0.1)

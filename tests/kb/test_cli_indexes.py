"""Index versions from the command line: built, compared, promoted, gone back from, discarded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kb.cli.diff import rank_of
from kb.postgres.embedded import EmbeddedPostgres
from retrieval.passage import Citation, Passage
from retrieval.store import DocumentVersion
from tests.kb.commands import call_kb
from tests.kb.programs import data_folder
from tests.kb.tables import one_line

# Two sections of 60 words each: a chunk of 100 tokens holds about one, one of 256 holds both.
TEXT = "\n\n".join(
    f"# About {animal}\n\n" + " ".join([f"The {animal} {does} in the wood all day."] * 8)
    for animal, does in (("fox", "runs"), ("owl", "sleeps"))
)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with data_folder() as folder, EmbeddedPostgres(folder):
        call_kb(folder, "create", "wood", "--strategy", "fixed")
        (folder / "animals.md").write_text(TEXT)
        call_kb(folder, "add", "wood", folder / "animals.md")
        yield folder


def listed(home: Path) -> dict[int, dict[str, Any]]:
    found = json.loads(call_kb(home, "index", "list", "wood", "--json").stdout)
    return {one["number"]: one for one in found}


def states(home: Path) -> dict[int, str]:
    lines = call_kb(home, "index", "list", "wood").stdout.splitlines()[1:]
    return {int(line.split()[0]): line.split()[1] for line in lines}


def test_an_index_version_goes_from_built_to_discarded(home: Path) -> None:
    """One test: each step begins where the one before ended."""
    alone = call_kb(home, "diff", "wood", "fox", status=1).stderr
    assert "no other index version" in one_line(alone)
    nothing = call_kb(home, "index", "rollback", "wood", status=1).stderr
    assert "No index version was live before" in one_line(nothing)

    built = call_kb(home, "index", "build", "wood", "--max-chunk-size", "100").stdout
    assert "Index version 2: 1 documents, " in built
    assert "kb index promote wood 2" in built
    assert states(home) == {1: "live", 2: "ready"}
    two = listed(home)[2]
    assert two["chunking_algorithm"] == "CHUNKING_ALGORITHM_FIXED_LENGTH"  # as in the live one
    assert two["chunking_options"]["max_chunk_size"] == 100
    assert two["chunks"] > listed(home)[1]["chunks"]

    compared = json.loads(call_kb(home, "diff", "wood", "fox", "--json").stdout)
    answers = compared["live"], compared["other"]
    assert [answer["index_version"] for answer in answers] == [1, 2]
    assert compared["live_ranks_in_other"] == [1]
    assert compared["other_ranks_in_live"] == [1, 1]
    shown = call_kb(home, "diff", "wood", "fox", "--version", "2", "--alpha", "0").stdout
    assert "Live: index version 1" in shown
    assert shown.count("The fox runs in the wood") >= 2
    assert "moved from 1" in shown  # the second chunk was part of the live one's only

    call_kb(home, "index", "promote", "wood", "2")
    assert states(home) == {1: "previous", 2: "live"}
    assert call_kb(home, "index", "rollback", "wood").stdout.startswith("Index version 1 answers")
    discarded = call_kb(home, "index", "discard", "wood", "1", status=1).stderr
    assert "live index version cannot be discarded" in one_line(discarded)
    call_kb(home, "index", "discard", "wood", "2")
    assert states(home) == {1: "live"}


def test_an_unfinished_index_version_is_promoted_by_force_or_when_it_is_ready(home: Path) -> None:
    queued = call_kb(home, "index", "build", "wood", "--no-wait").stdout
    number = queued.split()[-1]
    assert states(home)[int(number)] == "building"
    early = call_kb(home, "index", "promote", "wood", number, status=1).stderr
    assert "does not hold every document yet" in one_line(early)
    call_kb(home, "index", "promote", "wood", number, "--force")
    assert states(home)[int(number)] == "live"

    promoted = call_kb(home, "index", "build", "wood", "--strategy", "section", "--promote").stdout
    assert "It answers the queries now." in promoted
    last = max(states(home))
    assert states(home)[last] == "live"
    itself = call_kb(home, "diff", "wood", "fox", "--version", str(last), status=1).stderr
    assert "is the live one" in one_line(itself)


def test_mistakes_with_index_versions_are_one_sentence(home: Path) -> None:
    mistakes = {
        ("index", "promote", "wood", "77"): "no index version 77, only 1",
        ("index", "list", "nowhere"): "Knowledge base 'nowhere'.",
        ("index", "build", "wood", "--max-chunk-size", "9"): "from 100 to 256, not 9",
        ("index", "build", "wood", "--model", "none"): "none",
    }
    for arguments, says in mistakes.items():
        assert says in one_line(call_kb(home, *arguments, status=1).stderr)


DOCUMENT = DocumentVersion(
    document_id=uuid4(),
    version_id=uuid4(),
    version_number=1,
    item_name="a.md",
    ingested_at=datetime.now(UTC),
)


def passage(start: int, end: int, document: DocumentVersion = DOCUMENT) -> Passage:
    citation = Citation(
        knowledge_base_id=uuid4(),
        document=document,
        char_start=start,
        char_end=end,
        page=None,
        section_path=(),
    )
    return Passage(
        text="",
        score=1.0,
        semantic_score=None,
        lexical_score=None,
        category="CompositeElement",
        citation=citation,
        position=0,
    )


def test_passages_are_the_same_where_half_of_the_shorter_one_is_in_both() -> None:
    other_document = replace(DOCUMENT, version_id=uuid4())
    answer = [passage(0, 100, other_document), passage(300, 400), passage(0, 100)]
    assert rank_of(passage(0, 100), answer) == 3
    assert rank_of(passage(50, 150), answer) == 3
    assert rank_of(passage(51, 151), answer) is None
    assert rank_of(passage(90, 110), answer) == 3
    assert rank_of(passage(350, 2000), answer) == 2
    assert rank_of(passage(100, 300), answer) is None

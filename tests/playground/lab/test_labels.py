"""Gold made by hand: selected words become spans, uploaded lines are checked one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from playground.labels import NotSelected, as_jsonl, gold_of, with_gold
from retrieval.eval.dataset import parse_questions
from retrieval.eval.question import Gold, Question
from retrieval.results import Result, ResultCitation, ResultMetadata

TEXT = "The parcel waits\nfor seven days. Then it goes back."


def passage() -> Result:
    return Result(
        text_content=TEXT,
        parent_chunk_text=None,
        metadata=ResultMetadata(
            item_name="post.md",
            ingested_timestamp=datetime.now(UTC),
            chunk_category="CompositeElement",
            page_number=None,
        ),
        score=1.0,
        semantic_score=None,
        lexical_score=None,
        citation=ResultCitation(
            uri="kb://",
            knowledge_base_id=uuid4(),
            document_id=uuid4(),
            version_id=uuid4(),
            version_number=1,
            char_start=1000,
            char_end=1000 + len(TEXT),
            page=None,
            section_path=[],
        ),
    )


def test_selected_words_are_a_span_of_the_document() -> None:
    gold = gold_of(passage(), "  waits for seven days ")  # as a browser gives them
    assert (gold.document, gold.quote) == ("post.md", "waits\nfor seven days")
    assert gold.span == (1011, 1031)
    for nothing in ("", "  ", "for eight days"):
        with pytest.raises(NotSelected):
            gold_of(passage(), nothing)


def test_an_answer_joins_its_question_or_begins_one() -> None:
    first, second = (Gold(document="post.md", start=n, end=n + 5) for n in (0, 10))
    one = with_gold([], "How long?", first)
    assert with_gold(one, "How long?", first) == one
    both = with_gold(one, "How long?", second)
    assert [gold.start for gold in both[0].gold] == [0, 10]
    assert [asked.question for asked in with_gold(both, "And then?", first)] == [
        "How long?",
        "And then?",
    ]


def test_questions_go_to_a_file_and_come_back() -> None:
    asked = [Question(id="1", question="Wie lange?", gold=[Gold(document="ü.md", quote="7")])]
    assert parse_questions(as_jsonl(asked), name="x.jsonl") == asked
    assert "ü".encode() in as_jsonl(asked)

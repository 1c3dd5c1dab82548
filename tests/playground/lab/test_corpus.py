"""Samples: parts of documents with the questions that they alone answer, each within the next."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ingest.chunking import chunk
from ingest.chunking.settings import chunk_settings
from ingest.parsing import markdown
from ingest.parsing.document import verify
from playground.corpus import LEAST_QUESTIONS, Corpus
from playground.parts import PART_CHARACTERS, Part, cut_out, joined, parts_of, put_back, whole
from retrieval.embedding.embedder import Embedder
from retrieval.eval.errors import InvalidDataset
from retrieval.eval.question import Gold, Question
from tests.playground.lab.documents import corpus, documents, questions

SENTENCE = "The number {} engine drives the mill on every day but Sunday. "
LONG = "# Mill\n\n" + "".join(
    f"## Engine {one}\n\n{SENTENCE.format(one) * 12}\n\n" for one in range(200)
)
ONE_PARAGRAPH = "".join(SENTENCE.format(one) for one in range(400))


@pytest.mark.parametrize("text", [LONG, ONE_PARAGRAPH, "short", "x" * 9000])
def test_parts_leave_nothing_out_and_cut_no_sentence(text: str) -> None:
    document = markdown.parse(text.encode())
    parts = parts_of(document)
    assert [(parts[0].start, parts[-1].end)] == [(0, len(document.text))]
    assert all(one.end == other.start for one, other in pairwise(parts))
    for part in parts[1:]:
        assert document.text[: part.start].rstrip().endswith((".", "Engine", ":")) or (
            document.text[part.start] == "#"
        )
    assert joined(parts) == [whole(document)]


def test_a_part_is_a_document_whose_blocks_stand_where_its_text_says() -> None:
    document = markdown.parse(LONG.encode())
    part = parts_of(document)[3]
    piece = cut_out(document, part)
    assert piece.text == document.text[part.start : part.end]
    for block in piece.blocks:
        assert piece.text_of(block) == piece.text_of(block).strip() != ""
        assert "Mill" in block.section_path[0]
    assert cut_out(document, whole(document)) is document
    verify(document)


def test_chunks_of_a_part_are_spans_of_the_whole(embedder: Embedder) -> None:
    document = markdown.parse(ONE_PARAGRAPH.encode())
    part = parts_of(document)[2]
    settings = chunk_settings(embedder.model, max_chunk_size=128)
    made = chunk(cut_out(document, part), settings, embedder.tokenizer, embedder.embed_passages)
    back = put_back(made, at=part.start, position=7)
    assert [one.position for one in back] == list(range(7, 7 + len(made)))
    for one in back:
        assert document.text[one.char_start : one.char_end] == one.text
        assert part.start <= one.char_start < one.char_end <= part.end


def test_samples_grow_each_within_the_next_and_answer_all_their_questions() -> None:
    text = markdown.parse(LONG.encode())
    asked = [
        Question(
            id=str(one),
            question=f"What drives engine {one}?",
            gold=[Gold(document="mill.md", start=start, end=start + 20)],
        )
        for one in range(200)
        for start in [text.text.index(SENTENCE.format(one))]
    ]
    found = Corpus.of({"mill.md": text}, asked)
    small, half, everything = found.samples([0.25, 0.5, 1])
    assert small.share < half.share < everything.share == 1
    assert {one.id for one in small.questions} <= {one.id for one in half.questions}
    assert len(everything.questions) == 200
    for sample in (small, half):
        assert len(sample.questions) >= LEAST_QUESTIONS
        for question in sample.questions:
            for gold in question.gold:
                assert gold.span is not None
                start, end = gold.span
                assert any(one.start <= start and end <= one.end for one in sample.parts["mill.md"])
    assert found.samples([0.25])[0] == small  # the same each time


def test_what_room_is_left_holds_what_answers_nothing() -> None:
    texts = {f"{one}.md": markdown.parse(LONG[:PART_CHARACTERS].encode()) for one in range(20)}
    found = Corpus.of(texts, [Question(question="Which?", gold=[Gold(document="3.md")])])
    (sample,) = found.samples([0.5])
    assert sample.parts["3.md"] == [whole(texts["3.md"])]
    assert 0.4 < sample.share <= 0.5


def test_questions_without_their_gold_are_left_out_and_said() -> None:
    gone = Question(id="gone", question="Who?", gold=[Gold(document="yeti.md", quote="nobody")])
    found = Corpus.of(documents(), [*questions(), gone])
    assert len(found.questions) == len(questions())
    assert "yeti.md" in found.left_out[0]
    with pytest.raises(InvalidDataset, match="No question has its gold"):
        Corpus.of(documents(), [gone])


def test_few_questions_make_the_sample_everything() -> None:
    found = corpus()
    assert all(len(one.questions) == len(questions()) for one in found.samples([0.1, 0.3]))
    assert Part(0, 3) < Part(1, 2)

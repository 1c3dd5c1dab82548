"""The demo handbook is current, long enough, and answers its own questions."""

import re
import tomllib
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import pypdfium2 as pdfium  # pyright: ignore[reportMissingTypeStubs] - it has none
import pytest
from docx import Document
from docx.table import Table

from examples.build_handbook import HANDBOOK, SOURCE, VOLUMES, build, stale
from examples.handbook_writers import as_markdown
from examples.handbook_writers.blocks import CharacterError, MarkdownError, parse

WORDS_PER_PAGE = 450
OUTPUTS = [name + suffix for name, (suffix, _) in VOLUMES.items()]


class Question(TypedDict):
    question: str
    expected: str
    file: str
    demo: NotRequired[bool]


def questions() -> list[Question]:
    text = (HANDBOOK.parent / "questions.toml").read_text(encoding="utf-8")
    return cast("list[Question]", tomllib.loads(text)["questions"])


def pdf_pages(path: Path) -> list[str]:
    with pdfium.PdfDocument(path) as document:
        return [page.get_textpage().get_text_range() for page in document]


def docx_text(path: Path) -> str:
    document = Document(BytesIO(path.read_bytes()))
    return "\n".join(
        " | ".join(cell.text for row in block.rows for cell in row.cells)
        if isinstance(block, Table)
        else block.text
        for block in document.iter_inner_content()
    )


def text_of(path: Path) -> str:
    """The words of a file in reading order, with every run of whitespace as one space."""
    if path.suffix == ".pdf":
        text = "\n".join(pdf_pages(path))
    elif path.suffix == ".docx":
        text = docx_text(path)
    else:
        text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        text = unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL))
    return " ".join(text.split())


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {name: text_of(HANDBOOK / name) for name in OUTPUTS}


def test_the_committed_volumes_are_what_the_source_says() -> None:
    assert stale(HANDBOOK, build()) == []


def test_a_missing_and_a_changed_volume_are_noticed(tmp_path: Path) -> None:
    outputs = {"kept.txt": b"same", "changed.txt": b"new", "missing.txt": b"new"}
    (tmp_path / "kept.txt").write_bytes(b"same")
    (tmp_path / "changed.txt").write_bytes(b"old")
    assert stale(tmp_path, outputs) == ["changed.txt", "missing.txt"]


def test_there_is_one_volume_in_each_format() -> None:
    assert sorted(suffix for suffix, _ in VOLUMES.values()) == [
        ".docx",
        ".html",
        ".md",
        ".pdf",
        ".txt",
    ]


def test_the_handbook_has_at_least_forty_pages(texts: dict[str, str]) -> None:
    pages = 0.0
    for name, text in texts.items():
        if name.endswith(".pdf"):
            pages += len(pdf_pages(HANDBOOK / name))
        else:
            pages += len(re.findall(r"\w\S*", text)) / WORDS_PER_PAGE
    assert pages >= 40


@pytest.mark.parametrize("name", VOLUMES)
def test_no_format_loses_words(name: str, texts: dict[str, str]) -> None:
    source = (SOURCE / f"{name}.md").read_text(encoding="utf-8")
    output = texts[name + VOLUMES[name][0]]
    assert set(re.findall(r"\w+", source)) <= set(re.findall(r"\w+", output))


@pytest.mark.parametrize("name", VOLUMES)
def test_written_markdown_reads_back_as_the_same_blocks(name: str) -> None:
    volume = parse(name, (SOURCE / f"{name}.md").read_text(encoding="utf-8"))
    assert parse(name, as_markdown.write(volume).decode()) == volume


@pytest.mark.parametrize("question", questions(), ids=lambda question: question["question"])
def test_the_expected_fact_is_in_the_named_volume_alone(
    question: Question, texts: dict[str, str]
) -> None:
    holding = [name for name, text in texts.items() if question["expected"] in text]
    assert holding == [question["file"]]


def test_six_questions_are_for_the_demo_and_cover_every_format() -> None:
    files = [question["file"] for question in questions() if question.get("demo")]
    assert len(files) == 6
    assert set(files) == set(OUTPUTS)


def test_a_construct_without_a_writer_is_refused() -> None:
    with pytest.raises(MarkdownError, match="blockquote"):
        parse("volume", "# Title\n\n> quoted\n")
    with pytest.raises(MarkdownError, match="list within a list"):
        parse("volume", "# Title\n\n- one\n  - two\n")


def test_a_character_that_the_pdf_cannot_print_is_refused() -> None:
    with pytest.raises(CharacterError, match="\N{EURO SIGN}"):
        parse("volume", "# Price\n\n5 \N{EURO SIGN}\n")

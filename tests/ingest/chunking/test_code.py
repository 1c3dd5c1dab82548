"""Source code is cut between definitions, and inside one only where it is longer than a chunk."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ingest.chunking import chunk
from ingest.chunking.settings import chunk_settings
from ingest.parsing import code
from ingest.parsing.document import ParsedDocument
from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import MODELS
from tests.ingest.makers import Part, make_parsed

MODEL = MODELS[0]

SIZES = st.sampled_from([200, 256])

Language = Callable[[int, int], str]
"""A definition of that number, with so many lines in it."""


@pytest.fixture(scope="module")
def tokenizer(embedder: Embedder) -> Tokenizer:
    return embedder.tokenizer


def python(number: int, lines: int) -> str:
    head = f"# Adds up shelf {number}.\n@traced\ndef shelf_{number}(total):"
    body = "\n".join(f"    total += weigh({n})" for n in range(lines))
    return f"{head}\n{body}\n\n    return total"


def javascript(number: int, lines: int) -> str:
    body = "\n".join(f"  total += weigh({n});" for n in range(lines))
    return f"export function shelf{number}(total) {{\n{body}\n\n  return total;\n}}"


def go(number: int, lines: int) -> str:
    head = f"// Shelf{number} adds up.\nfunc Shelf{number}(total int) int {{"
    body = "\n".join(f"\ttotal += weigh({n})" for n in range(lines))
    return f"{head}\n{body}\n\n\treturn total\n}}"


def rust(number: int, lines: int) -> str:
    head = f"#[inline]\npub fn shelf_{number}(total: u64) -> u64\n{{"
    body = "\n".join(f"    total += weigh({n});" for n in range(lines))
    return f"{head}\n{body}\n\n    total\n}}"


def indented(source: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in source.split("\n"))


def tokens(text: str, tokenizer: Tokenizer) -> int:
    """As a chunk counts them, special tokens included."""
    return len(tokenizer.encode(text).ids)


def cut(source: str, tokenizer: Tokenizer, size: int = 256) -> list[Chunk]:
    return chunked(code.parse(source.encode()), tokenizer, size)


def chunked(document: ParsedDocument, tokenizer: Tokenizer, size: int = 256) -> list[Chunk]:
    chosen = chunk_settings(MODEL, max_chunk_size=size)
    chunks = chunk(document, chosen, tokenizer, lambda texts: pytest.fail(f"embeds {texts}"))
    assert "".join("".join(one.text for one in chunks).split()) == "".join(document.text.split())
    return chunks


@pytest.mark.parametrize("language", [python, javascript, go, rust])
@given(lengths=st.lists(st.integers(1, 24), min_size=2, max_size=14), size=SIZES)
@settings(max_examples=25, deadline=None)
def test_a_definition_that_fits_a_chunk_is_in_one(
    language: Language, lengths: list[int], size: int, tokenizer: Tokenizer
) -> None:
    definitions = [language(number, lines) for number, lines in enumerate(lengths)]
    chunks = cut("\n\n".join(definitions), tokenizer, size)
    for one in definitions:
        if tokens(one, tokenizer) <= size:
            assert any(one in piece.text for piece in chunks), one


@pytest.mark.parametrize(
    ("language", "head", "end"),
    [
        (python, "class Store:", ""),
        (javascript, "export class Store {", "\n}"),
        (rust, "impl Store {", "\n}"),
    ],
)
@given(lengths=st.lists(st.integers(1, 20), min_size=3, max_size=14))
@settings(max_examples=25, deadline=None)
def test_a_class_longer_than_a_chunk_is_cut_between_its_methods(
    language: Language, head: str, end: str, lengths: list[int], tokenizer: Tokenizer
) -> None:
    methods = [indented(language(number, lines)) for number, lines in enumerate(lengths)]
    chunks = cut(f"{head}\n\n" + "\n\n".join(methods) + end, tokenizer)
    for one in methods:
        if tokens(one + end, tokenizer) <= 256:
            assert any(one.strip() in piece.text for piece in chunks), one


def test_a_function_keeps_apart_from_a_class_that_just_fits(tokenizer: Tokenizer) -> None:
    """Although the class is in two blocks, and the function with the first makes chunks more even.

    Long classes come in several blocks, whatever the size of chunks.
    """
    function, first, second = python(0, 5), indented(python(1, 9)), indented(python(2, 15))
    store = f"class Store:\n{first}\n\n{second}"
    document = make_parsed(
        Part(function, "code"),
        Part(f"class Store:\n{first}", "code", gap="\n\n    "),
        Part(second.strip(), "code"),
    )
    chunks = chunked(document, tokenizer, tokens(store, tokenizer))
    assert [one.text for one in chunks] == [function, store]


def test_definitions_without_blank_lines_between_them_stay_whole(tokenizer: Tokenizer) -> None:
    """And under the comments that announce them."""
    bodies = ["    weigh();\n" * (5 + n % 7) for n in range(40)]
    functions = [
        f"// Weighs all there is on shelf {n}, and then once more.\nint f{n}(int x)\n{{\n{body}}}"
        for n, body in enumerate(bodies)
    ]
    chunks = chunked(make_parsed(Part("\n".join(functions), "code")), tokenizer)
    assert len(chunks) > 6
    assert all(any(one in piece.text for piece in chunks) for one in functions)


def test_a_function_longer_than_a_chunk_is_cut_at_its_blank_lines(tokenizer: Tokenizer) -> None:
    steps = ["    begin()\n" + f"    weigh({n})\n" * (2 + n % 5) for n in range(40)]
    chunks = cut("def weigh_all():\n" + "\n".join(steps), tokenizer)
    assert len(chunks) > 3
    assert all(one.text.startswith(("def", "begin")) for one in chunks)


def test_an_outer_list_is_cut_between_its_records(tokenizer: Tokenizer) -> None:
    records = ["  {\n" + f'    "shelf": {n},\n    "pump": "P-{n}"\n' + "  }" for n in range(60)]
    document = make_parsed(Part("[\n" + ",\n".join(records) + "\n]", "code"))
    chunks = chunked(document, tokenizer)
    assert len(chunks) > 3
    assert all(any(one.strip() in piece.text for piece in chunks) for one in records)


def test_a_function_longer_than_a_chunk_is_cut_where_it_is_least_indented(
    tokenizer: Tokenizer,
) -> None:
    loops = [f"    for shelf in floor({n}):\n        shelf.weigh({n})\n" for n in range(40)]
    chunks = cut("def weigh_all():\n" + "".join(loops), tokenizer)
    assert len(chunks) > 2
    assert all(one.text.startswith(("def", "for")) for one in chunks)
    assert all(one.text.rstrip().endswith(")") for one in chunks)


@given(
    st.text(alphabet=st.sampled_from("ab  \t\n\n{}()@#x/;"), min_size=1, max_size=4000),
    SIZES,
)
@settings(max_examples=60, deadline=None)
def test_whatever_looks_like_code_is_chunked_within_the_limit(
    tokenizer: Tokenizer, source: str, size: int
) -> None:
    if source.strip():
        document = make_parsed(Part(source.strip(), "code"))
        assert all(one.token_count <= size for one in chunked(document, tokenizer, size))


def test_a_staircase_of_code_is_no_trap(tokenizer: Tokenizer) -> None:
    stairs = "\n".join(" " * depth + "step()" for depth in range(1500))
    document = make_parsed(Part(stairs, "code"))
    assert all(one.token_count <= 256 for one in chunked(document, tokenizer))

"""Citation markers, resolved while the answer comes."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from kb.gateway.events import Cited, NumberedPassage, TextDelta
from kb.gateway.markers import MarkerFilter
from tests.kb.gateway.scripted import passage

KNOWN = {
    number: NumberedPassage(number=number, passage=passage(str(number))) for number in range(1, 10)
}

Result = tuple[str, list[tuple[tuple[int, ...], int, int]], int]


def resolved(text: str, cuts: list[int] | None = None) -> Result:
    """The clean text, what it cites from where to where, and how many markers named nothing."""
    markers = MarkerFilter(KNOWN.get)
    events: list[TextDelta | Cited] = []
    places = [0, *(cuts or []), len(text)]
    for start, end in pairwise(places):
        events += markers.feed(text[start:end])
    events += markers.end_round()
    said = ""
    for event in events:
        if isinstance(event, TextDelta):
            said += event.text
        else:  # told where it stands
            assert event.start <= event.end == len(said)
    cited = [
        (tuple(one.number for one in event.passages), event.start, event.end)
        for event in events
        if isinstance(event, Cited)
    ]
    return said, cited, markers.dropped


def quotes(text: str) -> tuple[str, list[tuple[tuple[int, ...], str]]]:
    said, cited, _ = resolved(text)
    return said, [(numbers, said[start:end]) for numbers, start, end in cited]


@pytest.mark.parametrize(
    ("text", "said", "cited"),
    [
        ("It is Paris [1].", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris[1].", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris [1, 2].", "It is Paris.", [((1, 2), "It is Paris")]),
        ("It is Paris [1;2 , 3].", "It is Paris.", [((1, 2, 3), "It is Paris")]),
        ("It is Paris [1][2].", "It is Paris.", [((1, 2), "It is Paris")]),
        ("It is Paris [1] [2].", "It is Paris.", [((1, 2), "It is Paris")]),
        ("It is Paris [1][1].", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris 【1】.", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris \uff3b1\uff3d.", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris 【1†L3-L9】.", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris [^1].", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris [1-3].", "It is Paris.", [((1, 2, 3), "It is Paris")]),
        ("It is Paris [1\u20133, 5].", "It is Paris.", [((1, 2, 3, 5), "It is Paris")]),
        ("It is Paris [[1]].", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris [[1], [2]].", "It is Paris.", [((1, 2), "It is Paris")]),
        ("It is Paris ([1]).", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris ([1][2]) (so far).", "It is Paris (so far).", [((1, 2), "It is Paris")]),
        ("It is Paris [1] .", "It is Paris .", [((1,), "It is Paris")]),
        ("It is Paris \u00a0\t [1].", "It is Paris.", [((1,), "It is Paris")]),
        ("It is Paris. [1] Or not.", "It is Paris. Or not.", [((1,), "It is Paris.")]),
        ("It is Paris.[1] Or not.", "It is Paris. Or not.", [((1,), "It is Paris.")]),
        ("One [1] two.", "One two.", [((1,), "One")]),
        ("One [1]two.", "One two.", [((1,), "One")]),
        (
            "首都是巴黎【1】。罗马[2]。",
            "首都是巴黎。罗马。",
            [((1,), "首都是巴黎"), ((2,), "罗马")],
        ),
    ],
)
def test_markers_become_citations_of_what_is_before_them(
    text: str, said: str, cited: list[tuple[tuple[int, ...], str]]
) -> None:
    assert quotes(text) == (said, cited)


@pytest.mark.parametrize(
    "text",
    [
        "[x] and [a1] and [1a]",
        "on [2024-01-01]",
        "in [2024]",
        "an [0] and [0, 1]",
        "see [1](http://example.org/) and [1](#one)",
        r"escaped \[1]",
        "open [1 and never closed",
        "[1, x] and [1:2]",
        "[0-9] and [3-1] and [1-99]",
        "[[x]] and [[1]](http://example.org/) and (x) and ([x])",
        "code `a[1]` here",
        "code ``a` [1]`` here",
        "```python\na[1]\n```",
        "~~~\na[1]\n~~~",
        "- item\n  ```\n  a[1]\n  ```",
        "> ```\n> a[1]\n> ```",
        "````\n```\na[1]\n```\n````",
        "[",
        "[]",
        "a   b",
        "[ 1 , ",
    ],
)
def test_what_is_no_marker_stays(text: str) -> None:
    said, cited, dropped = resolved(text + " ...")
    assert (said, cited, dropped) == (text + " ...", [], 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```\na[1]\n```\nParis [1].", "```\na[1]\n```\nParis."),
        ("```not a fence``` Paris [1].", "```not a fence``` Paris."),
        ("`code` Paris [1].", "`code` Paris."),
        ("a stray ` tick\nParis [1].", "a stray ` tick\nParis."),
    ],
)
def test_after_code_markers_count_again(text: str, said: str) -> None:
    assert resolved(text)[0] == said


def test_numbers_that_nobody_found_are_dropped_and_counted() -> None:
    said, cited, dropped = resolved("Paris [1, 99]. Rome [500]. Oslo [10][11].")
    assert (said, dropped) == ("Paris. Rome. Oslo.", 4)
    assert cited == [((1,), 0, 5)]


def test_a_citation_supports_its_sentence_or_what_of_it_follows_the_last_one() -> None:
    text = "Dr. Smith lives in Paris [1], e.g. in spring, and in Rome [2]. He is 3.5 m tall! [3][4]"
    assert quotes(text)[1] == [
        ((1,), "Dr. Smith lives in Paris"),
        ((2,), "e.g. in spring, and in Rome"),
        ((3, 4), "He is 3.5 m tall!"),
    ]


def test_a_citation_after_the_full_stop_of_a_cited_sentence_supports_all_of_it() -> None:
    assert quotes("It is Paris [1]. [2]")[1] == [((1,), "It is Paris"), ((2,), "It is Paris.")]


def test_a_citation_before_its_sentence_is_told_where_that_ends() -> None:
    said, cited = quotes("- [1] Paris is old.\n- [2] Rome is older.\n")
    assert said == "- Paris is old.\n- Rome is older.\n"
    assert [(n, quote.strip()) for n, quote in cited] == [
        ((1,), "Paris is old."),
        ((2,), "Rome is older."),
    ]


def test_lines_of_a_list_are_sentences() -> None:
    assert quotes("Cities:\n- Paris [1]\n- Rome [2]\n")[1] == [((1,), "Paris"), ((2,), "Rome")]


def test_rounds_are_paragraphs_of_one_answer() -> None:
    markers = MarkerFilter(KNOWN.get)
    events = [*markers.feed("One [1]"), *markers.end_round()]
    events += [*markers.feed("Two [2"), *markers.feed("]."), *markers.end_round()]
    assert events == [
        TextDelta(text="One"),
        Cited(passages=(KNOWN[1],), start=0, end=3),
        TextDelta(text="\n\nTwo"),
        Cited(passages=(KNOWN[2],), start=5, end=8),
        TextDelta(text="."),
    ]


def test_a_citation_supports_nothing_of_an_earlier_round() -> None:
    markers = MarkerFilter(KNOWN.get)
    events = [*markers.feed("let me look.\n"), *markers.end_round()]
    events += [*markers.feed("it is Paris [1]."), *markers.end_round()]
    (cited,) = (one for one in events if isinstance(one, Cited))
    assert (cited.start, cited.end) == (13, 24)


def test_only_what_may_become_a_marker_is_held_back() -> None:
    markers = MarkerFilter(KNOWN.get)
    assert markers.feed("Paris") == [TextDelta(text="Paris")]
    assert markers.feed(" [1") == []
    assert markers.feed("23") == []
    assert markers.feed("4") == [TextDelta(text=" [1234")]
    held = "".join(
        event.text for event in markers.feed("[" + "1," * 5000) if isinstance(event, TextDelta)
    )
    assert len(held) > 9_800
    blanks = [e.text for e in markers.feed("x" + " " * 1000) if isinstance(e, TextDelta)]
    assert len("".join(blanks)) > 950


@pytest.mark.parametrize("cut", [" [1", " [", " [1,", " [[2]", "\u30101\u2020L3", " ([1], "])
def test_a_marker_that_the_answer_ends_in_does_not_show(cut: str) -> None:
    said, cited, dropped = resolved(f"It is Paris{cut}")
    assert said == ("It is Paris [" if cut == " [" else "It is Paris")
    assert (cited, dropped) == ([], int(cut != " ["))


PIECES = [
    "Paris is old",
    " [1]",
    "[2]",
    " [1, 2]",
    "【3】",
    " [^4]",
    "【5†source】",
    "[99]",
    " [1-3]",
    "[[1]]",
    " ([2])",
    "[[x]]",
    "([",
    "]]",
    "(x)",
    "[x]",
    "[2024-01-01]",
    " [1](http://x.org)",
    "`a[1]`",
    "\n```\nb[2]\n```\n",
    ". ",
    "! ",
    "\n\n",
    "\n- ",
    "  ",
    "\t",
    "[",
    "]",
    "(",
    "\\",
    "Dr. No",
    "東京。",
    "`",
    "[1",
    "12]",
    ", 3]",
]
MARKERS = [
    *("", "[1]", "[2][3]", "[1, 2]", "[1,2,3]", "【3】", "[^4]", "【5†source】", "[99]"),
    *("[1-3]", "[[1]]", "([2], [3])", "\uff3b1\uff3d"),
]


def test_how_an_answer_is_cut_makes_no_difference() -> None:
    chance = random.Random(20261122)
    for _ in range(600):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 25)))
        whole = resolved(text)
        for _ in range(3):
            cuts = sorted(chance.choices(range(len(text) + 1), k=chance.randint(1, 30)))
            assert resolved(text, cuts) == whole, (text, cuts)
        assert resolved(text, list(range(1, len(text)))) == whole, text


def test_no_marker_leaks_however_the_answer_is_cut() -> None:
    chance = random.Random(5)
    for _ in range(500):
        words = chance.choices(["Paris", "is", "old.", "[x]", "a-b", "\n", "Dr.", "Rome!"], k=20)
        markers = chance.choices(MARKERS, k=20)
        text = "".join(
            f"{word}{chance.choice(['', ' ', '  '])}{marker} "
            for word, marker in zip(words, markers, strict=True)
        )
        cuts = sorted(chance.choices(range(len(text) + 1), k=40))
        said, cited, dropped = resolved(text, cuts)
        assert not re.search(r"[\[\uff3b【(]+\^?[\d\])]", said), (text, said)
        assert bool(cited) == any(one not in ("", "[99]") for one in markers)
        assert dropped == markers.count("[99]")

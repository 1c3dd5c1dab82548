"""What the comparison of PDF libraries takes for a word, a heading and a row."""

from __future__ import annotations

from collections import Counter

from benchmarks import extraction

TABLE = "| Revenue | $1,234 | 987 |\n| Costs | (12) | 3.5% |"
SPACED = "Revenue   $1,234   987\nCosts   (12)   3.5%"
PLAIN = "Revenue $ 1,234 987\nCosts (12) 3.5 %"
PROSE = "The fiscal years ended on July 30, 2023 and July 31, 2022, which had 52 weeks."


def test_words_are_the_same_however_they_are_spelled() -> None:
    assert extraction.words("Oﬃce, OFFICE") == Counter({"office": 2})


def test_two_readings_agree_on_what_the_second_of_them_has() -> None:
    readings = [Counter("aab"), Counter("abc"), Counter("aax")]
    assert extraction.agreed(readings) == Counter({"a": 2, "b": 1})


def test_headings_are_compared_by_their_words() -> None:
    assert extraction.headings("# 1. Scope\ntext\n### **The** parts:\n#") == [
        "1 scope",
        "the parts",
    ]


def test_a_row_is_the_same_with_cells_and_without() -> None:
    expected = Counter({("revenue", "1,234", "987"): 1, ("costs", "12", "3.5"): 1})
    assert extraction.rows(TABLE) == extraction.rows(SPACED) == extraction.rows(PLAIN) == expected


def test_only_figures_that_stand_apart_are_in_cells() -> None:
    assert extraction.rows_in_cells(TABLE) == extraction.rows(TABLE)
    assert extraction.rows_in_cells(SPACED) == extraction.rows(TABLE)
    assert not extraction.rows_in_cells(PLAIN)


def test_prose_with_figures_is_no_row() -> None:
    assert not extraction.rows(PROSE)

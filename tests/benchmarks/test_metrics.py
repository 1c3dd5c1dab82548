"""The benchmarks' arithmetic, against values worked out by hand."""

from __future__ import annotations

import pytest

from benchmarks.metrics import percentile


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (95, 10), (100, 10), (1, 1)])
def test_a_percentile_is_one_of_the_values(percent: int, expected: int) -> None:
    assert percentile([10, 1, 9, 2, 8, 3, 7, 4, 6, 5], percent) == expected

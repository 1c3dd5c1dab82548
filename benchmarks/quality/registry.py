"""The data sets by name, in the order in which they are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.quality import anthropic, chunks, financebench, scifact, xquad
from benchmarks.quality.data_set import DataSet

Load = Callable[[Path | None], DataSet]
"""From the folder that KB_BENCH_DATA names. Raises `CollectionMissing`."""

DATA_SETS: Mapping[str, Load] = {
    "scifact": scifact.load,
    **{f"xquad-{language}": partial(xquad.load, language) for language in xquad.LANGUAGES},
    "anthropic": anthropic.load,
    "chroma": chunks.load,
    "financebench": financebench.load,
}

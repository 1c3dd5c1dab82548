"""The environment of the libraries we are compared with: never the product's own."""

from __future__ import annotations

from pathlib import Path

from benchmarks.service import ROOT

PYTHON = ROOT / ".venv-peers" / "bin" / "python"


class PeersMissing(Exception):
    """The libraries to compare with, or the files to read, are not there."""


def require(python: Path) -> None:
    """Raises `PeersMissing`."""
    if not python.exists():
        raise PeersMissing(f"There is no {python}; `make bench-ingest` makes it.")

"""The command line. Imports here are light: `kb --help` must answer at once."""

from __future__ import annotations

from kb.cli.app import main

__all__ = ["main"]

"""One version, wherever it is read."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import kb

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
HEADING = re.compile(r"^## (?P<version>\d+\.\d+\.\d+\S*)(?: \((?:unreleased|\d{4}-\d\d-\d\d)\))?$")


def test_the_installed_package_has_the_codes_version() -> None:
    assert version("kb") == kb.__version__


def test_the_changelog_begins_with_this_version() -> None:
    headings = [line for line in CHANGELOG.read_text("utf-8").splitlines() if line[:3] == "## "]
    newest = HEADING.match(headings[0])
    assert newest, f"{headings[0]!r} names no version, or says neither unreleased nor a date"
    assert newest["version"] == kb.__version__


def test_the_command_line_tells_it() -> None:
    command = Path(sys.executable).with_name("kb")
    run = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout == f"kb {kb.__version__}\n"

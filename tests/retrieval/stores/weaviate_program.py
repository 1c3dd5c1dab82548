"""Where tests find the program `weaviate-server`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = "weaviate-server"
CHECKOUT = Path(__file__).parents[3]


def weaviate_program() -> Path:
    """On the PATH, or where `make` or Go put it. Without it the test fails, or without Go skips."""
    if found := shutil.which(PROGRAM):
        return Path(found)
    for folder in _folders():
        if (folder / PROGRAM).is_file():
            return folder / PROGRAM
    if shutil.which("go") is None:
        pytest.skip(f"there is no {PROGRAM}, and no Go to build it with")
    pytest.fail(f"there is no {PROGRAM}; run: make .weaviate/bin/{PROGRAM}")


def _folders() -> Iterator[Path]:
    yield CHECKOUT / ".weaviate" / "bin"
    if go := shutil.which("go"):
        said = subprocess.run(
            [go, "env", "GOBIN", "GOPATH"], capture_output=True, text=True, check=True
        )
        gobin, gopath = said.stdout.split("\n")[:2]
        if gobin:
            yield Path(gobin)
        yield from (Path(one) / "bin" for one in gopath.split(os.pathsep))

"""The shape of the repository, where a slip would not show until much later."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any, cast

import mcp
import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = cast("list[str]", PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_the_folder_mcp_is_no_package() -> None:
    """Else it would hide PyPI's `mcp`, and fastmcp would say that it has no server support."""
    assert [path.name for path in (ROOT / "mcp").glob("*.py*")] == []


def test_mcp_is_the_package_from_pypi() -> None:
    assert mcp.__file__ is not None
    assert Path(mcp.__file__).is_relative_to(sysconfig.get_path("purelib"))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "__init__.py").is_file()
    assert (ROOT / package / "py.typed").is_file()


def test_every_package_has_its_layer() -> None:
    """A package that import-linter does not know could import anything."""
    linted = set(PYPROJECT["tool"]["importlinter"]["root_packages"])
    assert {Path(package).name for package in PACKAGES} == linted


def test_imports_run_downward_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr

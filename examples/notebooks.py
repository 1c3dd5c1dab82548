"""`make notebooks`: the playground as Jupyter notebooks, each run against the demo's service."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from rich.console import Console

from examples.playground import NOTEBOOKS, VIEWS, demo_service, environment

FOLDER = Path(__file__).parents[1] / ".notebooks"
SECONDS = 300  # for a cell

console = Console(highlight=False)
nbformat: Any = import_module("nbformat")  # its functions have no types


def main() -> int:
    """Exit status 1 where a cell of one of them fails."""
    with demo_service() as service:
        failed = write(FOLDER, environment(service))
    console.print(f"{len(VIEWS) - len(failed)} of {len(VIEWS)} notebooks ran; they are in {FOLDER}")
    return 1 if failed else 0


def write(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Exports and runs all of them; those that failed, with what they said."""
    folder.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    for view in VIEWS:
        path = folder / f"{view}.ipynb"
        _export(view, path)
        try:
            _run(path, environment)
        except CellExecutionError as exc:
            console.print(str(exc), markup=False)
            failed.append(f"{view}: {exc}")
    return failed


def _export(view: str, path: Path) -> None:
    command = [sys.executable, "-m", "marimo", "export", "ipynb", NOTEBOOKS / f"{view}.py"]
    subprocess.run([*command, "--output", path, "--force"], check=True, capture_output=True)


def _run(path: Path, environment: Mapping[str, str]) -> None:
    """In place, as Jupyter would. Raises `CellExecutionError`."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3")
    try:
        client.execute(env=dict(environment))
    finally:
        nbformat.write(notebook, path)


if __name__ == "__main__":
    sys.exit(main())

"""`make playground`: the notebooks in marimo's editor, on the demo's handbook."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from benchmarks.service import Running, data_folder, running
from examples.demo import HANDBOOK, KNOWLEDGE_BASE, add, language_model

NOTEBOOKS = Path(__file__).parents[1] / "playground" / "notebooks"
VIEWS = ("ask", "chunk", "tune", "evaluate")


def main() -> int:
    """Goes on until marimo is stopped."""
    console = Console(highlight=False)
    with demo_service() as service:
        console.print(f"kb up serves {service.url}; the same views are at {service.url}/playground")
        console.print("The key to sign in with: " + service.api_key, soft_wrap=True)
        done = subprocess.run(editor(*sys.argv[1:]), env=environment(service), check=False)
    return done.returncode


def editor(*options: str) -> list[str]:
    """marimo on all notebooks; it asks nobody whether there is a newer one."""
    marimo = [sys.executable, "-m", "marimo", "--quiet", "edit", "--skip-update-check"]
    return [*marimo, *options, str(NOTEBOOKS)]


@contextmanager
def demo_service() -> Generator[Running]:
    """`kb up` with the handbook and a language model, until this is left."""
    data_dir = data_folder("demo")
    add(KNOWLEDGE_BASE, HANDBOOK, {**os.environ, "KB_DATA_DIR": str(data_dir)})
    with language_model() as llm, running(data_dir, settings=llm) as service:
        yield service


def environment(service: Running) -> dict[str, str]:
    """What a notebook finds the service by."""
    return {**os.environ, "KB_URL": service.url, "KB_API_KEY": service.api_key}


if __name__ == "__main__":
    sys.exit(main())

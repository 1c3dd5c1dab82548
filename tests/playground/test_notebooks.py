"""The notebooks for Jupyter: exported and executed, every cell of them."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

from playwright.async_api import Browser, Error, expect

from benchmarks.service import Running
from examples.notebooks import write
from examples.playground import NOTEBOOKS, VIEWS, editor, environment
from tests.playground.person import PATIENCE
from tests.playground.served import Served

expect.set_options(timeout=PATIENCE)


def settings(served: Served) -> dict[str, str]:
    """What `make playground` and `make notebooks` set."""
    own = environment(Running(served.url, served.key))
    return {**own, "KB_DATA_DIR": str(served.up.data_dir)}


def test_every_notebook_runs_in_jupyter(served: Served, tmp_path: Path) -> None:
    assert write(tmp_path, settings(served)) == []
    said = (tmp_path / "ask.ipynb").read_text()
    assert "Passage 1" in said  # it asked, and has an answer
    for view in VIEWS:
        notebook = json.loads((tmp_path / f"{view}.ipynb").read_text())
        assert any(one.get("outputs") for one in notebook["cells"]), view
        assert served.key not in json.dumps(notebook)


def test_marimo_finds_nothing_wrong_with_the_notebooks() -> None:
    command = [sys.executable, "-m", "marimo", "check", *NOTEBOOKS.glob("*.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_the_editor_shows_the_notebook_on_the_knowledge_base(
    served: Served, browser: Browser
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = editor("--headless", "--no-token", "--port", port)
    with subprocess.Popen(command, env=settings(served)) as process:
        try:
            context = await browser.new_context()
            context.set_default_timeout(PATIENCE)
            page = await context.new_page()
            foreign: list[str] = []
            own = (f"http://127.0.0.1:{port}", f"http://localhost:{port}", "data:", "blob:")
            page.on(
                "request",
                lambda one: None if one.url.startswith(own) else foreign.append(one.url),
            )
            while True:
                try:
                    await page.goto(f"http://127.0.0.1:{port}/?file=ask.py")
                    break
                except Error:  # it does not listen yet
                    assert process.poll() is None
                    await asyncio.sleep(0.2)
            base = page.get_by_label("Knowledge base")
            await expect(base).to_have_value("handbook")
            assert foreign == []
            await context.close()
        finally:
            process.terminate()

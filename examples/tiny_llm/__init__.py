"""A language model of 0.6 million parameters on llama.cpp's own server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MODEL = Path(__file__).with_name("tiny-tool-model.gguf")
ROOT = Path(__file__).parents[2]


class NotServed(Exception):
    """The model's server did not start; what it printed says why."""


@contextmanager
def serving() -> Generator[str]:
    """The server, in a process of its own: what KB_LLM_URL is to be. Raises `NotServed`."""
    with subprocess.Popen(
        [sys.executable, "-m", "examples.tiny_llm.serve", MODEL],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            origin = process.stdout.readline().strip()
            if not origin:
                raise NotServed
            yield f"{origin}/v1"
        finally:
            process.kill()

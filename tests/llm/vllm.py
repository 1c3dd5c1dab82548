"""The tiny model on vLLM, where that is installed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.kb.programs import eventually

PROGRAM = "KB_TEST_VLLM"
CHECKPOINT = "KB_TEST_VLLM_MODEL"
LOADS_SECONDS = 600


class VllmMissing(Exception):
    """Set KB_TEST_VLLM to the program `vllm`, and KB_TEST_VLLM_MODEL to the folder that
    `python -m examples.tiny_llm.train.train` wrote."""


@contextmanager
def serving(log: Path) -> Generator[str]:
    """Its base URL. Raises `VllmMissing`."""
    try:
        program, checkpoint = os.environ[PROGRAM], os.environ[CHECKPOINT]
    except KeyError as exc:
        raise VllmMissing from exc
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "serve", checkpoint, "--host", "127.0.0.1", "--port", str(port)]
    options = "--served-model-name tiny --dtype float32 --max-model-len 4096 --enforce-eager"
    calling = "--enable-auto-tool-choice --tool-call-parser hermes"
    calm = ["--override-generation-config", '{"temperature": 0}']
    quiet = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*command, *options.split(), *calling.split(), *calm],
            env={**os.environ, **quiet},
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            eventually(lambda: _answers(process, port, log), seconds=LOADS_SECONDS)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def _answers(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    if process.poll() is not None:
        sys.stderr.write(log.read_text("utf-8"))
        raise AssertionError("vLLM ended; what it printed is above.")
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).is_success
    except httpx.TransportError:
        return False

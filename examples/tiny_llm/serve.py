"""Serves the model until its standard input ends: `python -m examples.tiny_llm.serve MODEL`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

CONTEXT = 4096  # tokens of one request
AT_ONCE = 4


def serve(model: Path) -> None:
    """Prints where it listens once it does."""
    llama: Any = import_module("xllamacpp")  # it has no types
    params = llama.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.n_parallel = CONTEXT * AT_ONCE, AT_ONCE
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.sampling.temp = 0.0
    params.ui = False
    params.verbosity = 0
    server = llama.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))

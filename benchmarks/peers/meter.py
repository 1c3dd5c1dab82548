"""Notes when onnxruntime computes and on how many tokens; the same for every system compared.

Needs onnxruntime only: it is imported in environments that have nothing else of ours.
"""
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any


def meter(path: Path) -> None:
    """Have every run of a model append a line: when it began, when it ended, texts, tokens, padded.

    The first line is this process's id. Times are of a clock that all processes share.
    """
    session: Any = import_module("onnxruntime").InferenceSession
    run = session.run
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(log, f"{os.getpid()}\n".encode())

    def metered(self: Any, names: Any, inputs: dict[str, Any], *more: Any) -> Any:
        began = monotonic()
        found = run(self, names, inputs, *more)
        ended = monotonic()
        mask = inputs["attention_mask"]
        line = f"{began} {ended} {len(mask)} {int(mask.sum())} {mask.size}\n"
        os.write(log, line.encode())  # one call, so lines of several threads do not mix
        return found

    session.run = metered

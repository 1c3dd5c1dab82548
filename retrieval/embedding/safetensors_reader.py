"""Tensors out of a safetensors file, without torch or the safetensors package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
from numpy.typing import NDArray

DTYPES = {"F32": "<f4", "F16": "<f2"}
"""The floating types numpy has; the file's other tensors are position counters nobody reads."""


class _Entry(TypedDict):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def read_tensors(path: Path) -> dict[str, NDArray[np.floating]]:
    """Every F32 and F16 tensor by name, mapped read-only: memory is used as each one is touched.

    The layout is 8 bytes of header length (little-endian), the header as JSON, then the tensors'
    bytes (https://github.com/huggingface/safetensors#format).
    """
    with path.open("rb") as file:
        header_length = int.from_bytes(file.read(8), "little")
        header = cast(dict[str, _Entry], json.loads(file.read(header_length)))
    return {
        name: np.memmap(
            path,
            dtype=DTYPES[entry["dtype"]],
            mode="r",
            offset=8 + header_length + entry["data_offsets"][0],
            shape=tuple(entry["shape"]),
        )
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] in DTYPES
    }

"""Named SQL queries, kept in a `.sql` file beside the Python that calls them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import LiteralString, cast

NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
FOR_READERS = re.compile(r"\s*(?:--.*)?\n\s*")  # comments to the end of a line, and indentation


def load_queries(path: Path) -> dict[str, LiteralString]:
    """The queries of a file by name; each follows a line `-- name: what_it_does`.

    They come without their closing semicolon, so that they can be part of a longer text, and
    without what is for readers alone: it would be sent and read each time.
    """
    _, *parts = NAME.split(path.read_text())
    # Our own files are as trustworthy as string literals, which is what psycopg asks for.
    return {
        name: cast("LiteralString", FOR_READERS.sub("\n", body).strip().removesuffix(";"))
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }

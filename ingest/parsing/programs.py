"""Programs outside Python that some formats need, and where they are.

Both are loaded as libraries into the confined child that parses, not run as programs: so they are
under every restriction that holds for parsers, and end with the child.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Where each is, or None where it is not installed."""

    libreoffice: str | None = None
    """Its folder of programs. It reads DOC, PPT and RTF."""
    tesseract: str | None = None
    """Its library. It reads pictures of text."""

    def folders(self) -> Iterator[Path]:
        """What must be readable for them beyond the system's libraries."""
        if self.libreoffice is None:
            return
        root = Path(self.libreoffice).parent
        yield root
        yield Path("/etc/fonts")
        # Debian keeps these elsewhere and leaves links.
        for link in ("share/registry", "share/prereg/bundled", "share/uno_packages/cache"):
            yield (root / link).resolve()


def find() -> Programs:
    """The programs on this system."""
    return Programs(libreoffice=_libreoffice(), tesseract=find_library("tesseract"))


def _libreoffice() -> str | None:
    command = shutil.which("soffice") or shutil.which("libreoffice")
    folder = Path(command).resolve().parent if command else None
    return str(folder) if folder and (folder / "fundamentalrc").exists() else None

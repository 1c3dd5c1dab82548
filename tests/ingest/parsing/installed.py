"""Programs that some formats need. Where there is CI, they have to be there."""

from __future__ import annotations

import os

import pytest

from ingest.parsing.programs import Programs, find

FOUND: Programs = find()
_CI = bool(os.environ.get("CI"))
needs_libreoffice = pytest.mark.skipif(
    FOUND.libreoffice is None and not _CI, reason="LibreOffice is not installed"
)
needs_tesseract = pytest.mark.skipif(
    FOUND.tesseract is None and not _CI, reason="Tesseract is not installed"
)

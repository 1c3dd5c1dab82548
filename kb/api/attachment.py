"""Files to download, under a name that no browser or shell takes for anything else."""

from __future__ import annotations

import re
from urllib.parse import quote


def attachment(name: str, *, otherwise: str = "document") -> dict[str, str]:
    """Headers that have a response saved under the last part of the name, and never shown.

    What comes from a user must not run as a page of ours, whatever is in it.
    """
    last = name.rsplit("/", 1)[-1].lstrip(". ") or otherwise
    # RFC 6266: the plain form for old clients, the other for all characters there are.
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", last)
    return {
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(last)}",
        "x-content-type-options": "nosniff",
    }

"""Rewrites a PPTX for its reader: safely unpacked, without pictures, alternatives decided."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from ingest.parsing.members import Members, members
from ingest.parsing.trees import xml_bytes, xml_tree

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_ALTERNATIVES = b"AlternateContent"


def readable(data: bytes) -> bytes:
    """The same presentation as a ZIP whose members all have been bounded, and are not packed.

    Raises what `members` raises. Pictures and the like stay as empty members, because relations
    name them; python-pptx does not look into them.
    """
    result = io.BytesIO()
    with members(data) as opened, zipfile.ZipFile(result, "w") as target:
        for path in opened.paths:
            target.writestr(path, _part(opened, path))
    return result.getvalue()


def _part(opened: Members, path: str) -> bytes:
    if not path.endswith((".xml", ".rels")):
        return b""
    content = opened.read(path)
    if path.startswith("ppt/slides/") and _ALTERNATIVES in content:
        return _decided(content)
    return content


def _decided(content: bytes) -> bytes:
    """The slide with what newer programs show where there is a choice; python-pptx skips both."""
    root = xml_tree(content)
    for choice in list(root.iter(f"{_MC}AlternateContent")):
        chosen: list[Any] = list(choice.findall(f"{_MC}Choice/*"))
        parent = choice.getparent()
        if parent is not None:
            index = parent.index(choice)
            parent[index : index + 1] = chosen
    return xml_bytes(root)

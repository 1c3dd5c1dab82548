"""Bounds on markup, checked before a tree is built of it: within this process nothing can stop
libxml2, which takes quadratic time over the attributes of one element.

lxml has no type stubs; nothing of it leaves this file.
"""
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from lxml import etree

from ingest.sources.errors import ResponseTooLarge

_ELEMENTS = 500_000  # of a file; each takes some hundred bytes in a tree
_ATTRIBUTES = 1_000  # of one element


def check_markup(data: bytes, kind: Literal["html", "xml"]) -> None:
    """Read the markup without building a tree. Raises ResponseTooLarge past either bound.

    It is the same parser that builds the tree, so both see the same elements. What it cannot read
    is not reported here.
    """
    if kind == "html":
        parser = etree.HTMLParser(target=_Counter(), encoding="utf-8", no_network=True)
    else:
        parser = etree.XMLParser(target=_Counter(), resolve_entities=False, no_network=True)
    try:
        parser.feed(data)
        parser.close()
    except etree.LxmlError:
        return


class _Counter:
    """What lxml tells of each element."""

    def __init__(self) -> None:
        self._elements = 0

    def start(self, _tag: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        if self._elements > _ELEMENTS:
            raise ResponseTooLarge(f"It has more than {_ELEMENTS} elements.")
        if len(attributes) > _ATTRIBUTES:
            raise ResponseTooLarge(f"An element has more than {_ATTRIBUTES} attributes.")

    def close(self) -> None:
        """Asked for by lxml."""

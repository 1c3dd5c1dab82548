"""XML and HTML trees through lxml, set up for hostile input: no entities, no network.

lxml has no type stubs; what it returns is `Any`, here and nowhere else by inference.
"""
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false

from __future__ import annotations

import re
from typing import Any

from lxml import etree, html

TreeError: type[Exception] = etree.LxmlError
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def xml_tree(data: bytes) -> Any:
    """The root of an XML file; its entities stay unresolved."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    return etree.fromstring(data, parser)


def xml_bytes(root: Any) -> bytes:
    """The tree as an XML file."""
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def element(tag: str, **attributes: str) -> Any:
    """A new element; a keyword names an attribute in the namespace of the tag."""
    namespace = tag[: tag.rfind("}") + 1]
    return etree.Element(tag, {f"{namespace}{name}": value for name, value in attributes.items()})


def local_name(node: Any) -> str:
    """The element's name without its namespace."""
    return etree.QName(node).localname


def html_tree(text: str) -> Any:
    """The root of an HTML page, comments left out; None where there is nothing in it.

    Characters that XML does not have are left out too, written as they are or by their number: lxml
    reads them and then refuses to move them.
    """
    parser = html.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = html.document_fromstring(text.encode(), parser=parser)
    except etree.ParserError:
        return None
    for node in elements(root):
        node.text, node.tail = _in_xml(node.text), _in_xml(node.tail)
    return root


def html_text(root: Any) -> str:
    """The tree as HTML."""
    return etree.tostring(root, encoding="unicode", method="html")


def elements(root: Any) -> list[Any]:
    """Every element from the root down, in order, as a list that outlives changes to the tree."""
    return list(root.iter(etree.Element))


def _in_xml(text: str | None) -> str | None:
    return text and _NOT_XML.sub("", text)

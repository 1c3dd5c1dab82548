"""EPUB: the chapters of a book in reading order, each through the HTML parser."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ingest.parsing import html
from ingest.parsing.composer import Composer
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import CorruptDocument, EmptyDocument, EncryptedDocument
from ingest.parsing.members import Members, members, shown_path
from ingest.parsing.trees import TreeError, elements, html_text, local_name, xml_tree

_OPF = "{http://www.idpf.org/2007/opf}"
_NCX = "{http://www.daisy.org/z3986/2005/ncx/}"
_XHTML = "{http://www.w3.org/1999/xhtml}"
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_NCX_TYPE = "application/x-dtbncx+xml"
_CHAPTER_TYPES = frozenset(
    {"application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml"}
)
# On a web page these are furniture; in a book, notes and chapter headings stand in them.
_FURNITURE = re.compile(rb"(</?)(?:aside|footer|header)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Item:
    """A file of the book, as its package lists it."""

    path: str
    media_type: str
    is_navigation: bool


def parse(data: bytes) -> ParsedDocument:
    """Read an EPUB of any version. It has no pages.

    A chapter without a heading of its own gets the one that the table of contents has for it.
    Raises EncryptedDocument for a book under copy protection.
    """
    try:
        with members(data) as opened:
            return _read(opened)
    except (TreeError, RecursionError) as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc


def _read(opened: Members) -> ParsedDocument:
    package_path = _package_path(opened)
    package = xml_tree(opened.read(package_path))
    folder = posixpath.dirname(package_path)
    items = {item.get("id", ""): _item(item, folder) for item in package.iter(f"{_OPF}item")}
    order = [reference.get("idref") for reference in package.iter(f"{_OPF}itemref")]
    spine = list(dict.fromkeys(items[item] for item in order if item in items))
    _refuse_protected(opened, {item.path for item in spine})
    labels = _labels(opened, items.values())
    composer = Composer()
    for item in spine:
        if item.media_type not in _CHAPTER_TYPES or item.is_navigation:
            continue
        try:
            chapter = html.parse(_page(opened.read(item.path)))
        except EmptyDocument:
            continue  # a cover, or a plate without a caption
        if label := _missing_heading(chapter, labels.get(item.path)):
            composer.add("heading", label, level=1)
            composer.nest(chapter, below=1)
        else:
            composer.nest(chapter, below=0)
    return composer.finish(title=package.findtext(f".//{_DC_TITLE}"))


def _package_path(opened: Members) -> str:
    root = xml_tree(opened.read(_CONTAINER))
    for node in root.iter("{*}rootfile"):
        if path := node.get("full-path"):
            return shown_path(path)
    raise CorruptDocument("Its container names no package.")


def _item(node: Any, folder: str) -> _Item:
    return _Item(
        path=_resolve(folder, node.get("href", "")),
        media_type=node.get("media-type", "").lower(),
        is_navigation="nav" in node.get("properties", "").split(),
    )


def _resolve(folder: str, link: str) -> str:
    """The path in the ZIP that a link from a file in this folder leads to."""
    path = unquote(link.partition("#")[0])
    return shown_path(posixpath.normpath(posixpath.join(folder, path)))


def _refuse_protected(opened: Members, chapters: set[str]) -> None:
    """Fonts are scrambled in many open books; a scrambled chapter means copy protection."""
    listing = opened.find(_ENCRYPTION)
    if listing is None:
        return
    for node in xml_tree(opened.read(listing)).iter("{*}CipherReference"):
        if _resolve("", node.get("URI", "")) in chapters:
            raise EncryptedDocument("The book is under copy protection.")


def _page(data: bytes) -> bytes:
    """A chapter as a page of HTML. It is XML by rights, where `<title/>` is a whole element."""
    try:
        root = xml_tree(data)
    except TreeError:
        page = data
    else:
        for node in elements(root):
            node.tag = local_name(node)  # else `<br/>` is written as two tags, and read as two
        page = html_text(root).encode()
    return _FURNITURE.sub(rb"\1div", page)


def _missing_heading(chapter: ParsedDocument, label: str | None) -> str | None:
    """The label to head a chapter with, or None where it has a heading, or there is no label."""
    if any(block.kind == "heading" for block in chapter.blocks):
        return None
    return label


def _labels(opened: Members, items: Iterable[_Item]) -> dict[str, str]:
    """What the table of contents calls each file: the first entry that leads to it."""
    labels: dict[str, str] = {}
    for item in items:
        if not (item.is_navigation or item.media_type == _NCX_TYPE):
            continue
        if opened.find(item.path) is None:
            continue
        folder = posixpath.dirname(item.path)
        try:
            root = xml_tree(opened.read(item.path))
        except TreeError:
            continue  # the labels are an extra; the book can be read without them
        entries = _ncx_entries(root) if local_name(root) == "ncx" else _nav_entries(root)
        for link, label in entries:
            labels.setdefault(_resolve(folder, link), label)
    return labels


def _ncx_entries(root: Any) -> Iterator[tuple[str, str]]:
    for point in root.iter(f"{_NCX}navPoint"):
        content = point.find(f"{_NCX}content")
        label = point.findtext(f"{_NCX}navLabel/{_NCX}text")
        if content is not None and label:
            yield content.get("src", ""), label


def _nav_entries(root: Any) -> Iterator[tuple[str, str]]:
    for link in root.iter(f"{_XHTML}a"):
        yield link.get("href", ""), "".join(link.itertext())

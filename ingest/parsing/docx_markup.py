"""Rewrites a DOCX so that what its usual readers pass over stands where they will read it.

Content controls, tracked insertions, text boxes, equations, notes and headings by outline level are
all text to a person; python-docx, and `unstructured` above it, see only plain runs in the body.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

from ingest.parsing.errors import DocumentTooLarge
from ingest.parsing.trees import element as new_element
from ingest.parsing.trees import local_name, xml_bytes, xml_tree

MAX_MEMBERS = 10_000
MAX_INFLATED = 512 * 1024 * 1024  # declared sizes; zipfile reads no more than what is declared
_MAX_XML = 128 * 1024 * 1024

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")  # ISO/IEC 29500-1, annex A

_TRANSPARENT = [f"{_W}{name}" for name in ("ins", "moveTo", "smartTag", "customXml", "fldSimple")]
_REMOVED = [f"{_W}{name}" for name in ("del", "moveFrom", "sdtPr", "sdtEndPr", "customXmlPr")]
_HEADING_NAME = re.compile(r"heading [1-9]|title|subtitle", re.IGNORECASE)


def readable(data: bytes) -> bytes:
    """The same document as bytes of a DOCX in plain transitional markup, without its pictures."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(result, "w") as target:
        members = source.infolist()
        if len(members) > MAX_MEMBERS or sum(m.file_size for m in members) > MAX_INFLATED:
            raise DocumentTooLarge("Unpacked, it is over 512 MiB or 10,000 parts.")
        names = {member.filename for member in members}
        for member in members:
            name = member.filename
            if not name.endswith((".xml", ".rels")):
                content = b""  # pictures and embedded files: named by relations, never read
            elif member.file_size > _MAX_XML:
                raise DocumentTooLarge(f"{name} is over 128 MiB.")
            else:
                content = _transitional(source.read(member))
            if name == "word/document.xml":
                notes = [
                    _transitional(source.read(part))
                    for part in ("word/footnotes.xml", "word/endnotes.xml")
                    if part in names
                ]
                styles = "word/styles.xml" in names and source.read("word/styles.xml")
                content = _rewrite(content, notes, _transitional(styles or b""))
            target.writestr(name, content)
    return result.getvalue()


def _transitional(xml: bytes) -> bytes:
    return _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", xml)


def _rewrite(document: bytes, notes: list[bytes], styles: bytes) -> bytes:
    root = xml_tree(document)
    body = root.find(f"{_W}body")
    if body is None:
        return document
    for note in notes:
        _append_notes(body, xml_tree(note))
    for choice in list(root.iter(f"{_MC}AlternateContent")):
        _replace(choice, list(choice.findall(f"{_MC}Choice/*")))
    for element in list(root.iter(*_REMOVED)):
        _replace(element, [])
    for element in list(root.iter(f"{_W}sdt")):
        _replace(element, list(element.findall(f"{_W}sdtContent/*")))
    for element in list(root.iter(*_TRANSPARENT)):
        _replace(element, list(element))
    for element in list(root.iter(f"{_M}oMathPara")):
        _replace(element, list(element.iter(f"{_M}oMath")))
    for element in list(root.iter(f"{_M}oMath")):
        run, text = new_element(f"{_W}r"), new_element(f"{_W}t")
        text.text = _linear(element)
        run.append(text)
        _replace(element, [run])
    for box in list(root.iter(f"{_W}txbxContent")):
        _move_behind_paragraph(box)
    if styles:
        _name_headings(root, xml_tree(styles))
    return xml_bytes(root)


def _replace(element: Any, by: list[Any]) -> None:
    parent = element.getparent()
    if parent is None:
        return
    index = parent.index(element)
    parent.remove(element)
    for offset, child in enumerate(by):
        parent.insert(index + offset, child)


def _move_behind_paragraph(box: Any) -> None:
    paragraph = next(box.iterancestors(f"{_W}p"), None)
    if paragraph is not None:
        for child in reversed(list(box)):
            paragraph.addnext(child)


def _append_notes(body: Any, notes: Any) -> None:
    last = body[-1] if len(body) and body[-1].tag == f"{_W}sectPr" else None
    for note in notes:
        if note.get(f"{_W}type", "normal") == "normal":
            for paragraph in list(note):
                if last is not None:
                    last.addprevious(paragraph)
                else:
                    body.append(paragraph)


def _linear(element: Any) -> str:
    """An equation as one line, near to what one would type."""

    def part(name: str) -> str:
        found = element.find(f"{_M}{name}")
        return "" if found is None else _linear(found)

    def grouped(text: str) -> str:
        return text if len(text) < 2 else f"({text})"

    name = local_name(element)
    if name == "t":
        return element.text or ""
    if name == "nary":
        sign = element.find(f"{_M}naryPr/{_M}chr")
        char = "∫" if sign is None else sign.get(f"{_M}val", "")
        return f"{char}_{grouped(part('sub'))}^{grouped(part('sup'))} {part('e')}"
    forms = {
        "f": lambda: f"{grouped(part('num'))}/{grouped(part('den'))}",
        "sSup": lambda: f"{part('e')}^{grouped(part('sup'))}",
        "sSub": lambda: f"{part('e')}_{grouped(part('sub'))}",
        "rad": lambda: f"√{grouped(part('e'))}",
        "d": lambda: f"({', '.join(_linear(child) for child in element.findall(f'{_M}e'))})",
    }
    if name in forms:
        return forms[name]()
    return "".join(_linear(child) for child in element if isinstance(child.tag, str))


def _name_headings(root: Any, styles: Any) -> None:
    """Give paragraphs with an outline level the built-in heading style of that level."""
    names: dict[str, str] = {}
    based_on: dict[str, str] = {}
    levels: dict[str, str] = {}
    for style in styles.iter(f"{_W}style"):
        key = style.get(f"{_W}styleId", "")
        names[key] = _value(style, "name") or ""
        based_on[key] = _value(style, "basedOn") or ""
        if level := _value(style, f"pPr/{_W}outlineLvl"):
            levels[key] = level
    builtin = {name.lower(): key for key, name in names.items()}

    def level_of(style: str) -> str | None:
        seen: set[str] = set()
        while style and style not in seen:
            if style in levels:
                return levels[style]
            seen.add(style)
            style = based_on.get(style, "")
        return None

    for properties in root.iter(f"{_W}pPr"):
        style = _value(properties, "pStyle") or ""
        if _HEADING_NAME.fullmatch(names.get(style, "")):
            continue
        level = _value(properties, "outlineLvl") or level_of(style)
        if not level or not level.isdecimal() or int(level) > 8:
            continue
        if heading := builtin.get(f"heading {int(level) + 1}"):
            for old in properties.findall(f"{_W}pStyle"):
                properties.remove(old)
            properties.insert(0, new_element(f"{_W}pStyle", val=heading))


def _value(element: Any, path: str) -> str | None:
    found = element.find(f"{_W}{path}")
    return None if found is None else found.get(f"{_W}val")

"""A volume as a Word document with real headings, lists and tables."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from zipfile import ZipFile, ZipInfo

from docx import Document
from docx.document import Document as DocxDocument
from docx.enum.style import WD_STYLE_TYPE
from docx.shared import Cm
from docx.text.paragraph import Paragraph as DocxParagraph

from examples.handbook_writers import docx_xml
from examples.handbook_writers.blocks import (
    Block,
    Code,
    Heading,
    Line,
    Listing,
    Paragraph,
    Table,
    Volume,
)

DATE = datetime(2026, 3, 1)  # noqa: DTZ001 - python-docx takes a naive time and calls it UTC
TABLE_STYLES = {"Normal Table", "Table Grid"}


def write(volume: Volume) -> bytes:
    document = _blank(volume.title)
    for block in volume.blocks:
        _add(document, block)
    return _repeatable(document)


def _blank(title: str) -> DocxDocument:
    """An A4 document without the template's hundred unused table styles, which are most of it."""
    document = Document()
    for style in list(document.styles):
        if style.type == WD_STYLE_TYPE.TABLE and style.name not in TABLE_STYLES:
            style.delete()
    for rel_id, relation in list(document.part.rels.items()):
        if relation.reltype.endswith("/stylesWithEffects"):
            document.part.rels.pop(rel_id)
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.4)
    footer = section.footer.paragraphs[0]
    footer.add_run(f"{title}  |  Page ")
    docx_xml.add_page_number(footer)
    properties = document.core_properties
    properties.title, properties.author = title, "Brannock Ridge Observatory"
    properties.last_modified_by, properties.comments = "kb examples", ""
    properties.created = properties.modified = DATE
    return document


def _add(document: DocxDocument, block: Block) -> None:
    match block:
        case Heading(level, text):
            document.add_heading(text, level=level)
        case Paragraph(line):
            _line(document.add_paragraph(), line)
        case Listing(True, items):
            number = docx_xml.new_numbering(document)
            for item in items:
                paragraph = document.add_paragraph(style="List Number")
                docx_xml.set_numbering(paragraph, number)
                _line(paragraph, item)
        case Listing(_, items):
            for item in items:
                _line(document.add_paragraph(style="List Bullet"), item)
        case Table(header, rows):
            _table(document, header, rows)
        case Code(text):
            run = document.add_paragraph(style="No Spacing").add_run(text)
            run.font.name = "Courier New"


def _table(document: DocxDocument, header: Sequence[Line], rows: Sequence[Sequence[Line]]) -> None:
    table = document.add_table(rows=0, cols=len(header), style="Table Grid")
    for row in (header, *rows):
        for cell, line in zip(table.add_row().cells, row, strict=True):
            _line(cell.paragraphs[0], line)
    for cell in table.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True
    docx_xml.repeat_first_row(table)
    document.add_paragraph()


def _line(paragraph: DocxParagraph, line: Line) -> None:
    for span in line:
        run = paragraph.add_run(span.text)
        run.bold, run.italic = span.style == "bold" or None, span.style == "italic" or None
        if span.style == "code":
            run.font.name = "Courier New"


def _repeatable(document: DocxDocument) -> bytes:
    """The saved bytes without the time of saving. Stored: zlib's output differs between builds."""
    saved, result = BytesIO(), BytesIO()
    document.save(saved)
    with ZipFile(saved) as source, ZipFile(result, "w") as target:
        for name in source.namelist():
            target.writestr(ZipInfo(name), source.read(name))
    return result.getvalue()

"""The few things Word documents need that python-docx can only say in XML."""
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# python-docx leaves its XML layer untyped and private; nothing untyped leaves this file.

from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.table import Table
from docx.text.paragraph import Paragraph


def add_page_number(paragraph: Paragraph) -> None:
    paragraph._p.append(
        parse_xml(
            f'<w:fldSimple {nsdecls("w")} w:instr="PAGE"><w:r><w:t>1</w:t></w:r></w:fldSimple>'
        )
    )


def repeat_first_row(table: Table) -> None:
    """On every page that the table reaches."""
    table.rows[0]._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {nsdecls('w')}/>"))


def new_numbering(document: Document) -> int:
    """The id of a numbering that starts at one; a shared one would count on from the last list."""
    numbering = document.part.numbering_part.element
    of_style = document.styles["List Number"].element.pPr.numPr.numId.val
    shape = numbering.num_having_numId(of_style).abstractNumId.val
    fresh = numbering.add_num(shape)
    fresh.add_lvlOverride(ilvl=0).add_startOverride(1)
    return int(fresh.numId)


def set_numbering(paragraph: Paragraph, number: int) -> None:
    paragraph._p.get_or_add_pPr().get_or_add_numPr().get_or_add_numId().val = number

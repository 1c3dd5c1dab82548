"""A volume as a printed A4 document with a text layer, an outline and numbered pages."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fpdf import FPDF, FontFace

from examples.handbook_writers.blocks import (
    Block,
    Code,
    Heading,
    Line,
    Listing,
    Paragraph,
    Table,
    Volume,
    plain,
)

DATE = datetime(2026, 3, 1, tzinfo=UTC)
SIZES = {1: 22, 2: 16, 3: 12.5}
EMPHASIS = {"plain": "", "bold": "B", "italic": "I", "code": ""}
LEADING = 5.4  # millimetres between lines of 11-point text


def write(volume: Volume) -> bytes:
    document = Pages(volume.title)
    for block in volume.blocks:
        document.add(block)
    return bytes(document.output())


class Pages(FPDF):
    """The growing document: each block moves the pen down the page."""

    def __init__(self, title: str) -> None:
        super().__init__(format="A4")
        # Uncompressed, because zlib's output differs between builds and this file is compared.
        self.set_compression(False)
        self.set_creation_date(DATE)
        self.set_producer("kb examples")
        self.set_title(title)
        self.set_lang("en")
        self.set_margins(24, 22, 24)
        self.set_auto_page_break(True, margin=24)
        self.c_margin = 0
        self.set_draw_color(150)
        self.add_page()
        self.set_font("Helvetica", size=11)

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", size=9)
        self.set_text_color(90)
        self.cell(w=0, text=f"{self.title}  |  Page {self.page_no()} of {{nb}}", align="C")
        self.set_text_color(0)

    def add(self, block: Block) -> None:
        match block:
            case Heading(level, text):
                self._heading(level, text)
            case Paragraph(line):
                if plain(line).endswith(":"):
                    self._keep_together(36)  # it announces the block below
                self._line(line)
                self.ln(LEADING + 2.6)
            case Listing(ordered, items):
                for n, item in enumerate(items, 1):
                    self._item(f"{n}." if ordered else "\xb7", item)
                self.ln(1.6)
            case Table(header, rows):
                self._table([[plain(cell) for cell in row] for row in (header, *rows)])
            case Code(text):
                self._code(text)

    def _keep_together(self, height: float) -> None:
        if self.will_page_break(height):
            self.add_page()

    def _heading(self, level: int, text: str) -> None:
        self._keep_together(54 if level == 2 else 38)  # a heading never ends a page
        if level > 1:
            self.ln(6 - level)
        self.start_section(text, level=level - 1)
        self.set_font("Helvetica", "B", SIZES[level])
        self.multi_cell(
            w=0, h=SIZES[level] * 0.48, text=text, align="L", new_x="LMARGIN", new_y="NEXT"
        )
        self.set_font("Helvetica", size=11)
        self.ln(2)

    def _line(self, line: Line) -> None:
        for span in line:
            family = "Courier" if span.style == "code" else "Helvetica"
            self.set_font(family, EMPHASIS[span.style], 11)
            self.write(h=LEADING, text=span.text)
        self.set_font("Helvetica", size=11)

    def _item(self, bullet: str, item: Line) -> None:
        self._keep_together(2 * LEADING)
        left = self.l_margin
        self.cell(w=8, h=LEADING, text=bullet, align="R")
        self.set_left_margin(left + 10)
        self.set_x(left + 10)
        self._line(item)
        self.set_left_margin(left)
        self.ln(LEADING + 1)

    def _code(self, text: str) -> None:
        self._keep_together(LEADING * (text.count("\n") + 2))
        self.set_font("Courier", size=10)
        self.multi_cell(w=0, h=LEADING, text=text, align="L", new_x="LMARGIN", new_y="NEXT")
        self.set_font("Helvetica", size=11)
        self.ln(4)

    def _table(self, rows: Sequence[Sequence[str]]) -> None:
        self.set_font("Helvetica", size=10)
        widths = self._widths(rows)
        self._keep_together(30)
        with self.table(
            rows,
            align="L",
            col_widths=widths,
            width=sum(widths),
            text_align="L",
            line_height=LEADING,
            padding=(0.6, 1.5, 0.6, 1.5),
            headings_style=FontFace(emphasis="B", fill_color=(232, 236, 240)),
            v_align="T",
        ):
            pass
        self.set_font("Helvetica", size=11)
        self.ln(4.5)

    def _widths(self, rows: Sequence[Sequence[str]]) -> list[float]:
        """What each column asks for; where that is too much, the widest share what is left."""
        asked = [
            max(self.get_string_width(text) * 1.08 for text in column) + 5
            for column in zip(*rows, strict=True)
        ]
        room, open_columns = self.epw, len(asked)
        limit = room
        for width in sorted(asked):
            limit = room / open_columns
            if width > limit:
                break
            room -= width
            open_columns -= 1
            limit = width
        return [min(width, limit) for width in asked]

"""A volume as a web page, with the navigation and the footer that real pages have."""

import re
from collections.abc import Iterable
from html import escape

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

TAGS = {"bold": "strong", "italic": "em", "code": "code"}
SITE = {"Home": "/", "Visit": "/visit", "Research": "/research", "Handbook": "/handbook"}

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Brannock Ridge Observatory</title>
<style>
body {{ margin: 0 auto; max-width: 46rem; padding: 1rem; font: 1rem/1.6 Georgia, serif; }}
nav a {{ margin-right: 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ border-bottom: 1px solid #bbb; padding: 0.3rem 0.8rem 0.3rem 0; text-align: left; }}
footer {{ border-top: 1px solid #bbb; color: #555; margin-top: 3rem; }}
</style>
</head>
<body>
<nav>
{links}
</nav>
<main>
{body}
</main>
<footer>
<p>Brannock Ridge Trust, ridge road, Kettlewick. Reprinted on the first of each month.</p>
</footer>
</body>
</html>
"""


def write(volume: Volume) -> bytes:
    return PAGE.format(
        title=escape(volume.title),
        links="\n".join(f'<a href="{href}">{name}</a>' for name, href in SITE.items()),
        body="\n".join(_block(block) for block in volume.blocks),
    ).encode()


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            anchor = re.sub(r"\W+", "-", text.lower()).strip("-")
            return f'<h{level} id="{anchor}">{escape(text, quote=False)}</h{level}>'
        case Paragraph(line):
            return f"<p>{_line(line)}</p>"
        case Listing(ordered, items):
            tag = "ol" if ordered else "ul"
            lines = "\n".join(f"<li>{_line(item)}</li>" for item in items)
            return f"<{tag}>\n{lines}\n</{tag}>"
        case Table(header, rows):
            body = "\n".join(_row(row, "td") for row in rows)
            return (
                f"<table>\n<thead>\n{_row(header, 'th')}\n</thead>\n"
                f"<tbody>\n{body}\n</tbody>\n</table>"
            )
        case Code(text):
            return f"<pre><code>{escape(text, quote=False)}</code></pre>"


def _row(cells: Iterable[Line], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_line(cell)}</{tag}>" for cell in cells) + "</tr>"


def _line(line: Line) -> str:
    return "".join(
        f"<{TAGS[span.style]}>{escape(span.text, quote=False)}</{TAGS[span.style]}>"
        if span.style in TAGS
        else escape(span.text, quote=False)
        for span in line
    )

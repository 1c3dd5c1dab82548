"""An e-mail as a document, whichever file format it came in: subject, people, text, attachments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ingest.parsing import html, plain_text
from ingest.parsing.composer import Composer
from ingest.parsing.document import ParsedDocument
from ingest.parsing.enclosed import Enclosed
from ingest.parsing.errors import EmptyDocument, ParseError
from ingest.parsing.members import shown_path
from ingest.parsing.outline import MAX_TITLE, heading_title

_NO_SUBJECT = "(no subject)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Something attached to a mail, parsed only when it is asked for."""

    name: str
    parse: Callable[[], ParsedDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What the readers of mail formats find. Absent fields are empty."""

    subject: str
    sender: str
    to: str
    cc: str
    date: str
    """As the mail writes it."""
    bodies: Sequence[ParsedDocument]
    """Its text. Most mails have one; some have another below an attachment."""
    attachments: Sequence[Attachment]


def compose(mail: Mail) -> ParsedDocument:
    """The mail as a document, its attachments nested in it. EmptyDocument if it holds nothing."""
    subject = heading_title(mail.subject) or " ".join(mail.subject.split())[:MAX_TITLE].strip()
    people = {"From": mail.sender, "To": mail.to, "Cc": mail.cc, "Date": mail.date}
    lines = [f"{name}: {' '.join(value.split())}" for name, value in people.items() if value]
    if not (subject or lines or mail.bodies or mail.attachments):
        raise EmptyDocument("The mail has no headers, text or attachments.")
    composer = Composer()
    composer.add("heading", subject or _NO_SUBJECT, level=1)
    composer.add("paragraph", "\n".join(lines))
    for body in mail.bodies:
        composer.nest(_without_heading(body, subject), below=1)
    enclosed = Enclosed(composer, level=2)
    for attachment in mail.attachments:
        name = shown_path(attachment.name)
        enclosed.add(name, attachment.parse, heading=f"Attachment: {name}")
    enclosed.list_unread()
    return composer.finish(title=subject or None)


def text_body(text: str) -> ParsedDocument | None:
    """A body of plain text, quoted replies included; None if it is blank."""
    try:
        return plain_text.parse(text.encode(errors="replace"))
    except EmptyDocument:
        return None


def html_body(page: bytes) -> ParsedDocument | None:
    """A body of HTML; None if it shows no text or is no page at all."""
    try:
        return html.parse(page)
    except ParseError:
        return None


def _without_heading(body: ParsedDocument, subject: str) -> ParsedDocument:
    """The body without a first heading that only repeats the subject."""
    first = next(iter(body.blocks), None)
    if first is None or first.kind != "heading":
        return body
    repeats = first.section_path[-1].casefold() == subject.casefold()
    return replace(body, blocks=body.blocks[1:]) if repeats else body

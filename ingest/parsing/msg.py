"""MSG: a message as Outlook saves it, with its attachments."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from functools import partial
from typing import Any, TypeVar, cast

from olefile import OleFileIO
from oxmsg.domain import constants as c
from oxmsg.domain.model import UnrecognizedCodePageError, UnsupportedEncodingError
from oxmsg.properties import Properties
from oxmsg.storage import Storage

from ingest.parsing.budget import Budget, container
from ingest.parsing.compound import CompoundFile
from ingest.parsing.document import ParsedDocument
from ingest.parsing.eml import header, headers, refuse_encrypted
from ingest.parsing.enclosed import parse_file
from ingest.parsing.errors import (
    CorruptDocument,
    DocumentTooLarge,
    EncryptedDocument,
    UnsupportedFormat,
)
from ingest.parsing.mail import Attachment, Mail, compose, html_body, text_body

# MS-OXMSG, 2.4.1: what stands before the properties, by where the message is.
_TOP_HEADER, _EMBEDDED_HEADER, _ATTACHMENT_HEADER = 32, 24, 8
_EMBEDDED_MESSAGE = "__substg1.0_3701000D"
_DISPLAY_NAME, _DISPLAY_TO, _DISPLAY_CC = 0x3001, 0x0E04, 0x0E03
_RTF_COMPRESSED = 0x1009

# What olefile and oxmsg let out at damaged files; missing streams are KeyErrors.
_DAMAGE: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    OverflowError,
    ArithmeticError,
    RecursionError,
    EOFError,
    UnrecognizedCodePageError,
    UnsupportedEncodingError,
)
_Value = TypeVar("_Value")


def parse(data: bytes) -> ParsedDocument:
    """Read a MSG. Its plain text is preferred over HTML; what is attached is read like a file.

    Raises CorruptDocument for a damaged file and EncryptedDocument for an encrypted message.
    """
    try:
        root = _root(data)
        if _stream(root, "__properties_version1.0") is None:
            raise CorruptDocument("It holds no message.")
        return _document(root, _TOP_HEADER)
    except _DAMAGE as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc


def _root(data: bytes) -> Storage:
    CompoundFile(data)  # refuses the circles and false sizes that olefile would follow for minutes
    # As a file, because olefile takes few enough bytes for the name of one.
    ole = cast(Any, OleFileIO(io.BytesIO(data)))  # its stubs lack the list of entries
    with ole:
        sizes: list[int] = [entry.size for entry in ole.direntries if entry is not None]
        # The first is the root, whose stream holds all small ones.
        if max(sizes) > len(data) or sum(sizes[1:]) > len(data):
            raise CorruptDocument("Its streams share bytes, or run past its end.")
        return cast(Any, Storage).from_ole(ole)


def _document(storage: Storage, header_bytes: int) -> ParsedDocument:
    with container() as budget:
        budget.spend_members(1)
        message = Properties(storage, header_bytes)
        kind = _text(message, c.PID_MESSAGE_CLASS).upper()
        if kind.startswith("IPM.NOTE.SMIME") and not kind.endswith("MULTIPARTSIGNED"):
            raise EncryptedDocument("The mail is encrypted; save its text without encryption.")
        sent = headers(_text(message, c.PID_TRANSPORT_MESSAGE_HEADERS))
        refuse_encrypted(sent)
        body = _body(message)
        return compose(
            Mail(
                subject=_text(message, c.PID_SUBJECT) or header(sent, "subject"),
                sender=header(sent, "from") or _sender(message),
                to=header(sent, "to") or _text(message, _DISPLAY_TO),
                cc=header(sent, "cc") or _text(message, _DISPLAY_CC),
                date=header(sent, "date") or _date(message),
                bodies=[] if body is None else [body],
                attachments=[
                    *_rtf_only(message, body),
                    *_attachments(storage, budget),
                ],
            )
        )


def _body(message: Properties) -> ParsedDocument | None:
    if body := text_body(_text(message, c.PID_BODY)):
        return body
    page = _tried(lambda: message.binary_prop_value(c.PID_HTML), None)
    if page is None:
        return html_body(_text(message, c.PID_BODY_HTML).encode(errors="replace"))
    encoding = _tried(lambda: message.body_encoding, "utf-8")
    return html_body(_tried(lambda: page.decode(encoding).encode(), page))


def _rtf_only(message: Properties, body: ParsedDocument | None) -> Iterator[Attachment]:
    """A text that is there as RTF alone is named among what was not read."""

    def refuse() -> ParsedDocument:
        raise UnsupportedFormat("The mail has its text as RTF only; save it as HTML or text.")

    if body is None and _tried(lambda: message.binary_prop_value(_RTF_COMPRESSED), None):
        yield Attachment(name="message text", parse=refuse)


def _attachments(storage: Storage, budget: Budget) -> Iterator[Attachment]:
    for number, part in enumerate(storage.iter_attachment_storages(), 1):
        budget.spend_members(1)
        properties = Properties(part, _ATTACHMENT_HEADER)
        name = (
            _text(properties, c.PID_ATTACH_LONG_FILENAME)
            or _text(properties, c.PID_ATTACH_FILENAME)
            or _text(properties, _DISPLAY_NAME)
            or f"part {number}"
        )
        embedded = [inner for inner in part.storages if inner.name == _EMBEDDED_MESSAGE]
        if embedded:
            yield Attachment(name=name, parse=partial(_embedded, embedded[0]))
        elif not _is_shown(properties):
            yield Attachment(name=name, parse=partial(_file, properties, name, budget))


def _embedded(storage: Storage) -> ParsedDocument:
    try:
        return _document(storage, _EMBEDDED_HEADER)
    except _DAMAGE as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc


def _file(properties: Properties, name: str, budget: Budget) -> ParsedDocument:
    content = _tried(lambda: properties.binary_prop_value(c.PID_ATTACH_DATA_BINARY), None)
    if content is None:
        raise UnsupportedFormat("The mail names it and does not hold it.")
    budget.spend_bytes(len(content))
    if len(content) > budget.limits.member_bytes:
        raise DocumentTooLarge(f"The attachment has {len(content)} bytes.")
    return parse_file(content, name)


def _is_shown(attachment: Properties) -> bool:
    """Whether it is a picture in the text, as a logo below a signature is."""
    kind = _text(attachment, c.PID_ATTACH_MIME_TAG)
    hidden = _tried(lambda: attachment.int_prop_value(c.PID_ATTACHMENT_HIDDEN), None)
    return kind.startswith("image/") and bool(hidden or _text(attachment, c.PID_ATTACH_CONTENT_ID))


def _sender(message: Properties) -> str:
    name = _text(message, c.PID_SENDER_NAME) or _text(message, c.PID_SENT_REPRESENTING_NAME)
    address = _text(message, c.PID_SENDER_SMTP_ADDRESS) or _text(
        message, c.PID_SENDER_EMAIL_ADDRESS
    )
    if "@" not in address or address == name:  # else it is a path in some Exchange server
        return name or address
    return f"{name} <{address}>".strip()


def _date(message: Properties) -> str:
    sent = _tried(lambda: message.date_prop_value(c.PID_CLIENT_SUBMIT_TIME), None)
    return "" if sent is None else _tried(lambda: format_datetime(sent), "")


def _text(properties: Properties, pid: int) -> str:
    value = _tried(lambda: properties.str_prop_value(pid), None)
    return (value or "").rstrip("\0").strip()


def _tried(read: Callable[[], _Value], otherwise: _Value) -> _Value:
    """One property may be damaged without the rest of the message being so."""
    try:
        return read()
    except _DAMAGE:
        return otherwise


def _stream(storage: Storage, name: str) -> bytes | None:
    return next((stream.bytes_ for stream in storage.streams if stream.name == name), None)

"""EML: one Internet message with its attachments."""

from __future__ import annotations

import email
import email.errors
from email.message import Message
from email.policy import EmailPolicy
from functools import partial
from typing import Any, cast

from ingest.parsing.budget import Budget, container
from ingest.parsing.characters import decode
from ingest.parsing.document import ParsedDocument
from ingest.parsing.enclosed import parse_file
from ingest.parsing.errors import (
    CorruptDocument,
    DocumentTooLarge,
    EncryptedDocument,
    UnsupportedFormat,
)
from ingest.parsing.mail import Attachment, Mail, compose, html_body, text_body

_MAX_HEADER = 10_000  # characters; decoding a header takes time by the square of its length
_ENVELOPED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_BODIES = ("text/plain", "text/html")
_ALTERNATIVES = ("text/html", "text/calendar")  # an invitation is no version of the text beside it
_SIGNATURES = (
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "application/pgp-signature",
)

# What the standard library's header and body decoders let out at odd input.
_FAULTS: tuple[type[Exception], ...] = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    RecursionError,
    email.errors.MessageError,
)


class _Lenient(EmailPolicy):
    """Decodes headers as the standard library does; overlong and broken ones stay as they are."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        raw = "".join(value.splitlines())
        if not raw.isascii():  # bytes outside of ASCII come as surrogates
            raw = _decode(raw.encode("utf-8", errors="surrogateescape"))
        if len(raw) > _MAX_HEADER:
            return raw
        try:
            return super().header_fetch_parse(name, raw)
        except _FAULTS:
            return raw


def parse(data: bytes) -> ParsedDocument:
    """Read a message. Plain text is preferred over HTML; what is attached is read like a file.

    Raises EncryptedDocument for an encrypted message and EmptyDocument for one with nothing in it.
    """
    if b"\0" in data[:512] or data.startswith(b"\xef\xbb\xbf"):
        data = decode(data).encode()  # saved as text in UTF-16, or with a mark
    try:
        message = email.message_from_bytes(data, policy=_Lenient())
    except _FAULTS as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc
    return _nested(message)


def headers(text: str) -> Message:
    """The headers of a message, from a text that holds nothing else."""
    return email.message_from_string(text, policy=_Lenient())


def header(message: Message, name: str) -> str:
    """A header decoded, the first where there are several; empty where there is none."""
    return str(message.get(name, "")).strip()


def refuse_encrypted(part: Message) -> None:
    """Raise EncryptedDocument if this part's headers say that it is."""
    kind = part.get_content_type()
    enveloped = kind in _ENVELOPED and _parameter(part, "smime-type") == "enveloped-data"
    if enveloped or kind == "multipart/encrypted":
        raise EncryptedDocument("The mail is encrypted; save its text without encryption.")


def _document(message: Message) -> ParsedDocument:
    with container() as budget:
        reader = _Reader(budget)
        reader.read(message)
        return compose(
            Mail(
                subject=header(message, "subject"),
                sender=header(message, "from"),
                to=header(message, "to"),
                cc=header(message, "cc"),
                date=header(message, "date"),
                bodies=reader.bodies,
                attachments=reader.attachments,
            )
        )


class _Reader:
    """Sorts the parts of a message into its text and what is attached."""

    def __init__(self, budget: Budget) -> None:
        self.bodies: list[ParsedDocument] = []
        self.attachments: list[Attachment] = []
        self._budget = budget

    def read(self, part: Message, *, text: bool = True, related: bool = False) -> None:
        """Take a part and all inside it: `text` only if wanted, no pictures `related` to a page."""
        self._budget.spend_members(1)
        kind = part.get_content_type()
        refuse_encrypted(part)
        children = _children(part)
        if kind == "message/rfc822" and children:
            self._attach_message(part, children[0])
        elif kind == "multipart/alternative" and children:
            self._read_alternative(children, text=text)
        elif children:
            for child in children:
                self.read(child, text=text, related=related or kind == "multipart/related")
        elif kind in _BODIES and not _is_attached(part):
            if text:
                self._add_body(_body(part, kind))
        elif kind.startswith("multipart/"):
            self._add_body(_body(part, "text/plain"))  # it says it has parts, and has none
        elif not (kind in _SIGNATURES or (kind.startswith("image/") and _is_shown(part, related))):
            name = _filename(part) or f"part {len(self.attachments) + 1} ({kind})"
            self.attachments.append(Attachment(name=name, parse=partial(self._file, part, name)))

    def _read_alternative(self, children: list[Message], *, text: bool) -> None:
        """Take the plain text if there is any, else HTML; and what is attached to any version."""
        plain = [child for child in children if child.get_content_type() == "text/plain"]
        bodies = [body for child in plain if text and (body := _body(child, "text/plain"))]
        self.bodies += bodies[:1]
        for child in children:
            kind = child.get_content_type()
            if child not in plain and (kind in _ALTERNATIVES or not kind.startswith("text/")):
                self.read(child, text=text and not bodies)

    def _add_body(self, body: ParsedDocument | None) -> None:
        if body is not None:
            self.bodies.append(body)

    def _attach_message(self, part: Message, inner: Message) -> None:
        name = _filename(part) or header(inner, "subject") or "message"
        self.attachments.append(Attachment(name=name, parse=partial(_nested, inner)))

    def _file(self, part: Message, name: str) -> ParsedDocument:
        content = _content(part)
        self._budget.spend_bytes(len(content))
        if len(content) > self._budget.limits.member_bytes:
            raise DocumentTooLarge(f"The attachment has {len(content)} bytes.")
        return parse_file(content, name)


def _nested(message: Message) -> ParsedDocument:
    try:
        return _document(message)
    except _FAULTS as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc


def _is_attached(part: Message) -> bool:
    return _disposition(part) == "attachment" or bool(_filename(part))


def _is_shown(part: Message, related: bool) -> bool:
    """Whether a picture belongs to the text around it, as a logo below a signature does."""
    return related or _disposition(part) == "inline" or part.get("content-id") is not None


def _disposition(part: Message) -> str | None:
    try:
        return part.get_content_disposition()
    except _FAULTS:
        return None


def _filename(part: Message) -> str:
    try:
        return (part.get_filename() or "").strip()
    except _FAULTS:
        return ""


def _parameter(part: Message, name: str) -> str:
    try:
        return str(part.get_param(name, "")).lower()
    except _FAULTS:
        return ""


def _children(part: Message) -> list[Message]:
    payload: object = part.get_payload()
    return cast("list[Message]", payload) if isinstance(payload, list) else []


def _content(part: Message) -> bytes:
    """The part's bytes without their transfer encoding; CorruptDocument where that fails."""
    try:
        content = part.get_payload(decode=True)
    except _FAULTS as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc
    return content if isinstance(content, bytes) else b""


def _body(part: Message, kind: str) -> ParsedDocument | None:
    text = _decode(_content(part), _charset(part))
    return html_body(text.encode(errors="replace")) if kind == "text/html" else text_body(text)


def _charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except _FAULTS:
        return None


def _decode(content: bytes, charset: str | None = None) -> str:
    """The text in the charset it names, if it is in that; else in the likeliest."""
    if charset and charset != "us-ascii":
        try:
            return content.decode(charset)
        except (ValueError, LookupError):
            pass
    try:
        return decode(content)
    except UnsupportedFormat:
        return content.decode("cp1252", errors="replace")

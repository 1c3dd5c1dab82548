"""Why a document could not be parsed. Each has a stable `code`, kept in the ledger and the API."""

from __future__ import annotations

from typing import ClassVar

from retrieval.errors import ServiceError


class ParseError(ServiceError):
    """The document could not be read."""

    code: ClassVar[str] = "parse_error"


class UnsupportedFormat(ParseError):
    """This kind of file cannot be read; use PDF, DOCX, ODT, PPTX, XLSX, HTML, Markdown or text."""

    code = "unsupported_format"


class CorruptDocument(ParseError):
    """The file is damaged or is not what it claims to be; open it and save it again."""

    code = "corrupt_document"


class EncryptedDocument(ParseError):
    """The file needs a password; upload a copy without one."""

    code = "encrypted_document"


class EmptyDocument(ParseError):
    """There is no text in this file."""

    code = "empty_document"


class ScannedDocument(EmptyDocument):
    """The pages seem to be scanned: they show pictures and hold no text. Have OCR read them."""

    code = "scanned_document"


class DocumentTooLarge(ParseError):
    """The file or the text in it is larger than the limit; split it."""

    code = "document_too_large"


class NoSuchPage(ParseError):
    """The document has no such page."""

    code = "no_such_page"


class PageTooLarge(ParseError):
    """The page would have too many pixels; ask for it at a smaller scale."""

    code = "page_too_large"


class ParserTimeout(ParseError):
    """Reading this file took too long and was stopped; split it, or raise the time limit."""

    code = "parser_timeout"


class ParserOutOfMemory(ParseError):
    """Reading this file took too much memory and was stopped; split it, or raise the limit."""

    code = "parser_out_of_memory"


class ParserCrashed(ParseError):
    """The parser failed on this file; the service is unharmed. Please report the file."""

    code = "parser_crashed"


class ParserUnavailable(ParseError):
    """The process that runs parsers could not be started or went away; try again."""

    code = "parser_unavailable"


ERRORS: dict[str, type[ParseError]] = {
    error.code: error
    for error in (
        ParseError,
        UnsupportedFormat,
        CorruptDocument,
        EncryptedDocument,
        EmptyDocument,
        ScannedDocument,
        DocumentTooLarge,
        NoSuchPage,
        PageTooLarge,
        ParserTimeout,
        ParserOutOfMemory,
        ParserCrashed,
        ParserUnavailable,
    )
}
"""By code, to rebuild in the parent what was raised in the child."""

"""DOCX: headings by style, lists with their numbers, tables at their place."""

from __future__ import annotations

import io
import zipfile
import zlib

from docx.opc.exceptions import OpcError

from ingest.parsing.document import ParsedDocument
from ingest.parsing.docx_markup import readable
from ingest.parsing.elements import compose
from ingest.parsing.errors import CorruptDocument, EncryptedDocument
from ingest.parsing.trees import TreeError, xml_tree
from ingest.parsing.unstructured_offline import partition_docx

_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"

# Whatever a damaged package makes zipfile, lxml, python-docx and the partitioner stumble over.
_DAMAGE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    TreeError,
    OpcError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    RecursionError,
)


def parse(data: bytes) -> ParsedDocument:
    """Read a DOCX. Pages are known only where Word noted its page breaks in the file."""
    try:
        elements = partition_docx(file=io.BytesIO(readable(data)), languages=[""])
        title = _title(data)
    except _DAMAGE as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc
    except RuntimeError as exc:  # what zipfile raises for a member with a password
        raise EncryptedDocument from exc
    pages = [element.metadata.page_number for element in elements]
    return compose(elements).finish(
        title=title, page_count=max((page for page in pages if page), default=None)
    )


def _title(data: bytes) -> str | None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if "docProps/core.xml" not in archive.namelist():
            return None
        root = xml_tree(archive.read("docProps/core.xml"))
    return root.findtext(f".//{_DC_TITLE}")

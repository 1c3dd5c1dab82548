"""DOC, PPT and RTF: converted to DOCX and PPTX by LibreOffice, inside the child that parses.

LibreOffice is called through the C interface that it has for programs of others (LibreOfficeKit),
in this very process. It needs no socket, no second process and no right to run programs, all of
which its command line does need, and it cannot outlive the document.
"""

from __future__ import annotations

import ctypes
import errno
import os
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from ingest.parsing import docx, pptx
from ingest.parsing.compound import CompoundFile
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import (
    CorruptDocument,
    DocumentTooLarge,
    EncryptedDocument,
    UnsupportedFormat,
)
from ingest.parsing.parsers import Parse

_LIBRARIES = ("libmergedlo.so", "libsofficeapp.so")  # as it was built: in one piece or in many
# Positions in the tables of functions of LibreOfficeKit.h, where entries are only ever added.
_GET_ERROR, _DOCUMENT_LOAD_WITH_OPTIONS = 3, 4
_DESTROY, _SAVE_AS = 1, 2
_NO_MACROS = b"Batch=true,EnableMacrosExecution=false,MacroSecurityLevel=3"
_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop
 oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop
 oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Writer/Content/Update"><prop
 oor:name="Link" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
"""No macros, and nothing that a document links to, in so far as the jail leaves it any."""
_ENCRYPTED_DOC = 0x0100  # in the flags of the FIB, [MS-DOC] 2.5.2
_ENCRYPTED_PPT = 0xF3D1C4DF  # the header token of the current user, [MS-PPT] 2.3.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    suffix: str
    name: str
    target: str
    part: str
    """The part of LibreOffice that reads it."""
    package: str
    """The Debian package that part is in."""
    parse: Parse


_WRITER = partial(
    _Kind, target="docx", part="writer", package="libreoffice-writer-nogui", parse=docx.parse
)
_DOC = _WRITER(suffix="doc", name="a Word file of before 2007 (DOC)")
_RTF = _WRITER(suffix="rtf", name="an RTF file")
_PPT = _Kind(
    suffix="ppt",
    name="a PowerPoint file of before 2007 (PPT)",
    target="pptx",
    part="impress",
    package="libreoffice-impress-nogui",
    parse=pptx.parse,
)

_PROGRAM: ContextVar[Path | None] = ContextVar("kb_libreoffice", default=None)


def allow(program: Path) -> None:
    """Let this process use the LibreOffice in that folder. Only for one that is confined."""
    _PROGRAM.set(program)


def parse_doc(data: bytes) -> ParsedDocument:
    """Read a Word file of before 2007."""
    flags = (CompoundFile(data).stream("WordDocument") or b"")[10:12]
    if int.from_bytes(flags, "little") & _ENCRYPTED_DOC:
        raise EncryptedDocument
    return _DOC.parse(_converted(data, _DOC))


def parse_ppt(data: bytes) -> ParsedDocument:
    """Read a PowerPoint file of before 2007."""
    token = (CompoundFile(data).stream("Current User") or b"")[12:16]
    if int.from_bytes(token, "little") == _ENCRYPTED_PPT:
        raise EncryptedDocument
    return _PPT.parse(_converted(data, _PPT))


def parse_rtf(data: bytes) -> ParsedDocument:
    """Read an RTF file."""
    return _RTF.parse(_converted(data, _RTF))


def _converted(data: bytes, kind: _Kind) -> bytes:
    program = _PROGRAM.get()
    if program is None or not (program.parent / f"share/registry/{kind.part}.xcd").exists():
        raise UnsupportedFormat(
            f"It is {kind.name}. Save it as {kind.target.upper()}, or install LibreOffice on a"
            f" Linux server (on Debian the package {kind.package})."
        )
    source, target = Path(f"in.{kind.suffix}").resolve(), Path(f"out.{kind.target}").resolve()
    try:
        source.write_bytes(data)
        _kit(program).convert(source, target, kind.target)
        return target.read_bytes()
    except OSError as exc:
        if exc.errno == errno.EFBIG:
            raise DocumentTooLarge(f"It has {len(data)} bytes.") from exc
        raise
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)


class _Kit:
    """LibreOffice in this process. It can be started once."""

    def __init__(self, program: Path) -> None:
        folder = Path.cwd()
        user = folder / "office" / "user"
        user.mkdir(parents=True)
        (user / "registrymodifications.xcu").write_text(_SETTINGS, "utf-8")
        # It writes where these point, and draws nothing.
        os.environ |= {"HOME": str(folder), "SAL_USE_VCLPLUGIN": "svp"}
        library = next(path for name in _LIBRARIES if (path := program / name).exists())
        start = ctypes.CDLL(str(library)).libreofficekit_hook_2
        start.restype, start.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
        self._office: int = start(bytes(program), (folder / "office").as_uri().encode())

    def convert(self, source: Path, target: Path, kind: str) -> None:
        """Write the one file as the other. CorruptDocument where that does not succeed."""
        load = _function(self._office, _DOCUMENT_LOAD_WITH_OPTIONS, ctypes.c_void_p, 2)
        document = load(self._office, source.as_uri().encode(), _NO_MACROS)
        if document is None:
            raise CorruptDocument(f"LibreOffice cannot read it. {self._error()}".strip())
        save = _function(document, _SAVE_AS, ctypes.c_int, 3)
        saved = save(document, target.as_uri().encode(), kind.encode(), None)
        error = "" if saved else self._error()
        _function(document, _DESTROY, None, 0)(document)
        if not saved:
            raise CorruptDocument(f"LibreOffice cannot convert it. {error}".strip())

    def _error(self) -> str:
        message = _function(self._office, _GET_ERROR, ctypes.c_char_p, 0)(self._office)
        return (message or b"").decode(errors="replace")


@cache
def _kit(program: Path) -> _Kit:
    return _Kit(program)


def _function(instance: int, position: int, result: Any, strings: int) -> Any:
    """A function of an object, whose first field points to its table of functions."""
    pointers = ctypes.POINTER(ctypes.c_void_p)
    table = ctypes.cast(instance, pointers)[0]
    kind = ctypes.CFUNCTYPE(result, ctypes.c_void_p, *[ctypes.c_char_p] * strings)
    return kind(ctypes.cast(table, pointers)[position])

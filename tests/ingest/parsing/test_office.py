"""Old Office files are read through LibreOffice, which can do no more than any parser."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import (
    CorruptDocument,
    EncryptedDocument,
    ParserOutOfMemory,
    ParserTimeout,
    UnsupportedFormat,
)
from ingest.parsing.jail import ParserJail
from ingest.parsing.limits import ParserLimits
from ingest.parsing.programs import Programs
from tests.ingest.parsing import document_samples, samples
from tests.ingest.parsing.data_samples import compound_file
from tests.ingest.parsing.document_samples import packed
from tests.ingest.parsing.installed import needs_libreoffice
from tests.ingest.parsing.under_way import under_way

RTF = rb"""{\rtf1\ansi\ansicpg1252{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}}
\pard\s1\outlinelevel0 Lids\par
\pard A lid closes a box, says Andr\'e9.\par
\trowd\cellx3000\cellx6000\intbl Kind\cell Price\cell\row
\trowd\cellx3000\cellx6000\intbl Flat\cell 3\cell\row
\pard Keep it dry.\par}"""
LONG = rb"{\rtf1 " + rb"Keep it dry. \par " * 20_000 + b"}"  # 8 s of a processor


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


@pytest.fixture(scope="module")
async def without() -> AsyncIterator[ParserJail]:
    async with ParserJail(programs=Programs()) as jail:
        yield jail


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A DOC and a PPT, made by LibreOffice from a DOCX and a PPTX."""
    folder = tmp_path_factory.mktemp("old")
    office = shutil.which("soffice") or shutil.which("libreoffice")
    assert office
    made: dict[str, bytes] = {}
    for new, kind, data in (
        ("docx", "doc", samples.word()),
        ("pptx", "ppt", document_samples.slides()),
    ):
        source = folder / f"sample.{new}"
        source.write_bytes(data)
        profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
        command = [office, profile, "--headless", "--convert-to", kind, "--outdir", folder, source]
        subprocess.run(command, check=True, timeout=120, capture_output=True)
        made[kind] = (folder / f"sample.{kind}").read_bytes()
    return made


def outline(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text_of(block)) for block in document.blocks]


@needs_libreoffice
async def test_a_doc_is_read_as_its_docx_would_be(jail: ParserJail, old: dict[str, bytes]) -> None:
    document = await jail.parse(old["doc"], name="manual.doc")
    assert outline(document) == outline(await jail.parse(samples.word(), name="manual.docx"))


@needs_libreoffice
async def test_a_ppt_keeps_its_titles_and_slides(jail: ParserJail, old: dict[str, bytes]) -> None:
    document = await jail.parse(old["ppt"], name="talk.ppt")
    new = await jail.parse(document_samples.slides(), name="talk.pptx")
    assert document.page_count == new.page_count
    titles = [text for kind, text in outline(new) if kind == "heading"]
    assert titles
    assert [text for kind, text in outline(document) if kind == "heading"] == titles


@needs_libreoffice
async def test_an_rtf_keeps_its_headings_and_tables(jail: ParserJail) -> None:
    document = await jail.parse(RTF, name="lids.rtf")
    assert outline(document) == [
        ("heading", "Lids"),
        ("paragraph", "A lid closes a box, says André."),
        ("table", "| Kind | Price |\n| Flat | 3 |"),
        ("paragraph", "Keep it dry."),
    ]


@needs_libreoffice
async def test_several_in_one_archive_are_all_read(jail: ParserJail, old: dict[str, bytes]) -> None:
    files = {"a.rtf": RTF, "b.doc": old["doc"], "c.ppt": old["ppt"], "d.rtf": b"{\\rtf1 \\bin99"}
    document = await jail.parse(packed(files), name="old.zip")
    tops = [block.section_path[0] for block in document.blocks if block.level == 1]
    assert tops[:3] == ["a.rtf", "b.doc", "c.ppt"]


@needs_libreoffice
async def test_nothing_that_a_document_links_to_is_fetched_or_read(
    jail: ParserJail, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/lid.png"
        links = "".join(
            rf'{{\field{{\*\fldinst {field} "{address}" \\d}}{{\fldrslt shown}}}}\par '
            for field in ("INCLUDEPICTURE", "INCLUDETEXT", "LINK txtfile")
            for address in (url, secret.as_uri(), str(secret))
        )
        document = await jail.parse(
            rb"{\rtf1\ansi " + links.encode() + rb"Keep it dry.\par}", name="links.rtf"
        )
        with pytest.raises(TimeoutError):
            server.accept()
    assert "Keep it dry." in document.text
    assert "the secret" not in document.text


@needs_libreoffice
@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (ParserLimits(cpu_seconds=1), ParserTimeout),
        (ParserLimits(wall_seconds=0.7, ocr_seconds=0), ParserTimeout),
        (ParserLimits(memory_bytes=200 << 20), ParserOutOfMemory),
    ],
)
async def test_the_limits_of_a_parse_hold_for_it(
    limits: ParserLimits, error: type[Exception]
) -> None:
    async with ParserJail(limits) as jail:
        await jail.start()
        with pytest.raises(error):
            await jail.parse(LONG, name="lids.rtf")
        assert under_way() == []


@needs_libreoffice
@pytest.mark.parametrize("data", [b"{\\rtf1 " + b"\\" * 999, compound_file({"WordDocument": b"x"})])
async def test_a_damaged_one_is_said_to_be(jail: ParserJail, data: bytes) -> None:
    with pytest.raises(CorruptDocument, match="LibreOffice cannot read it"):
        await jail.parse(data, name="old")


async def test_one_with_a_password_is_told_apart(jail: ParserJail) -> None:
    doc = compound_file({"WordDocument": bytes(10) + b"\x00\x01" + bytes(20)})
    ppt = compound_file(
        {"PowerPoint Document": b"x", "Current User": bytes(12) + b"\xdf\xc4\xd1\xf3"}
    )
    for data in (doc, ppt):
        with pytest.raises(EncryptedDocument):
            await jail.parse(data, name="old")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (RTF, "RTF file. Save it as DOCX, or install .*libreoffice-writer-nogui"),
        (compound_file({"WordDocument": b"x"}), "DOC.*as DOCX.*libreoffice-writer-nogui"),
        (compound_file({"PowerPoint Document": b"x"}), "as PPTX.*libreoffice-impress-nogui"),
    ],
)
async def test_without_libreoffice_says_what_to_do(
    without: ParserJail, data: bytes, says: str
) -> None:
    with pytest.raises(UnsupportedFormat, match=says):
        await without.parse(data, name="old")

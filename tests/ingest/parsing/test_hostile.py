"""Files made to do harm, through the jail as the service runs it: an outcome, and nothing left."""

from __future__ import annotations

import io
import socket
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator

import pytest

from benchmarks import attacks
from ingest.parsing.errors import CorruptDocument, DocumentTooLarge, EmptyDocument, ParseError
from ingest.parsing.jail import ParserJail
from tests.ingest.parsing.under_way import under_way

READ = {
    "outside.xml": "and text",
    "outside.html": "Text.",
    "outside.md": "and text",
    "2000-pages.pdf": "Lid number 2000 closes box number 24000",
    "40-megabytes.pdf": "Lid number 400 closes box number 4800",
    "one-word.txt": "x" * 5_000_000,
    "million-cells.xlsx": "9481",  # 499 times 19, the greatest of them
}
REFUSED: dict[str, type[ParseError]] = {
    "bomb.zip": EmptyDocument,  # none of the files in it can be read, for more than one reason
    "onion.zip": DocumentTooLarge,
    "quine.zip": DocumentTooLarge,  # it holds itself, so it is packed too deeply
    "outside.docx": CorruptDocument,
    "laughs.xml": CorruptDocument,
    "brackets.json": DocumentTooLarge,
}


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


@pytest.fixture(scope="module")
def files(listener: socket.socket) -> dict[str, bytes]:
    return attacks.generated(f"http://127.0.0.1:{listener.getsockname()[1]}")


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


def test_each_of_the_attacks_has_an_outcome_here(files: dict[str, bytes]) -> None:
    assert set(files) == {*READ, *REFUSED}


def test_the_quine_is_an_archive_of_just_itself(files: dict[str, bytes]) -> None:
    data = files["quine.zip"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (member,) = archive.infolist()
        assert zlib.crc32(data) == member.CRC
        assert archive.read(member) == data


@pytest.mark.parametrize("name", [*READ, *REFUSED])
async def test_it_is_read_or_refused_and_leaves_nothing(
    jail: ParserJail, files: dict[str, bytes], listener: socket.socket, name: str
) -> None:
    if name in READ:
        document = await jail.parse(files[name], name=name)
        assert READ[name] in document.text
    else:
        with pytest.raises(ParseError) as raised:
            await jail.parse(files[name], name=name)
        assert type(raised.value) is REFUSED[name]
    assert under_way() == []
    with pytest.raises(TimeoutError):
        listener.accept()

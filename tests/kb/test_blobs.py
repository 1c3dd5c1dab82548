"""Uploaded bytes: whole or not there, once for each team, and never outside their folder."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from kb.blobs import Blob, BlobMissing, BlobTooLarge, FolderBlobs
from retrieval.scope import TeamScope
from tests.kb.teams import parts

FOX = b"The quick brown fox."


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs", max_bytes=100)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def a_team() -> TeamScope:
    return TeamScope(team_id=uuid4())


async def test_gives_back_what_it_was_given_under_its_hash(
    blobs: FolderBlobs, tmp_path: Path
) -> None:
    team = a_team()
    blob = await blobs.put(team, parts("The quick ", "", "brown fox."))
    assert blob == Blob(sha256(FOX).digest(), len(FOX))
    assert await blobs.get(team, blob.sha256) == FOX
    await blobs.require(team, blob.sha256)
    assert files(tmp_path) == [sha256(FOX).hexdigest()]


async def test_the_same_bytes_are_kept_once_however_often_they_come(
    blobs: FolderBlobs, tmp_path: Path
) -> None:
    team = a_team()
    puts = [blobs.put(team, parts(FOX[:n], FOX[n:])) for n in range(8)]
    assert len(set(await asyncio.gather(*puts))) == 1
    assert files(tmp_path) == [sha256(FOX).hexdigest()]


async def test_a_team_has_only_what_it_sent_itself(blobs: FolderBlobs) -> None:
    mine, theirs = a_team(), a_team()
    digest = (await blobs.put(mine, parts(FOX))).sha256
    with pytest.raises(BlobMissing, match=digest.hex()):
        await blobs.get(theirs, digest)
    with pytest.raises(BlobMissing):
        await blobs.require(theirs, digest)
    await blobs.delete(theirs, digest)
    assert await blobs.get(mine, digest) == FOX


async def test_what_was_deleted_is_gone_and_may_come_again(blobs: FolderBlobs) -> None:
    team = a_team()
    digest = (await blobs.put(team, parts(FOX))).sha256
    await blobs.delete(team, digest)
    await blobs.delete(team, digest)
    with pytest.raises(BlobMissing):
        await blobs.get(team, digest)
    assert (await blobs.put(team, parts(FOX))).sha256 == digest
    assert await blobs.get(team, digest) == FOX


async def test_stops_reading_as_soon_as_the_limit_is_passed(
    blobs: FolderBlobs, tmp_path: Path
) -> None:
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 40

    with pytest.raises(BlobTooLarge, match="100 bytes"):
        await blobs.put(a_team(), endless())
    assert asked == 3
    assert files(tmp_path) == []
    assert (await blobs.put(a_team(), parts(b"x" * 100))).size == 100


async def test_a_transfer_that_breaks_off_leaves_nothing(
    blobs: FolderBlobs, tmp_path: Path
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield FOX
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put(a_team(), broken())
    assert files(tmp_path) == []


async def test_a_transfer_that_is_cancelled_leaves_nothing(
    blobs: FolderBlobs, tmp_path: Path
) -> None:
    begun = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield FOX
        begun.set()
        await asyncio.sleep(60)

    putting = asyncio.create_task(blobs.put(a_team(), slow()))
    await begun.wait()
    assert files(tmp_path) != []
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert files(tmp_path) == []


async def test_files_are_for_our_eyes_only(blobs: FolderBlobs, tmp_path: Path) -> None:
    await blobs.put(a_team(), parts(FOX))
    folders = [path for path in (tmp_path / "blobs").iterdir() if path.is_dir()]
    found = [*folders, *(path for folder in folders for path in folder.iterdir())]
    assert len(found) == 2
    assert not [path for path in found if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]

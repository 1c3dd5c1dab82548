"""Uploaded bytes: whole or not there, once for each team, and never outside their place."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from ingest.sources.bucket_settings import BucketSettings
from kb.blobs import Blob, BlobMissing, Blobs, BlobsUnavailable, BlobTooLarge, FolderBlobs
from kb.bucket_blobs import BucketBlobs
from retrieval.scope import TeamScope
from tests.ingest.sources.buckets import REGION, Buckets
from tests.kb.teams import parts

FOX = b"The quick brown fox."
LIMIT = 100


@pytest.fixture(scope="module")
def buckets() -> Iterator[Buckets]:
    with Buckets() as buckets:
        yield buckets


def a_team() -> TeamScope:
    return TeamScope(team_id=uuid4())


class Kept:
    """What a test can see of where the blobs are kept."""

    def names(self) -> list[str]:
        """Of all that is stored, under whatever name."""
        raise NotImplementedError

    def unfinished(self) -> list[str]:
        """Of what is on its way."""
        raise NotImplementedError


class BlobsContract:
    """What every place promises. A test class gives `kept` and `blobs`, of 100 bytes at most."""

    async def test_gives_back_what_it_was_given_under_its_hash(
        self, blobs: Blobs, kept: Kept
    ) -> None:
        team = a_team()
        blob = await blobs.put(team, parts("The quick ", "", "brown fox."))
        assert blob == Blob(sha256(FOX).digest(), len(FOX))
        assert await blobs.get(team, blob.sha256) == FOX
        await blobs.require(team, blob.sha256)
        assert kept.names() == [f"{team.team_id.hex}/{sha256(FOX).hexdigest()}"]

    async def test_the_same_bytes_are_kept_once_however_often_they_come(
        self, blobs: Blobs, kept: Kept
    ) -> None:
        team = a_team()
        puts = [blobs.put(team, parts(FOX[:n], FOX[n:])) for n in range(8)]
        assert len(set(await asyncio.gather(*puts))) == 1
        assert kept.names() == [f"{team.team_id.hex}/{sha256(FOX).hexdigest()}"]

    async def test_a_team_has_only_what_it_sent_itself(self, blobs: Blobs) -> None:
        mine, theirs = a_team(), a_team()
        digest = (await blobs.put(mine, parts(FOX))).sha256
        with pytest.raises(BlobMissing, match=digest.hex()):
            await blobs.get(theirs, digest)
        with pytest.raises(BlobMissing):
            await blobs.require(theirs, digest)
        await blobs.delete(theirs, digest)
        assert await blobs.get(mine, digest) == FOX

    async def test_what_was_deleted_is_gone_and_may_come_again(self, blobs: Blobs) -> None:
        team = a_team()
        digest = (await blobs.put(team, parts(FOX))).sha256
        await blobs.delete(team, digest)
        await blobs.delete(team, digest)
        with pytest.raises(BlobMissing):
            await blobs.get(team, digest)
        assert (await blobs.put(team, parts(FOX))).sha256 == digest
        assert await blobs.get(team, digest) == FOX

    async def test_stops_reading_as_soon_as_the_limit_is_passed(
        self, blobs: Blobs, kept: Kept
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
        assert kept.names() == kept.unfinished() == []
        assert (await blobs.put(a_team(), parts(b"x" * 100))).size == 100

    async def test_a_transfer_that_breaks_off_leaves_nothing(
        self, blobs: Blobs, kept: Kept
    ) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield FOX
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await blobs.put(a_team(), broken())
        assert kept.names() == kept.unfinished() == []

    async def test_a_transfer_that_is_cancelled_leaves_nothing(
        self, blobs: Blobs, kept: Kept
    ) -> None:
        begun = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield FOX
            begun.set()
            await asyncio.sleep(60)

        putting = asyncio.create_task(blobs.put(a_team(), slow()))
        await begun.wait()
        assert kept.unfinished() != []
        assert kept.names() == []
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        assert kept.names() == kept.unfinished() == []

    async def test_a_file_of_nothing_is_kept_too(self, blobs: Blobs) -> None:
        team = a_team()
        blob = await blobs.put(team, parts())
        assert blob == Blob(sha256().digest(), 0)
        assert await blobs.get(team, blob.sha256) == b""


class FolderKept(Kept):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        return [name for name in self._all() if "incoming-" not in name]

    def unfinished(self) -> list[str]:
        return [name for name in self._all() if "incoming-" in name]

    def _all(self) -> list[str]:
        paths = [path for path in self._folder.rglob("*") if path.is_file()]
        return sorted(str(path.relative_to(self._folder)) for path in paths)


class TestFolderBlobs(BlobsContract):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Kept:
        return FolderKept(tmp_path / "blobs")

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> FolderBlobs:
        return FolderBlobs(tmp_path / "blobs", max_bytes=LIMIT)

    async def test_files_are_for_our_eyes_only(self, blobs: FolderBlobs, tmp_path: Path) -> None:
        await blobs.put(a_team(), parts(FOX))
        folders = [path for path in (tmp_path / "blobs").iterdir() if path.is_dir()]
        found = [*folders, *(path for folder in folders for path in folder.iterdir())]
        assert len(found) == 2
        assert not [path for path in found if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]


class BucketKept(Kept):
    def __init__(self, buckets: Buckets, bucket: str, spool: Path) -> None:
        self._buckets = buckets
        self._bucket = bucket
        self._spool = spool

    def names(self) -> list[str]:
        return [key.removeprefix("kb/") for key in self._buckets.keys(self._bucket)]

    def unfinished(self) -> list[str]:
        spooled = [path.name for path in self._spool.iterdir()]
        return [*spooled, *self._buckets.uploads(self._bucket)]


class TestBucketBlobs(BlobsContract):
    @pytest.fixture
    def bucket(self, buckets: Buckets) -> str:
        return buckets.make()

    @pytest.fixture
    def spool(self, tmp_path: Path) -> Path:
        return tmp_path / "spool"

    @pytest.fixture
    def kept(self, buckets: Buckets, bucket: str, spool: Path) -> Kept:
        return BucketKept(buckets, bucket, spool)

    @pytest.fixture
    def blobs(self, buckets: Buckets, bucket: str, spool: Path) -> BucketBlobs:
        return BucketBlobs(buckets.settings(bucket, prefix="kb"), spool=spool, max_bytes=LIMIT)

    async def test_a_large_file_goes_up_in_parts(
        self, buckets: Buckets, bucket: str, spool: Path, kept: Kept
    ) -> None:
        blobs = BucketBlobs(buckets.settings(bucket), spool=spool, max_bytes=10**9)
        team, part = a_team(), bytes(range(256)) * 4096
        blob = await blobs.put(team, parts(*[part] * 40))
        assert blob.size == 40 * len(part)
        assert await blobs.get(team, blob.sha256) == part * 40
        etag = buckets.client().head_object(Bucket=bucket, Key=kept.names()[0])["ETag"]
        assert etag.endswith('-3"')  # how S3 marks an object of three parts
        assert kept.unfinished() == []

    async def test_a_bucket_that_does_not_answer_is_no_missing_file(
        self, buckets: Buckets, spool: Path
    ) -> None:
        nobody = BucketSettings(bucket="bucket", region=REGION, endpoint="http://127.0.0.1:9")
        for settings in (nobody, buckets.settings("no-such-bucket")):
            blobs = BucketBlobs(settings, spool=spool, max_bytes=LIMIT)
            with pytest.raises(BlobsUnavailable):
                await blobs.put(a_team(), parts(FOX))
            assert list(spool.iterdir()) == []
            with pytest.raises(BlobsUnavailable):
                await blobs.get(a_team(), sha256(FOX).digest())
            with pytest.raises(BlobsUnavailable):
                await blobs.delete(a_team(), sha256(FOX).digest())

    async def test_what_is_on_its_way_is_for_our_eyes_only(
        self, blobs: BucketBlobs, spool: Path
    ) -> None:
        async def watched() -> AsyncIterator[bytes]:
            for path in (spool, *spool.iterdir()):
                assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            yield FOX

        await blobs.put(a_team(), watched())

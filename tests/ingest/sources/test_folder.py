"""A folder on the server as a source: only what is in it, and all of that."""

from __future__ import annotations

import os
import socket
from contextlib import aclosing
from pathlib import Path

import pytest

from ingest.sources.errors import (
    FolderNotAllowed,
    FolderUnreadable,
    ItemNameUnreadable,
    ItemTooLarge,
    ItemUnreadable,
    OutsideOfFolder,
)
from ingest.sources.folder import FolderSource, checked_folder
from ingest.sources.source import Failed, Found, Skipped
from tests.ingest.sources.readings import (
    body,
    errors,
    found,
    incomplete,
    items,
    memories,
    unchanged,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def write(root: Path, *paths: str, text: str = "Text.") -> None:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def a_source(root: Path, *, max_bytes: int = 100) -> FolderSource:
    return FolderSource(root, max_bytes=max_bytes)


async def test_every_file_is_known_by_its_path(root: Path) -> None:
    write(root, "b.txt", "a.txt", "sub/c.txt", "sub/deeper/d.txt", "ä ö.txt", "empty.txt")
    some = await items(a_source(root))
    names = ["a.txt", "b.txt", "empty.txt", "ä ö.txt", "sub/c.txt", "sub/deeper/d.txt"]
    assert found(some) == names
    assert [one.item_name for one in some if isinstance(one, Found)] == names
    assert await body(some[4]) == b"Text."
    assert isinstance(some[4], Found)
    assert some[4].size == 5


async def test_what_is_hidden_is_nobodys_document(root: Path) -> None:
    write(root, ".env", ".git/config", "sub/.cache/a.txt", "sub/.b.txt", "a.txt")
    assert found(await items(a_source(root))) == ["a.txt"]


async def test_only_what_has_changed_is_found_again(root: Path) -> None:
    write(root, "same.txt", "touched.txt", "grown.txt", "deleted.txt")
    known = memories(await items(a_source(root)))
    touched = (root / "touched.txt").stat()
    os.utime(root / "touched.txt", ns=(touched.st_atime_ns, touched.st_mtime_ns + 1))
    write(root, "grown.txt", text="More text.")
    write(root, "new.txt")
    (root / "deleted.txt").unlink()
    some = await items(a_source(root), known)
    assert found(some) == ["grown.txt", "new.txt", "touched.txt"]
    assert unchanged(some) == ["same.txt"]
    assert len(some) == 4


async def test_links_do_not_lead_out(root: Path, tmp_path: Path) -> None:
    write(tmp_path, "secret.txt", "rooted/secret.txt", text="secret")
    write(root, "sub/a.txt")
    links = {
        "inside.txt": "sub/a.txt",
        "out.txt": "../secret.txt",
        "absolute.txt": str(tmp_path / "secret.txt"),
        "twice.txt": "out.txt",
        "nowhere.txt": "../missing.txt",
        "neighbour.txt": "../rooted/secret.txt",
        "out": "..",
        "gone.txt": "sub/gone.txt",
        "sub/up": "..",
        "circle.txt": "circle.txt",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    some = await items(a_source(root))
    assert found(some) == ["inside.txt", "sub/a.txt"]
    assert await body(some[1]) == b"Text."
    outside = ["absolute.txt", "neighbour.txt", "nowhere.txt", "out", "out.txt", "twice.txt"]
    assert errors(some, Skipped) == dict.fromkeys(outside, OutsideOfFolder)
    assert len(some) == 8


async def test_a_file_that_became_a_link_since_is_not_read(root: Path, tmp_path: Path) -> None:
    write(tmp_path, "secret.txt", text="secret")
    write(root, "a.txt")
    (item,) = await items(a_source(root))
    (root / "a.txt").unlink()
    (root / "a.txt").symlink_to("../secret.txt")
    with pytest.raises(OutsideOfFolder):
        await body(item)


async def test_pipes_and_sockets_are_no_documents(root: Path, tmp_path: Path) -> None:
    os.mkfifo(root / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(root)  # the path of a socket has to be short
        try:
            listening.bind("socket.txt")
        finally:
            os.chdir(here)
        assert await items(a_source(root)) == []
    write(root, "a.txt")
    items_of_a = [one for one in await items(a_source(root)) if isinstance(one, Found)]
    (root / "a.txt").unlink()
    os.mkfifo(root / "a.txt")
    with pytest.raises(ItemUnreadable, match="no regular file"):
        await body(items_of_a[0])


async def test_a_file_that_cannot_be_looked_at_has_failed(root: Path) -> None:
    (root / "a.txt").symlink_to("x" * 300)  # longer than a name may be
    assert errors(await items(a_source(root)), Failed) == {"a.txt": ItemUnreadable}


async def test_a_file_that_is_gone_when_it_is_read_says_so(root: Path) -> None:
    write(root, "a.txt")
    (item,) = await items(a_source(root))
    (root / "a.txt").unlink()
    with pytest.raises(ItemUnreadable, match="No such file"):
        await body(item)


async def test_what_is_too_large_is_skipped_or_stops_being_read(root: Path) -> None:
    write(root, "a.txt", "b.txt", text="x" * 100)
    write(root, "c.txt", text="x" * 101)
    some = await items(a_source(root))
    assert errors(some, Skipped) == {"c.txt": ItemTooLarge}
    assert await body(some[0]) == b"x" * 100
    write(root, "b.txt", text="x" * 101)
    with pytest.raises(ItemTooLarge, match="100 bytes"):
        await body(some[1])


async def test_a_name_that_is_no_text_is_said_to_be_none(root: Path) -> None:
    os.close(os.open(os.fsencode(root) + b"/caf\xe9.txt", os.O_CREAT))
    assert errors(await items(a_source(root)), Skipped) == {"caf\\xe9.txt": ItemNameUnreadable}


async def test_a_folder_that_is_not_there_is_no_empty_folder(root: Path) -> None:
    with pytest.raises(FolderUnreadable, match="No such file"):
        await items(a_source(root / "missing"))
    write(root, "a.txt")
    with pytest.raises(FolderUnreadable, match="Not a directory"):
        await items(a_source(root / "a.txt"))


async def test_a_folder_below_that_cannot_be_read_leaves_the_rest(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the tests may be allowed everything, so the refusal is put in here."""
    write(root, "a.txt", "closed/b.txt", "vanishing/c.txt", "open/d.txt")
    scandir, refusals = os.scandir, {"closed": PermissionError, "vanishing": FileNotFoundError}

    def refusing(folder: Path) -> object:
        if refusal := refusals.get(folder.name):
            raise refusal
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    some = await items(a_source(root))
    assert found(some) == ["a.txt", "open/d.txt"]
    assert incomplete(some) == [FolderUnreadable]


async def test_a_large_folder_comes_bit_by_bit_and_can_be_left(root: Path) -> None:
    write(root, *(f"{folder:02}/{file:03}.txt" for folder in range(4) for file in range(300)))
    everything = found(await items(a_source(root)))
    assert everything == sorted(everything)
    assert len(everything) == 1200
    async with aclosing(a_source(root).items({})) as some:
        await anext(some)
        write(root, "03/late.txt")
        assert "03/late.txt" in found([one async for one in some])
    async with aclosing(a_source(root).items({})) as some:
        await anext(some)


# Which folders may be a source at all.


def test_a_folder_within_an_allowed_one_may_be_a_source(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (root / "sub").mkdir()
    (tmp_path / "link").symlink_to(root)
    for path in (root, root / "sub", root / "sub" / ".." / "sub", tmp_path / "link" / "sub"):
        assert checked_folder(str(path), [other, root]) == path.resolve()
        assert checked_folder(str(path), [tmp_path / "link"]) == path.resolve()


def test_all_other_folders_are_refused_in_the_same_words(root: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (root / "out").symlink_to(tmp_path / "there")
    (tmp_path / "root-2").mkdir()
    refused = [
        *(tmp_path, tmp_path / "there", tmp_path / "missing", root / "out", root / "out" / "x"),
        *(root / ".." / "there", tmp_path / "root-2", Path("/"), Path("/etc")),
    ]
    said = set[str]()
    for path in refused:
        with pytest.raises(FolderNotAllowed, match="KB_SOURCE_FOLDERS") as caught:
            checked_folder(str(path), [root])
        said.add(str(caught.value))
    assert len(said) == 1
    for path in (str(root), "/"):
        with pytest.raises(FolderNotAllowed):
            checked_folder(path, [])


@pytest.mark.parametrize("path", ["", ".", "root", "~", "/tmp\0/x", "file:///tmp"])
def test_a_folder_is_named_by_its_full_path(path: str) -> None:
    with pytest.raises(FolderNotAllowed, match="full path"):
        checked_folder(path, [Path.cwd(), Path("/tmp")])

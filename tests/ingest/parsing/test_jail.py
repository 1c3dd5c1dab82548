"""The jail holds: each limit stops its hog with a typed error, and the jail works on."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from ingest.parsing.errors import (
    CorruptDocument,
    DocumentTooLarge,
    EmptyDocument,
    EncryptedDocument,
    ParseError,
    ParserCrashed,
    ParserOutOfMemory,
    ParserTimeout,
    ParserUnavailable,
    UnsupportedFormat,
)
from ingest.parsing.jail import ParserJail
from ingest.parsing.limits import ParserLimits
from tests.ingest.parsing import samples
from tests.kb.programs import has_ended

HOGS = {"text": "tests.ingest.parsing.hogs:parse"}
LIMITS = ParserLimits(
    memory_bytes=200 << 20,
    wall_seconds=3,
    ocr_seconds=0,
    cpu_seconds=1,
    output_bytes=1 << 20,
    file_bytes=1 << 20,
    parallel=20,
)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and landlock are Linux's")


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    """One jail for all hogs: each test also shows that those before it did it no harm."""
    async with ParserJail(LIMITS, parsers=HOGS) as jail:
        yield jail


async def do(jail: ParserJail, deed: str) -> str:
    return (await jail.parse(deed.encode(), name="hog.txt")).text


@pytest.mark.parametrize(
    ("deed", "error", "message"),
    [
        ("memory", ParserOutOfMemory, "too much memory"),
        ("native_memory", ParserOutOfMemory, "too much memory"),
        ("loop", ParserTimeout, "1 s of processor time"),
        ("sleep", ParserTimeout, "3 s"),
        ("huge 3000000", DocumentTooLarge, "The result has"),
        ("forge_size", DocumentTooLarge, "The result has"),
        ("abort", ParserCrashed, "SIGABRT"),
        ("segfault", ParserCrashed, "SIGSEGV"),
        ("exit", ParserCrashed, "status: 7"),
        ("forge", ParserCrashed, "malformed"),
        ("overlap", ParserCrashed, "not stripped"),
        ("bug", ParserCrashed, r"LookupError at hogs.py:\d+: a bug in a parser"),
        ("big_file", ParserCrashed, "File too large"),
        ("many_files", ParserCrashed, "Too many open files"),
        ("corrupt page 7", CorruptDocument, "page 7"),
        ("encrypted", EncryptedDocument, "password"),
        ("resolve", ParserCrashed, "PermissionError"),
        ("run", ParserCrashed, "PermissionError"),
        ("read /etc/passwd", ParserCrashed, "Permission"),
        ("write /tmp/kb-escaped", ParserCrashed, "Permission"),
    ],
)
async def test_a_hog_is_stopped_with_its_own_error(
    jail: ParserJail, deed: str, error: type[ParseError], message: str
) -> None:
    if deed.startswith(("read", "write")) and "landlock" not in await jail.start():
        pytest.skip("this system has no landlock")
    with pytest.raises(error, match=message) as caught:
        await do(jail, deed)
    assert type(caught.value) is error
    assert await do(jail, "nap well") == "well"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        yield server


async def test_no_connection_arrives(jail: ParserJail, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(ParserCrashed, match="PermissionError"):
        await do(jail, f"connect {port}")
    with pytest.raises(TimeoutError):
        listener.accept()


@linux_only
async def test_nor_past_python(jail: ParserJail, listener: socket.socket) -> None:
    assert "seccomp" in await jail.start()
    port = listener.getsockname()[1]
    assert await do(jail, f"connect_natively {port}") == f"refused {errno.EPERM}"
    with pytest.raises(TimeoutError):
        listener.accept()


@linux_only
async def test_no_program_runs_and_no_process_is_signalled(jail: ParserJail) -> None:
    assert await do(jail, "run_natively") != "status 0"
    assert await do(jail, f"kill {os.getpid()}") == "result -1"


async def test_the_parser_sees_none_of_the_services_environment(
    jail: ParserJail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_SECRET", "hush")
    async with ParserJail(LIMITS, parsers=HOGS) as fresh:
        assert "KB_SECRET" not in (await do(fresh, "environment")).split()


async def test_scratch_files_go_to_a_folder_that_is_removed(jail: ParserJail) -> None:
    folder, file = (await do(jail, "scratch")).split()
    assert Path(file).parent == Path(folder)
    assert not Path(folder).exists()


async def test_twenty_parses_at_once(jail: ParserJail) -> None:
    started = time.monotonic()
    said = await asyncio.gather(*(do(jail, f"nap {number}") for number in range(20)))
    assert said == [str(number) for number in range(20)]
    assert time.monotonic() - started < 10


async def test_hogs_beside_others_harm_only_themselves(jail: ParserJail) -> None:
    deeds = ["nap a", "abort", "nap b", "memory", "huge 3000000", "nap c", "exit"]
    outcomes = await asyncio.gather(*(do(jail, deed) for deed in deeds), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        str,
        ParserCrashed,
        str,
        ParserOutOfMemory,
        DocumentTooLarge,
        str,
        ParserCrashed,
    ]


async def test_the_loop_stays_free_meanwhile(jail: ParserJail) -> None:
    hog = asyncio.create_task(do(jail, "loop"))
    longest = 0.0
    while not hog.done():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - before)
    with pytest.raises(ParserTimeout):
        await hog
    assert longest < 0.5


async def test_a_cancelled_parse_leaves_no_child(jail: ParserJail) -> None:
    task = asyncio.create_task(do(jail, "sleep"))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _nursery().children() == []


async def test_a_file_over_the_limit_is_refused_unread() -> None:
    jail = ParserJail(ParserLimits(input_bytes=10), parsers=HOGS)
    with pytest.raises(DocumentTooLarge, match="11 bytes"):
        await jail.parse(b"x" * 11, name="long.txt")


async def test_a_large_file_goes_through(jail: ParserJail) -> None:
    assert await do(jail, "nap " + "x" * 500_000) == "x" * 500_000


async def test_the_nursery_is_replaced_when_it_dies() -> None:
    async with ParserJail(LIMITS, parsers=HOGS) as jail:
        assert await do(jail, "nap once") == "once"
        under_way = asyncio.create_task(do(jail, "sleep"))
        await asyncio.sleep(0.5)
        nursery = _nursery()
        (child,) = nursery.children()
        nursery.kill()
        with pytest.raises(ParserUnavailable):
            await under_way
        assert await do(jail, "nap twice") == "twice"
        assert has_ended(child)


async def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    jail = ParserJail(LIMITS, parsers=HOGS)
    with pytest.raises(ParserCrashed):
        await do(jail, "abort")
    hog = asyncio.create_task(do(jail, "sleep"))
    await asyncio.sleep(0.5)
    assert len(list(tmp_path.glob("kb-parse-*/*"))) == 1
    processes = [nursery := _nursery(), *nursery.children()]
    assert len(processes) == 2
    await jail.close()
    with pytest.raises(ParseError):
        await hog
    assert all(has_ended(process) for process in processes)
    assert list(tmp_path.iterdir()) == []


async def test_the_nursery_ends_with_its_service() -> None:
    program = (
        "import asyncio, sys\n"
        "from ingest.parsing.jail import ParserJail\n"
        "async def main():\n"
        f"    jail = ParserJail(parsers={HOGS!r})\n"
        "    asyncio.create_task(jail.parse(b'sleep', name='hog.txt'))\n"
        "    await jail.start()\n"
        "    await asyncio.sleep(0.5)\n"
        "    print('up', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    path = {"PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path)}
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, env={**os.environ, **path}
    )
    assert service.stdout is not None
    assert await service.stdout.readline() == b"up\n"
    family = psutil.Process(service.pid).children(recursive=True)
    assert len(family) == 2
    service.send_signal(signal.SIGKILL)
    await service.communicate()
    for _ in range(100):
        if all(has_ended(process) for process in family):
            break
        await asyncio.sleep(0.05)
    assert all(has_ended(process) for process in family)


async def test_a_parser_table_that_cannot_be_loaded_is_an_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    jail = ParserJail(parsers={"text": "no.such:thing"})
    with pytest.raises(ParserUnavailable):
        await jail.start()
    await jail.close()
    assert "no" in capfd.readouterr().err


@pytest.fixture(scope="module")
async def real() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (samples.TEXT, "a.txt", "Keep it dry."),
        (samples.MARKDOWN, "a.md", "very flat"),
        (samples.HTML, "a.html", "A round lid"),
        (samples.word(), "a.docx", "How to use it."),
        (samples.pdf(), "a.pdf", "quick brown fox"),
    ],
)
async def test_every_format_is_read(real: ParserJail, data: bytes, name: str, words: str) -> None:
    assert words in (await real.parse(data, name=name)).text


async def test_the_process_that_forks_has_one_thread(real: ParserJail) -> None:
    assert "rlimits" in await real.start()
    assert _nursery().num_threads() == 1


async def test_errors_keep_their_type(real: ParserJail) -> None:
    for data, error in (
        (b"\x00\x01\x02" * 500, UnsupportedFormat),
        (b"", EmptyDocument),
        (samples.pdf(password="secret"), EncryptedDocument),
        (samples.pdf_without_text(), EmptyDocument),
    ):
        with pytest.raises(error):
            await real.parse(data, name="file")


async def test_spacy_is_never_imported() -> None:
    parsers = {"text": HOGS["text"], "html": "ingest.parsing.html:parse"}
    async with ParserJail(LIMITS, parsers=parsers) as jail:
        loaded = set((await do(jail, "loaded")).split())
    assert "unstructured.partition.html" in loaded
    assert loaded.isdisjoint({"spacy", "numba", "torch"})


def _nursery() -> psutil.Process:
    """The one started last."""
    ours = [
        process
        for process in psutil.Process().children()
        if process.is_running() and "ingest.parsing.nursery" in " ".join(_command(process))
    ]
    return max(ours, key=lambda process: process.create_time())


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []

"""Parsers that misbehave, each in the way its document asks for. They run in the jail only."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ingest.parsing.document import Block, ParsedDocument
from ingest.parsing.errors import CorruptDocument, EncryptedDocument

DEEDS: dict[str, Callable[[str], str]] = {}


def deed(function: Callable[[str], str]) -> Callable[[str], str]:
    """A function that a document can ask for by its name without the underscore."""
    DEEDS[function.__name__.removeprefix("_")] = function
    return function


def parse(data: bytes) -> ParsedDocument:
    """Do what the first word says, with the rest as its argument, and report."""
    name, _, argument = data.decode().partition(" ")
    text = DEEDS[name](argument)
    block = Block(kind="paragraph", char_start=0, char_end=len(text))
    return ParsedDocument(text=text, blocks=(block,))


@deed
def _memory(_: str) -> str:
    hoard: list[bytes] = []
    while True:
        hoard.append(b"x" * (1 << 20))


@deed
def _native_memory(_: str) -> str:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while True:
        place = libc.malloc(1 << 20)
        if not place:
            os.abort()  # as C++ does when nobody catches bad_alloc
        ctypes.memset(place, 1, 1 << 20)


@deed
def _loop(_: str) -> str:
    while True:
        pass


@deed
def _sleep(_: str) -> str:
    time.sleep(60)
    return "awake"


@deed
def _nap(argument: str) -> str:
    time.sleep(0.05)
    return argument


@deed
def _connect(port: str) -> str:
    socket.create_connection(("127.0.0.1", int(port)), timeout=2).close()
    return "connected"


@deed
def _connect_natively(port: str) -> str:
    """Past Python and its audit hook, as exploited native code would."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    if descriptor < 0:
        return f"refused {ctypes.get_errno()}"
    address = b"\x02\x00" + int(port).to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
    return f"connected {libc.connect(descriptor, address, len(address))}"


@deed
def _resolve(_: str) -> str:
    return str(socket.getaddrinfo("localhost", 80))


@deed
def _run(_: str) -> str:
    return subprocess.run(["true"], check=True).args[0]


@deed
def _run_natively(_: str) -> str:
    return f"status {ctypes.CDLL(None).system(b'true')}"


@deed
def _kill(pid: str) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    return f"result {libc.kill(int(pid), signal.SIGKILL)}"


@deed
def _read(path: str) -> str:
    return Path(path).read_text()


@deed
def _write(path: str) -> str:
    Path(path).write_text("mine")
    return "written"


@deed
def _scratch(_: str) -> str:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("scratch")
        Path("left-behind").write_text("litter")
        return f"{Path.cwd()} {file.name}"


@deed
def _big_file(_: str) -> str:
    Path("big").write_bytes(b"x" * (100 << 20))
    return "written"


@deed
def _many_files(_: str) -> str:
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(2000)]
    return str(len(held))


@deed
def _huge(argument: str) -> str:
    return "x" * int(argument)


@deed
def _abort(_: str) -> str:
    os.abort()


@deed
def _segfault(_: str) -> str:
    return str(ctypes.string_at(0))


@deed
def _exit(_: str) -> str:
    os._exit(7)


@deed
def _corrupt(argument: str) -> str:
    raise CorruptDocument(argument)


@deed
def _encrypted(_: str) -> str:
    raise EncryptedDocument from KeyError("no")


@deed
def _bug(_: str) -> str:
    raise LookupError("a bug\nin a parser")


@deed
def _overlap(_: str) -> str:
    return " not stripped "


@deed
def _environment(_: str) -> str:
    return " ".join(sorted(os.environ))


@deed
def _forge(_: str) -> str:
    """Answer on the channel in place of the honest code around a parser."""
    forged = b'{"text": "x", "blocks": [["paragraph", 0, 99, 0, null, null]], "paths": [[]]}'
    os.write(3, len(forged).to_bytes(8, "big") + forged)
    os._exit(0)


@deed
def _forge_size(_: str) -> str:
    os.write(3, (1 << 60).to_bytes(8, "big"))
    return _sleep("")


@deed
def _loaded(_: str) -> str:
    return " ".join(sorted(sys.modules))

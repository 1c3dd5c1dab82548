"""What the child takes upon itself before it looks at a document."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path

import ingest
import retrieval
from ingest.parsing import landlock, seccomp
from ingest.parsing.limits import ParserLimits

_PR_SET_PDEATHSIG = 1
_REFUSED = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.kill",
    "pty.",
    "urllib.",
    "http.client.",
    "ftplib.",
    "smtplib.",
)


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def confine(limits: ParserLimits, folder: Path, *, readable: Iterable[Path] = ()) -> list[str]:
    """Take on every restriction this system has; the names of those that hold.

    The folders in `readable` can be read beside those of Python and the system's libraries.
    """
    os.chdir(folder)
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
    _limit_resources(limits)
    held = ["rlimits", "audit"]
    if landlock.install(own=folder, readable=_readable() | set(readable)):
        held.append("landlock")
    if seccomp.install():
        held.append("seccomp")
    sys.addaudithook(_refuse)
    return held


def _limit_resources(limits: ParserLimits) -> None:
    seconds = limits.cpu_seconds
    wanted = {
        "RLIMIT_CORE": (0, 0),
        # A signal that tells why, then SIGKILL; between them is what OCR may add to the first.
        "RLIMIT_CPU": (seconds, seconds + math.ceil(limits.ocr_seconds) + 5),
        "RLIMIT_FSIZE": (limits.file_bytes,) * 2,
        "RLIMIT_NOFILE": (limits.open_files,) * 2,
    }
    if (used := address_space()) is not None:
        wanted["RLIMIT_AS"] = (used + limits.memory_bytes,) * 2
    for name, (soft, hard) in wanted.items():
        kind = getattr(resource, name)
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            resource.setrlimit(kind, (min(soft, ceiling), min(hard, ceiling)))
        else:
            resource.setrlimit(kind, (soft, hard))


def extend_processor_time(seconds: float) -> None:
    """Allow this process so much more, as far as its hard limit does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft != resource.RLIM_INFINITY:
        more = soft + math.ceil(seconds)
        more = more if hard == resource.RLIM_INFINITY else min(more, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (more, hard))


def address_space() -> int | None:
    """Bytes of address space this process takes up, where the system tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return None
    return pages * resource.getpagesize()


def _readable() -> set[Path]:
    """Where Python and its libraries are, for what they load only when they need it."""
    packages = {Path(package.__path__[0]) for package in (ingest, retrieval)}
    python = {Path(sys.prefix), Path(sys.base_prefix)}
    libraries = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
    system = {
        Path(name)
        for name in ("/usr/lib", "/usr/lib64", "/usr/share", "/usr/local/lib", "/lib", "/lib64")
    }
    return packages | python | libraries | system


def _refuse(event: str, _args: tuple[object, ...]) -> None:
    # The filter stops the system call; this stops it sooner, names it, and works on any system.
    if event.startswith(_REFUSED):
        raise PermissionError(f"A parser may not do this: {event}")

"""The file system as the child sees it: its own folder, and Python's to read. Linux 5.13 and on."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_ASK_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REMOVE = 1 << 4 | 1 << 5
_MAKE_DIR, _MAKE_FILE = 1 << 7, 1 << 8
_BASE = (1 << 13) - 1
_TRUNCATE = 1 << 14  # from version 3
_NET = 0b11  # TCP bind and connect, from version 4
_SCOPE = 0b11  # abstract sockets and signals, from version 6

_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE


def install(*, own: Path, readable: Iterable[Path]) -> bool:
    """Bind this process to these folders for good. False where the system cannot."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    if version < 1:
        return False
    handled = _BASE | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack(
        "QQQ", handled, _NET if version >= 4 else 0, _SCOPE if version >= 6 else 0
    )
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        read = _READ_FILE | _READ_DIR | _EXECUTE
        write = read & ~_EXECUTE | _WRITE_FILE | _REMOVE | _MAKE_DIR | _MAKE_FILE | _TRUNCATE
        _allow(libc, ruleset, own, write & handled)
        for device in ("/dev/null", "/dev/urandom", "/dev/zero"):
            _allow(libc, ruleset, Path(device), (_READ_FILE | _WRITE_FILE) & handled)
        for path in readable:
            _allow(libc, ruleset, path, read & handled)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        access &= _OF_A_FILE if not path.is_dir() else ~0
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", access, folder), 0)
    finally:
        os.close(folder)

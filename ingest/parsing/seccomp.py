"""A system call filter for the child: no sockets, no programs, no other processes. Linux only."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
import sys

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS = 0x15, 0x35, 0x45
_RETURN = 0x06
_NR, _ARCH, _ARG0 = 0, 4, 16  # offsets in struct seccomp_data
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000

# Audit architecture, then the numbers of the system calls, from the kernel's tables.
_DENIED: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "socket": 41, "connect": 42, "accept": 43, "sendto": 44, "sendmsg": 46, "bind": 49,
            "listen": 50, "socketpair": 53, "accept4": 288, "sendmmsg": 307, "fork": 57,
            "vfork": 58, "execve": 59, "execveat": 322, "ptrace": 101, "process_vm_readv": 310,
            "process_vm_writev": 311, "kcmp": 312, "tkill": 200, "pidfd_open": 434,
            "pidfd_send_signal": 424, "pidfd_getfd": 438, "io_uring_setup": 425, "bpf": 321,
            "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249,
            "keyctl": 250, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166,
            "chroot": 161, "pivot_root": 155, "init_module": 175, "finit_module": 313,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "socket": 198, "socketpair": 199, "bind": 200, "listen": 201, "accept": 202,
            "connect": 203, "sendto": 206, "sendmsg": 211, "accept4": 242, "sendmmsg": 269,
            "execve": 221, "execveat": 281, "ptrace": 117, "process_vm_readv": 270,
            "process_vm_writev": 271, "kcmp": 272, "tkill": 130, "pidfd_open": 434,
            "pidfd_send_signal": 424, "pidfd_getfd": 438, "io_uring_setup": 425, "bpf": 280,
            "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "request_key": 218,
            "keyctl": 219, "unshare": 97, "setns": 268, "mount": 40, "umount2": 39,
            "chroot": 51, "pivot_root": 41, "init_module": 105, "finit_module": 273,
        },
    ),
}  # fmt: skip
# Allowed on the caller itself only: kill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, prlimit64.
_SELF_ONLY = {"x86_64": (62, 234, 129, 297, 302), "aarch64": (129, 131, 138, 240, 261)}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435  # its flags are in memory, where no filter can look; libc falls back to clone


# LibreOffice takes every signal to itself. Setting this one's action seems to succeed, and does
# nothing: it is how the kernel ends a child whose processor time is over.
_SIGACTION = {"x86_64": 13, "aarch64": 134}
_UNTAKEN = signal.SIGXCPU


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install() -> bool:
    """Bind this process to the filter for good. False where the system has none."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _DENIED:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    code = ctypes.create_string_buffer(_program(machine, os.getpid()))
    program = _Program(len(code) // 8, ctypes.addressof(code))
    return libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0


def _program(machine: str, pid: int) -> bytes:
    arch, denied = _DENIED[machine]
    refuse = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    allow = (_RETURN, 0, 0, _ALLOW)
    lines: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NR),
        (_JUMP_AT_LEAST, 0, 1, _X32),
        refuse,
        (_JUMP_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
        (_JUMP_EQUAL, 0, 4, _CLONE[machine]),
        (_LOAD, 0, 0, _ARG0),
        (_JUMP_BITS, 1, 0, _CLONE_THREAD),
        refuse,
        allow,
    ]
    lines += [
        (_JUMP_EQUAL, 0, 4, _SIGACTION[machine]),
        (_LOAD, 0, 0, _ARG0),
        (_JUMP_EQUAL, 0, 1, _UNTAKEN),
        (_RETURN, 0, 0, _ERRNO),
        allow,
    ]
    for number in _SELF_ONLY[machine]:
        lines += [
            (_JUMP_EQUAL, 0, 5, number),
            (_LOAD, 0, 0, _ARG0),
            (_JUMP_EQUAL, 2, 0, pid),
            (_JUMP_EQUAL, 1, 0, 0 if number in (302, 261) else pid),
            refuse,
            allow,
        ]
    for number in denied.values():
        lines += [(_JUMP_EQUAL, 0, 1, number), refuse]
    lines.append(allow)
    return b"".join(struct.pack("HBBI", *line) for line in lines)

"""The process that has the parsers loaded and forks a child for each task.

Started by the jail as `python -m ingest.parsing.nursery`. Orders come over a socket, each with the
child's own channel; what became of the children goes out over standard output. It has one thread
(forking is safe), opens no document itself, and ends, children first, when the socket closes.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ingest.parsing import child, confinement
from ingest.parsing.limits import ParserLimits
from ingest.parsing.parsers import load
from ingest.parsing.programs import Programs
from ingest.parsing.wire import ORDER_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nursery:
    orders: socket.socket
    events: int
    parsers: Mapping[str, str]
    limits: ParserLimits
    programs: Programs
    ocr_languages: Sequence[str]
    folder: Path
    children: dict[int, int]
    """Job by process id."""

    def serve(self) -> None:
        """Carry out orders until the jail is gone."""
        ended, wake = socket.socketpair()
        ended.setblocking(False)
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self.orders, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is ended:
                        ended.recv(4096)
                        self._reap(os.WNOHANG)
                    elif not self._obey():
                        return

    def end(self) -> None:
        """Stop every child and leave nothing behind."""
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)
        while self.children:
            self._reap(0)
        shutil.rmtree(self.folder, ignore_errors=True)

    def tell(self, event: dict[str, Any]) -> None:
        """Write an event for the jail; that it is gone will show on its socket."""
        with suppress(BrokenPipeError):
            os.write(self.events, json.dumps(event).encode() + b"\n")

    def _obey(self) -> bool:
        head, channels, _, _ = socket.recv_fds(self.orders, ORDER_BYTES, 1)
        if len(head) < ORDER_BYTES:
            return False
        order = json.loads(_exactly(self.orders, int.from_bytes(head, "big")))
        if channels:
            self._fork(order, channels[0])
        else:
            for pid, job in self.children.items():
                if job == order["kill"]:
                    os.kill(pid, signal.SIGKILL)
        return True

    def _fork(self, order: dict[str, Any], channel: int) -> None:
        job: int = order["job"]
        folder = self.folder / str(job)
        folder.mkdir(mode=0o700)
        nursery = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(order, channel, folder, nursery)
        os.close(channel)
        self.children[pid] = job

    def _become_child(
        self, order: dict[str, Any], channel: int, folder: Path, nursery: int
    ) -> NoReturn:
        status = 1
        try:
            confinement.die_with(nursery)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            null = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(null, standard)
            os.dup2(channel, 3)
            os.closerange(4, max(self.events, null, channel, self.orders.fileno()) + 64)
            child.answer(
                3,
                task_size=order["task_size"],
                size=order["size"],
                parsers=self.parsers,
                limits=self.limits,
                folder=folder,
                programs=self.programs,
                ocr_languages=self.ocr_languages,
            )
            status = 0
        finally:
            os._exit(status)

    def _reap(self, options: int) -> None:
        while self.children:
            pid, status, usage = os.wait4(-1, options)
            if pid == 0:
                return
            job = self.children.pop(pid, None)
            if job is not None:
                shutil.rmtree(self.folder / str(job), ignore_errors=True)
                peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                self.tell({"job": job, "status": status, "peak_bytes": peak})


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = source.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _probe(limits: ParserLimits, folder: Path) -> list[str]:
    """Which restrictions this system has, found out by a child that takes them on."""
    source, target = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(target, json.dumps(confinement.confine(limits, folder)).encode())
        finally:
            os._exit(0)
    os.close(target)
    with open(source, "rb") as report:  # noqa: PTH123 - a descriptor, not a path
        held = report.read()
    os.waitpid(pid, 0)
    return json.loads(held or b"[]")


def main(argument: str) -> None:
    """Load the parsers, say so, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = json.loads(argument)
    events = os.dup(1)
    os.dup2(2, 1)  # a library that prints must not garble the events
    for dotted in config["parsers"].values():
        load(dotted)
    gc.collect()
    gc.freeze()  # or the first collection in a child would copy every page
    folder = Path(tempfile.mkdtemp(prefix="kb-parse-"))
    limits = ParserLimits(**config["limits"])
    nursery = _Nursery(
        orders=socket.socket(fileno=config["orders"]),
        events=events,
        parsers=config["parsers"],
        limits=limits,
        programs=Programs(**config["programs"]),
        ocr_languages=config["ocr_languages"],
        folder=folder,
        children={},
    )
    try:
        nursery.tell({"ready": str(folder), "held": _probe(limits, folder)})
        nursery.serve()
    finally:
        nursery.end()


if __name__ == "__main__":
    main(sys.argv[1])

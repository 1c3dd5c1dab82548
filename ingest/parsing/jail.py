"""Reads untrusted files in child processes, so that none can harm or stall the service."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any, Self

from ingest.parsing import tasks, wire
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import (
    DocumentTooLarge,
    ParserCrashed,
    ParserOutOfMemory,
    ParserTimeout,
    ParserUnavailable,
)
from ingest.parsing.limits import ParserLimits
from ingest.parsing.page_image import PageRequest, Pixels
from ingest.parsing.parsers import PARSERS
from ingest.parsing.programs import Programs, find
from ingest.parsing.telemetry import OPT_OUT

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
# All that the nursery sees of the environment: no keys, no addresses.
_ENVIRONMENT = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
_FIXED_ENVIRONMENT = {
    **OPT_OUT,
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",  # Tesseract asks for more whatever the line above says
    "OPENBLAS_NUM_THREADS": "1",  # a second thread would make forking unsafe
}


class ParserJail:
    """Parses documents and draws their pages, each time in a short-lived child under limits and
    without a network.

    The parsers are loaded once, in a process that starts with the first task and again if it ever
    dies. One jail serves one event loop; any number of tasks may be under way.
    """

    def __init__(
        self,
        limits: ParserLimits | None = None,
        *,
        ocr_languages: Sequence[str] = ("eng",),
        programs: Programs | None = None,
        parsers: Mapping[str, str] = PARSERS,
    ) -> None:
        """Scanned pages are read in these languages, as Tesseract calls them; in none, not at all.

        The programs are those installed, unless others are given.
        """
        self._limits = limits or ParserLimits()
        self._ocr_languages = list(ocr_languages)
        self._programs = programs
        self._parsers = dict(parsers)
        self._slots = asyncio.Semaphore(self._limits.parallel)
        self._starting = asyncio.Lock()
        self._nursery: _Nursery | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> list[str]:
        """Load the parsers now rather than at the first document; the restrictions that hold.

        Always "rlimits" and "audit"; on Linux "seccomp" and, from 5.13, "landlock" as well.
        """
        return (await self._running()).held

    async def parse(self, data: bytes, *, name: str) -> ParsedDocument:
        """The document's text and structure. Any ParseError the parser raised is raised here."""
        payload = await self._do(tasks.ParseRequest(name=name[:255]), data)
        # A hundred megabytes of JSON would hold up everything else on this loop.
        return await asyncio.to_thread(wire.decode, payload)

    async def render(self, data: bytes, request: PageRequest) -> Pixels:
        """A page of a PDF, drawn. Any ParseError that came of it is raised here."""
        return wire.decode_pixels(await self._do(request, data))

    async def _do(self, task: tasks.Task, data: bytes) -> bytes:
        if len(data) > self._limits.input_bytes:
            raise DocumentTooLarge(f"The file has {len(data)} bytes.")
        async with self._slots:
            return await (await self._running()).run(task, data)

    async def close(self) -> None:
        """Stop the tasks under way and the process that holds the parsers."""
        async with self._starting:
            if self._nursery is not None:
                await self._nursery.close()
                self._nursery = None

    async def _running(self) -> _Nursery:
        async with self._starting:
            if self._nursery is None or self._nursery.gone:
                if self._nursery is not None:
                    await self._nursery.close()
                if self._programs is None:  # looking for a library runs a program
                    self._programs = await asyncio.to_thread(find)
                limits = self._limits
                if not (self._ocr_languages and self._programs.tesseract):
                    limits = replace(limits, ocr_seconds=0.0)
                config = {
                    "limits": asdict(limits),
                    "parsers": self._parsers,
                    "programs": asdict(self._programs),
                    "ocr_languages": self._ocr_languages,
                }
                self._nursery = await _Nursery.start(limits, config)
            return self._nursery


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a child ended."""

    status: int
    peak_bytes: int


def _may_hold_scans(data: bytes) -> bool:
    """Whether time for OCR may be needed: of a PDF, or of what is packed like those inside."""
    return data.startswith(b"PK") or b"%PDF-" in data[:1024]


class _Nursery:
    """The jail's end of the process in `ingest.parsing.nursery`."""

    def __init__(
        self, process: asyncio.subprocess.Process, orders: socket.socket, limits: ParserLimits
    ) -> None:
        self._process = process
        self._orders = orders
        self._limits = limits
        self._jobs = count(1)
        self._endings: dict[int, asyncio.Future[_Ending]] = {}
        self._folder = ""
        self._listener: asyncio.Task[None] | None = None
        self.held: list[str] = []
        self.gone = False

    @classmethod
    async def start(cls, limits: ParserLimits, config: Mapping[str, Any]) -> _Nursery:
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ingest.parsing.nursery",
                json.dumps({**config, "orders": theirs.fileno()}),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the service, which then closes the jail
                env=_environment(),
            )
        except OSError as exc:
            ours.close()
            raise ParserUnavailable(str(exc)) from exc
        finally:
            theirs.close()
        nursery = cls(process, ours, limits)
        try:
            async with asyncio.timeout(_START_SECONDS):
                ready = await nursery._event()
        except (TimeoutError, EOFError) as exc:
            await nursery.close()
            raise ParserUnavailable(f"Exit status: {process.returncode}.") from exc
        except BaseException:
            await nursery.close()
            raise
        nursery._folder, nursery.held = ready["ready"], ready["held"]
        nursery._listener = asyncio.create_task(nursery._listen())
        return nursery

    async def run(self, task: tasks.Task, data: bytes) -> bytes:
        """Have a child do this; the bytes it answered with."""
        told = tasks.encode(task)
        job = next(self._jobs)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        ending = self._endings[job] = asyncio.get_running_loop().create_future()
        try:
            order = {"job": job, "task_size": len(told), "size": len(data)}
            self._order(order, theirs.fileno())
        except OSError as exc:
            ours.close()
            self._endings.pop(job)
            self.gone = True
            raise ParserUnavailable from exc
        finally:
            theirs.close()
        seconds = self._limits.wall_seconds
        if isinstance(task, tasks.ParseRequest) and _may_hold_scans(data):
            seconds += self._limits.ocr_seconds
        try:
            async with asyncio.timeout(seconds):
                payload = await self._exchange(ours, told, data)
                ended = await asyncio.shield(ending)
        except TimeoutError as exc:
            raise ParserTimeout(f"Limit: {seconds:g} s.") from exc
        finally:
            await self._see_off(job, ending)
        return payload if payload is not None else self._explain(ended)

    async def close(self) -> None:
        """Let the process end its children and itself; make sure that it has."""
        self.gone = True
        self._orders.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                if self._listener is None:  # it never got ready; let go of its output
                    await self._process.communicate()
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._listener is not None:
            await self._listener
        if self._folder:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _exchange(self, ours: socket.socket, told: bytes, data: bytes) -> bytes | None:
        """Send task and document, and read the answer; None where the child ended without one."""
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            sending = asyncio.create_task(_send(writer, told, data))
            try:
                size = int.from_bytes(await reader.readexactly(wire.HEADER_BYTES), "big")
                if size > self._limits.output_bytes:
                    raise DocumentTooLarge(f"The result has {size} bytes.")
                return await reader.readexactly(size)
            except (asyncio.IncompleteReadError, OSError):
                return None
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            writer.transport.abort()

    async def _see_off(self, job: int, ending: asyncio.Future[_Ending]) -> None:
        """Return only when the child is gone, killed if need be, even when cancelled."""
        try:
            if not ending.done() and not self.gone:
                self._order({"kill": job})
                await asyncio.shield(asyncio.wait([ending]))
        except OSError:
            self.gone = True
        finally:
            if ending.done():
                ending.exception()  # looked at, whoever else did not
            self._endings.pop(job, None)

    def _explain(self, ended: _Ending) -> bytes:
        limit = self._limits
        number = os.WTERMSIG(ended.status) if os.WIFSIGNALED(ended.status) else None
        if number == signal.SIGXCPU:
            raise ParserTimeout(f"Limit: {limit.cpu_seconds} s of processor time.")
        if number == signal.SIGKILL:  # not ours, so the kernel's, short of memory
            raise ParserOutOfMemory
        # Native code that is refused memory tends to fall over; how much it had tells.
        if ended.peak_bytes > limit.memory_bytes * 0.7:
            raise ParserOutOfMemory(f"Limit: {limit.memory_bytes >> 20} MiB.")
        if number is not None:
            raise ParserCrashed(f"Signal: {signal.Signals(number).name}.")
        raise ParserCrashed(f"Exit status: {os.waitstatus_to_exitcode(ended.status)}.")

    def _order(self, order: dict[str, Any], channel: int | None = None) -> None:
        # A few hundred bytes into a socket buffer of 200 kB: this does not wait.
        message = json.dumps(order).encode()
        head = len(message).to_bytes(wire.ORDER_BYTES, "big")
        if channel is None:
            self._orders.sendall(head + message)
        else:
            socket.send_fds(self._orders, [head + message], [channel])

    async def _event(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise EOFError
        return json.loads(line)

    async def _listen(self) -> None:
        """Take in how children end, until the process does."""
        while True:
            try:
                event = await self._event()
            except EOFError:
                break
            ending = self._endings.get(event["job"])
            if ending is not None and not ending.done():
                ending.set_result(_Ending(event["status"], event["peak_bytes"]))
        self.gone = True
        for ending in self._endings.values():
            if not ending.done():
                ending.set_exception(ParserUnavailable())


async def _send(writer: asyncio.StreamWriter, told: bytes, data: bytes) -> None:
    writer.write(told)
    writer.write(data)
    await writer.drain()


def _environment() -> dict[str, str]:
    path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 - a string is wanted
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {**kept, **_FIXED_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(path)}

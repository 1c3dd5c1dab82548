"""The installed `kb` program, run as people run it: in processes of its own."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from kb.postgres.home import Home

KB = Path(sys.executable).with_name("kb")
URL = re.compile(r"http://127\.0\.0\.1:\d+")
# A terminal wide enough that no table breaks a word.
PLAIN = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}


@contextmanager
def data_folder() -> Generator[Path]:
    """A folder that an unprivileged PostgreSQL can reach, gone at the end with what runs in it."""
    folder = Path(tempfile.mkdtemp(prefix="kb-test-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        kill_all([*servers_of(folder), *weaviate_of(folder)])
        shutil.rmtree(folder)


def environment(data_dir: Path, more: Mapping[str, str]) -> dict[str, str]:
    """This process's own, less its settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    return {**own, **PLAIN, "KB_DATA_DIR": str(data_dir), **more}


def run_kb(
    data_dir: Path, *arguments: str | Path, status: int = 0, stdin: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, which must have that exit status, and never with a traceback."""
    done = subprocess.run(
        [KB, *arguments],
        env=environment(data_dir, settings),
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
        input=stdin,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def servers_of(data_dir: Path) -> list[psutil.Process]:
    """The PostgreSQL processes of that folder: the postmaster and all its children."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(Home(data_dir / "postgres", None).data) in process.cmdline():  # pyright: ignore[reportArgumentType] - only its path is asked for
                found += [process, *process.children(recursive=True)]
    return found


def weaviate_of(data_dir: Path) -> list[psutil.Process]:
    """The Weaviate of that folder, where one runs."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((data_dir / "weaviate" / "pid").read_text()))
        if process.name() == "weaviate-server":  # and not another one by now
            return [process]
    return []


def has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more. What is nobody's child stays in the table of processes until the
    machine's first process has taken note of its end, which may be long after."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill_all(processes: list[psutil.Process]) -> None:
    """kill -9, as a power cut would."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    eventually(lambda: all(map(has_ended, processes)), seconds=30)


def eventually(condition: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Up:
    """A running `kb up` on a free port."""

    def __init__(self, data_dir: Path, *arguments: str, **settings: str) -> None:
        self.data_dir = data_dir
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [KB, "up", "--port", "0", *arguments],
            env=environment(data_dir, settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._arriving: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.url = ""
        self.key: str | None = None

    def __enter__(self) -> Self:
        try:
            self.wait_for("MCP: ")
        except BaseException:
            self.kill()
            raise
        found = URL.search(self.output)
        assert found
        self.url = found.group()
        if shown := re.search(r"kb_\S{43}", self.output):
            self.key = shown.group()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.wait()

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return "".join(self.lines)

    def wait_for(self, text: str, *, seconds: float = 60) -> None:
        """Until it prints that."""
        deadline = time.monotonic() + seconds
        while text not in self.output:
            with suppress(queue.Empty):
                line = self._arriving.get(timeout=max(0.01, deadline - time.monotonic()))
                assert line, f"It ended: {self.output}"
            assert time.monotonic() < deadline, self.output

    def config(self) -> dict[str, Any]:
        """The MCP configuration it printed."""
        line = next(line for line in self.lines if line.startswith("MCP: "))
        return json.loads(line.removeprefix("MCP: "))

    def client(self, key: str | None = None) -> httpx.Client:
        """For its API, with its first key unless another is given."""
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def stop(self) -> None:
        """As a supervisor does; it must end well."""
        self.process.terminate()
        assert self.wait() == 0, self.output

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._reader.join(30)
        assert self.process.stdout
        self.process.stdout.close()
        return status

    def kill(self) -> None:
        """kill -9 of it and of every process it started, PostgreSQL apart."""
        with suppress(psutil.NoSuchProcess):
            own = psutil.Process(self.process.pid)
            kill_all([*own.children(recursive=True), own])
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            self._arriving.put(line)
        self._arriving.put("")

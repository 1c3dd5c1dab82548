"""A service whose processes are killed while documents come, change and go."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.kb.programs import kill_all, servers_of

KB = str(Path(sys.executable).with_name("kb"))
START_SECONDS = 60.0
PAUSE = 0.05
ABOUT = "The handbook tells of it in plain words, for whoever may need to know. "


class Stopped(Exception):
    """The drill is over."""


class Processes:
    """`kb up` and a `kb worker` beside it, on one data folder."""

    def __init__(self, data_dir: Path) -> None:
        # The one in `kb up` shares the work with it: which of the two has a document is chance.
        self.environment = {
            **os.environ,
            "KB_DATA_DIR": str(data_dir),
            "KB_DATABASE_URL": "",
            "KB_API_KEY": "",
            "KB_WORKER_CONCURRENCY": "2",
        }
        self.url = ""
        self._data_dir = data_dir
        self._log = (data_dir / "drill.log").open("w")
        self._up: subprocess.Popen[str] | None = None
        self._worker: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start what does not run, and wait until it answers."""
        if self._up is None or self._up.poll() is not None:
            port = self.url.rpartition(":")[2] or "0"
            self._up = self._run("up", "--port", port)
            assert self._up.stdout
            for line in self._up.stdout:
                if found := re.search(r"serves (http://\S+)", line):
                    self.url = found[1]
                    break
            else:
                raise AssertionError(f"kb up did not start; see {self._log.name}")
        if self._worker is None or self._worker.poll() is not None:
            self._worker = self._run("worker")

    def key(self) -> str:
        done = subprocess.run(
            [KB, "key", "create", "drill", "--quiet"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def kill_service(self) -> None:
        """All of it at once: the API, both workers and PostgreSQL."""
        assert self._up
        assert self._worker
        kill_all([*_tree(self._up.pid), *_tree(self._worker.pid), *servers_of(self._data_dir)])
        _see_off(self._up)
        _see_off(self._worker)

    def kill_worker(self) -> None:
        """The worker process, with its parsers."""
        assert self._worker
        kill_all(_tree(self._worker.pid))
        _see_off(self._worker)

    def kill_parser(self, chance: random.Random) -> None:
        """One of the processes that read documents, of either worker."""
        assert self._up
        assert self._worker
        parsers = [
            one
            for parent in (self._up.pid, self._worker.pid)
            for one in _tree(parent)
            if one.pid != parent and _name(one) != "postgres"
        ]
        if parsers:
            kill_all([chance.choice(parsers)])

    def stop(self) -> None:
        for one in (self._worker, self._up):
            if one is not None and one.poll() is None:
                one.send_signal(signal.SIGTERM)
        for one in (self._worker, self._up):
            if one is not None:
                with suppress(subprocess.TimeoutExpired):
                    one.wait(30)
                one.kill()
                _see_off(one)
        self._log.close()

    def _run(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [KB, *command],
            env=self.environment,
            stdout=subprocess.PIPE if command[0] == "up" else self._log,
            stderr=self._log,
            text=True,
        )


def _see_off(process: subprocess.Popen[str]) -> None:
    process.wait()
    if process.stdout:
        process.stdout.close()


def _tree(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.name()
    return ""


@dataclass(slots=True)
class Told:
    """What a document was last told to be, and what is known of it."""

    edition: int = 0
    is_there: bool = False
    """Its newest edition was acknowledged, and no deletion has been asked for since."""

    was_found: bool = False
    """A search has found it since it was sent for the first time."""

    lives: int = 0
    """How often it was deleted. What a search finds may be of a former life."""


@dataclass(slots=True)
class Drill:
    """Documents that come, change and go, and searches that must not miss one."""

    url: str
    key: str
    base: str
    chance: random.Random
    documents: dict[int, Told] = field(default_factory=dict[int, Told])
    misses: list[str] = field(default_factory=list[str])
    answers: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self) -> None:
        """Add, change or delete one after the other, each until it is acknowledged."""
        with self._client() as client, suppress(Stopped):
            while True:
                number = self.chance.choice(list(self.documents))
                told = self.documents[number]
                if told.is_there and self.chance.random() < 0.2:
                    with self._lock:
                        told.is_there = told.was_found = False
                        told.lives += 1
                    self._delete(client, number)
                else:
                    edition = told.edition + 1
                    self._send(client, number, edition)
                    with self._lock:
                        told.edition, told.is_there = edition, True
                self._pause(0.02)

    def search(self) -> None:
        """Look for one after the other; one that was found before must be found again."""
        with self._client() as client:
            while not self.stop.wait(0.01):
                number = self.chance.choice(list(self.documents))
                with self._lock:
                    before = self.documents[number]
                    expected, life, alive = before.was_found, before.lives, before.is_there
                found = self._find(client, number)
                if found is None:
                    continue
                with self._lock:
                    told = self.documents[number]
                    self.answers += 1
                    if told.lives != life or not alive:
                        continue
                    if found:
                        told.was_found = True
                    elif expected:
                        self.misses.append(f"document {number}, edition {told.edition}")

    def wait_for_answers(self, count: int) -> None:
        """Until searches have had so many more answers."""
        wanted, until = self.answers + count, time.monotonic() + 2 * START_SECONDS
        while self.answers < wanted:
            assert time.monotonic() < until, "searches get no answers"
            time.sleep(PAUSE)

    def finish_writing(self) -> None:
        """Tell every document once more what it is, so that nothing is left in between."""
        with self._client() as client:
            for number, told in self.documents.items():
                if told.is_there:
                    self._send(client, number, told.edition)
                else:
                    self._delete(client, number)

    def wait_until_idle(self, seconds: float) -> dict[str, Any]:
        """The knowledge base, once nothing is pending."""
        until = time.monotonic() + seconds
        with self._client() as client:
            while True:
                base = self._get(client, f"/v2/gen-ai/knowledge_bases/{self.base}")
                base = base["knowledge_base"]
                if not base["documents_pending"]:
                    return base
                assert time.monotonic() < until, base
                time.sleep(0.5)

    def found_texts(self, number: int) -> list[str]:
        with self._client() as client:
            found = self._find(client, number)
        assert found is not None
        return found

    def _find(self, client: httpx.Client, number: int) -> list[str] | None:
        body = {"query": word(number), "num_results": 10, "alpha": 0}
        try:
            answer = client.post(f"/v1/{self.base}/retrieve", json=body)
        except httpx.HTTPError:
            return None  # the service is down, which is no answer
        if answer.status_code == 503:
            return None
        assert answer.status_code == 200, answer.text
        return [one["text_content"] for one in answer.json()["results"]]

    def _send(self, client: httpx.Client, number: int, edition: int) -> None:
        files = {"file": (name(number), text(number, edition))}
        path = f"/v2/gen-ai/knowledge_bases/{self.base}/documents"
        self._insist(lambda: client.post(path, files=files), 200)

    def _delete(self, client: httpx.Client, number: int) -> None:
        path = f"/v2/gen-ai/knowledge_bases/{self.base}/documents"
        listed = self._get(client, f"{path}?per_page=200")["documents"]
        for one in listed:
            if one["item_name"] == name(number):
                self._insist(lambda uuid=one["uuid"]: client.delete(f"{path}/{uuid}"), 200, 404)
        until = time.monotonic() + 2 * START_SECONDS
        # Where the service died over it, a worker removes the rest; then it may come again.
        while self._find(client, number) != []:
            assert time.monotonic() < until, f"document {number} is not gone"
            time.sleep(PAUSE)

    def _get(self, client: httpx.Client, path: str) -> Any:
        return self._insist(lambda: client.get(path), 200).json()

    def _insist(self, ask: Callable[[], httpx.Response], *accepted: int) -> httpx.Response:
        """Ask until there is an answer: what was not acknowledged may have happened or not."""
        until = time.monotonic() + 2 * START_SECONDS
        while True:
            try:
                answer = ask()
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code in accepted:
                return answer
            assert answer is None or answer.status_code == 503, answer.text
            assert time.monotonic() < until, "the service does not come back"
            time.sleep(PAUSE)

    def _pause(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise Stopped

    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=40
        )


def word(number: int) -> str:
    """What only this document holds: letters alone, because a code is found by its parts too."""
    return "zq" + f"{number:03}".translate(str.maketrans("0123456789", "bcdfghjklm")) + "q"


def name(number: int) -> str:
    return f"{word(number)}.md"


def text(number: int, edition: int) -> str:
    """Several chunks, each with the document's word and the edition's."""
    sections = (
        f"# Part {part}\n\nThe {word(number)} of edition ed{edition}n. " + ABOUT * 8
        for part in range(3)
    )
    return "\n\n".join(sections)

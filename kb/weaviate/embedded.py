"""The embedded Weaviate: runs while any process uses it, and survives the death of any."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from kb.postgres.home import closing
from kb.weaviate.errors import EmbeddedWeaviateError
from kb.weaviate.home import Home
from kb.weaviate.ports import LOCALHOST, Ports, accepts, free_ports
from kb.weaviate.server import find_program, spawn
from retrieval.stores.weaviate_address import WeaviateAddress

START_SECONDS = 180.0  # a large index takes its time to load
STOP_SECONDS = 60.0  # to write down what is in memory; then it is killed, and reads its log


class EmbeddedWeaviate:
    """One use of the Weaviate in `<data_dir>/weaviate`; any number, in any processes, share it.

    The locks are those of the embedded PostgreSQL: `users.lock` is held shared by every user,
    `turn.lock` by whoever starts or stops the server, and `server.lock` by the server itself, which
    inherits it. While that is held, the process that wrote its id is alive.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        program: Path | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        """`program` is found on the PATH unless given. `on_wait` hears why a call takes long."""
        self._data_dir = data_dir
        self._program = program
        self._on_wait = on_wait or _say_nothing
        self._users_lock: int | None = None

    def __enter__(self) -> WeaviateAddress:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> WeaviateAddress:
        """Start the server where needed; return how to reach it.

        Calling it again restarts a server that has died meanwhile, on the same ports. Raises
        `WeaviateMissing`, or `EmbeddedWeaviateError` with the end of the server's log.
        """
        program = self._program or find_program()
        home = Home.at(self._data_dir)
        with self._turn(home):
            try:
                self._join(home)
                ports = self._require_server(home, program)
            except BaseException:
                self._leave(home)
                raise
            return WeaviateAddress(
                url=f"http://{LOCALHOST}:{ports.http}",
                grpc_port=ports.grpc,
                api_key=home.secret("api-key"),
            )

    def stop(self) -> None:
        """End this use, and shut the server down when it was the last one."""
        if self._users_lock is not None:
            home = Home.at(self._data_dir)
            with self._turn(home):
                self._leave(home)

    @contextmanager
    def _turn(self, home: Home) -> Generator[None]:
        from fcntl import LOCK_EX, flock  # not on Windows

        with closing(home.open("turn.lock")) as turn:
            if not _try_lock(turn):
                self._on_wait("Another process starts or stops Weaviate")
                flock(turn, LOCK_EX)
            yield

    def _join(self, home: Home) -> None:
        from fcntl import LOCK_SH, flock

        if self._users_lock is None:
            self._users_lock = home.open("users.lock")
            flock(self._users_lock, LOCK_SH)

    def _leave(self, home: Home) -> None:
        if self._users_lock is not None:
            with closing(self._users_lock) as users:
                self._users_lock = None
                if _try_lock(users):
                    _shut_down(home)

    def _require_server(self, home: Home, program: Path) -> Ports:
        started = told = False
        for seconds in _polls(START_SECONDS):
            with closing(home.open("server.lock")) as server:
                if _try_lock(server):
                    if started:
                        break
                    _start(home, program, server)
                    started = True
            ports = home.ports()
            if ports is not None and _is_ready(ports):
                return ports
            if seconds > 1 and not told:
                self._on_wait("Waiting for Weaviate")
                told = True
        raise EmbeddedWeaviateError(f"The end of its log:\n{home.last_log(20)}")


def _start(home: Home, program: Path, server_lock: int) -> None:
    """Call it with `server_lock` held: none is running."""
    ports = home.ports()
    if ports is None or not ports.are_free:
        ports = free_ports()
        home.keep_ports(ports)
    home.pid_file.unlink(missing_ok=True)
    spawn(home, program, ports, [server_lock])


def _shut_down(home: Home) -> None:
    asked = False
    for seconds in _polls(2 * STOP_SECONDS):
        with closing(home.open("server.lock")) as server:
            if _try_lock(server):
                return
            pid = home.pid()
            if pid is None:
                continue  # it is about to say so
            if seconds > STOP_SECONDS:
                _signal(pid, signal.SIGKILL)
            elif not asked:
                _signal(pid, signal.SIGTERM)
                asked = True
    raise EmbeddedWeaviateError("It does not stop.")


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):  # it ended just now
        os.kill(pid, number)


def _polls(limit: float) -> Iterator[float]:
    """Until that many seconds have passed, how many have."""
    begun = time.monotonic()
    for _ in itertools.count():
        passed = time.monotonic() - begun
        if passed > limit:
            return
        yield passed
        time.sleep(0.03)


def _is_ready(ports: Ports) -> bool:
    connection = HTTPConnection(LOCALHOST, ports.http, timeout=5)
    try:
        connection.request("GET", "/v1/.well-known/ready")
        return connection.getresponse().status == 200 and accepts(ports.grpc)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _try_lock(fd: int) -> bool:
    from fcntl import LOCK_EX, LOCK_NB, flock

    with suppress(BlockingIOError):
        flock(fd, LOCK_EX | LOCK_NB)
        return True
    return False


def _say_nothing(_: str) -> None:
    pass

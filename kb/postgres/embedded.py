"""The embedded PostgreSQL: runs while any process uses it, and survives the death of any."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs
import psycopg
from psycopg import pq

from kb.postgres.database import require_database
from kb.postgres.errors import DataDirUnusable, EmbeddedPostgresError
from kb.postgres.home import SOCKET, Home, closing
from kb.postgres.programs import programs


def default_data_dir() -> Path:
    """Where data lies unless KB_DATA_DIR says otherwise."""
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/kb")
    return platformdirs.user_data_path("kb")


class EmbeddedPostgres:
    """One use of the PostgreSQL in `<data_dir>/postgres`; any number, in any processes, share it.

    `users.lock` is held shared by every user, `turn.lock` by whoever starts or stops the server,
    and `server.lock` by the server's own processes, who inherit it. The kernel drops a lock when
    its last holder dies, so no process id is ever trusted.
    """

    def __init__(self, data_dir: Path, *, on_wait: Callable[[str], None] | None = None) -> None:
        """`on_wait` hears why a call takes more than a second: a recovery can take minutes."""
        self._data_dir = data_dir
        self._on_wait = on_wait or _say_nothing
        self._users_lock: int | None = None
        self._home: Home | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> str:
        """Make the database and start the server, where needed; return how to connect to it.

        The connection string is for role `kb`, owner of database `kb` and not a superuser. The
        extension `vector` is there. Raises `EmbeddedPostgresError` with the end of the server's
        log when it does not start.
        """
        if sys.platform not in ("linux", "darwin"):
            raise EmbeddedPostgresError(
                "It needs Linux or macOS; name a PostgreSQL to use instead."
            )
        try:
            home = Home.at(self._data_dir)
            with self._turn(home):
                try:
                    self._join(home)
                    self._require_server(home)
                except BaseException:
                    self._leave(home)
                    raise
                self._home = home
                return home.dsn("kb")
        except OSError as exc:
            raise DataDirUnusable(str(exc)) from exc
        except psycopg.Error as exc:
            raise EmbeddedPostgresError(str(exc)) from exc

    def revive(self) -> None:
        """Start the server again when it has died since `start`, and raise what that raises.

        It only looks at a lock, so that a server that hangs, or recovers, makes nobody wait: to
        ask it would hold up all threads, as libpq's ping keeps Python's lock.
        """
        if self._home is None:
            return
        with closing(self._home.open("server.lock")) as server:
            lives = not _try_lock(server)
        if not lives:
            self.start()

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
                self._on_wait("Another process starts or stops PostgreSQL")
                flock(turn, LOCK_EX)
            yield

    def _join(self, home: Home) -> None:
        from fcntl import LOCK_SH, flock

        if self._users_lock is None:
            self._users_lock = home.open("users.lock")
            flock(self._users_lock, LOCK_SH)

    def _leave(self, home: Home) -> None:
        self._home = None
        if self._users_lock is not None:
            with closing(self._users_lock) as users:
                self._users_lock = None
                if _try_lock(users):
                    self._shut_down(home)

    def _require_server(self, home: Home) -> None:
        started = False
        for _ in self._polls(home):
            if _accepts(home):
                break
            with closing(home.open("server.lock")) as server:
                if not _try_lock(server):
                    continue  # it starts, recovers, stops, or was killed and leaves orphans behind
                if started:
                    raise EmbeddedPostgresError(f"The end of its log:\n{home.last_log(20)}")
                _spawn(home, server)
                started = True
        if started:  # the wheel may have brought a newer one
            with psycopg.connect(home.dsn("postgres")) as superuser:
                superuser.execute("ALTER EXTENSION vector UPDATE")

    def _shut_down(self, home: Home) -> None:
        asked = False
        for poll, _ in enumerate(self._polls(home)):
            with closing(home.open("server.lock")) as server:
                if _try_lock(server):
                    return
            with suppress(ConnectionError, FileNotFoundError, ProcessLookupError):
                pid = _postmaster(home)
                if pid == 0:
                    return  # it runs in another container, and ends with that
                os.kill(pid, signal.SIGINT)  # PostgreSQL's "fast" shutdown
                asked = True
            if poll > 100 and not asked:
                return  # nobody listens: a killed server's last processes, which end by themselves

    def _polls(self, home: Home) -> Iterator[None]:
        told = ""
        for poll in itertools.count():
            yield
            time.sleep(0.03)
            if poll > 30 and (line := home.last_log(1)) != told:
                told = line
                self._on_wait(f"Waiting for PostgreSQL: {line.partition(':  ')[2] or line}")


def _say_nothing(_: str) -> None:
    pass


def _try_lock(fd: int) -> bool:
    from fcntl import LOCK_EX, LOCK_NB, flock

    with suppress(BlockingIOError):
        flock(fd, LOCK_EX | LOCK_NB)
        return True
    return False


def _accepts(home: Home) -> bool:
    with suppress(FileNotFoundError):
        # The file comes first: every connection that is refused is one more line in the log.
        if (home.data / "postmaster.pid").read_text().rstrip().endswith("ready"):
            dsn = home.dsn("kb", with_password=False) + "&connect_timeout=5"
            return pq.PGconn.ping(dsn.encode()) == pq.Ping.OK
    return False


def _postmaster(home: Home) -> int:
    """Whoever listens on the socket. A stale postmaster.pid may name any process."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(home.sockets / SOCKET))
        if sys.platform == "linux":
            peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return int(struct.unpack("3i", peer)[0])
    return int((home.data / "postmaster.pid").read_text().split()[0])


def _spawn(home: Home, server_lock: int) -> None:
    """Start the server, as nobody's child. Call it with `server_lock` held: none is running."""
    folder = programs(home)
    home.make_sockets()
    require_database(home, folder)
    # A killed server left its file; PostgreSQL would refuse to start if its process id were in
    # use again. (Against servers that are not ours, PostgreSQL also checks its shared memory.)
    (home.data / "postmaster.pid").unlink(missing_ok=True)
    log = home.path / "log"
    if log.exists() and log.stat().st_size > 10_000_000:
        log.rename(log.with_suffix(".old"))
    server = (folder / "postgres", "-D", home.data, "-k", home.sockets, "-c", "listen_addresses=")
    with closing(home.open("log", os.O_WRONLY | os.O_APPEND)) as output:
        in_background = ("/bin/sh", "-c", '"$@" &', "sh")
        home.account.run(*in_background, *server, output=output, pass_fds=[server_lock])

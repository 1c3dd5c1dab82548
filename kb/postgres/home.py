"""The folder `<data_dir>/postgres`: what lies where in it, and who may see it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from kb.postgres.account import Account, server_account
from kb.postgres.errors import DataDirUnusable

SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 103  # bytes, on macOS; Linux allows 107


@dataclass(frozen=True, slots=True)
class Home:
    """All that one embedded PostgreSQL keeps on disk. The data folder's owner owns the files; the
    account that runs the server owns the database and the socket's folder."""

    path: Path
    account: Account

    @classmethod
    def at(cls, data_dir: Path) -> Home:
        """Make the folder, or raise `DataDirUnusable` when the server's account cannot reach it."""
        data_dir.mkdir(parents=True, exist_ok=True)
        home = cls(data_dir.resolve() / "postgres", server_account(data_dir))
        home.path.mkdir(exist_ok=True)
        with closing(os.open(home.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)) as folder:
            os.fchmod(folder, 0o711)  # the server's account passes; what lies inside is private
            home.give(folder, to=data_dir.stat())
        if closed := home.account.closed_folder(home.path):
            raise DataDirUnusable(
                f"PostgreSQL does not run as root but as '{home.account.name}', "
                f"who may not enter {closed}"
            )
        return home

    @property
    def data(self) -> Path:
        """The database itself, PostgreSQL's PGDATA."""
        return self.path / "data"

    @property
    def sockets(self) -> Path:
        """Where the socket lies: elsewhere when the path is too long, or a list to PostgreSQL."""
        inside = self.path / "run"
        length = len(os.fsencode(inside / SOCKET))
        if length <= SOCKET_PATH_LIMIT and "," not in str(inside):
            return inside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        # Not tempfile.gettempdir(): processes with another TMPDIR must find the same socket.
        return Path(f"/tmp/kb-{self.account.uid}-{digest}")  # noqa: S108 - made private and checked

    def dsn(self, role: str, *, with_password: bool = True) -> str:
        """How that role reaches database `kb`. It needs no environment variable."""
        password = (self.path / f"{role}.password").read_text() if with_password else ""
        return f"postgresql://{role}:{password}@/kb?host={quote(str(self.sockets), '')}&port=5432"

    def give(self, path: Path | int, *, to: os.stat_result | None = None) -> None:
        """When we are root, give this to the server's account, or to another file's owner."""
        if os.geteuid() == 0:
            uid, gid = (to.st_uid, to.st_gid) if to else (self.account.uid, self.account.gid)
            os.chown(path, uid, gid, follow_symlinks=isinstance(path, int))

    def open(self, name: str, flags: int = os.O_RDWR) -> int:
        """Open, or make, a private file of the data folder's owner; a link is refused."""
        fd = os.open(self.path / name, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self.give(fd, to=self.path.stat())
        return fd

    def write_secret(self, name: str, text: str) -> None:
        """Write a private file that a power cut does not empty."""
        fd = self.open(name, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(fd, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(fd)

    def last_log(self, lines: int) -> str:
        """The end of what the server said."""
        with closing(self.open("log")) as log:
            os.lseek(log, max(0, os.fstat(log).st_size - 8192), os.SEEK_SET)
            text = os.read(log, 8192).decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def make_sockets(self) -> None:
        """Make the socket's folder, empty; raise `DataDirUnusable` when it is somebody else's."""
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        found = self.sockets.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid in (os.geteuid(), self.account.uid)
        if not ours or found.st_mode & 0o077:
            raise DataDirUnusable(f"{self.sockets} is not a private folder of ours; remove it")
        self.give(self.sockets)
        for stale in self.sockets.iterdir():
            stale.unlink()


@contextmanager
def closing(fd: int) -> Generator[int]:
    """Close the file at the end."""
    try:
        yield fd
    finally:
        os.close(fd)

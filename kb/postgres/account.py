"""Who the server runs as: ourselves, or, when we are root, an account that PostgreSQL accepts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kb.postgres.errors import EmbeddedPostgresError

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8",  # macOS lacks C.UTF-8
}
FIRST_CLOSED = 'for folder do test -x "$folder" || { printf %s "$folder"; break; }; done'


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine, and how to act as it."""

    name: str
    uid: int
    gid: int

    def run(
        self,
        *command: str | Path,
        stdin: str = "",
        output: int = subprocess.PIPE,
        pass_fds: Sequence[int] = (),
    ) -> str:
        """Run a program to its end and return what it printed (unless `output` took that).

        Raises `EmbeddedPostgresError` with the last of what it printed when it fails.
        """
        switch = os.geteuid() == 0
        done = subprocess.run(  # noqa: S603 - our own programs, no shell in between
            command,
            input=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            user=self.uid if switch else None,
            group=self.gid if switch else None,
            extra_groups=[] if switch else None,
            umask=0o077,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for us; a server must outlive it
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise EmbeddedPostgresError(f"{Path(command[0]).name}: {(done.stdout or '')[-2000:]}")
        return done.stdout or ""

    def closed_folder(self, path: Path) -> Path | None:
        """The first folder on the way to `path` that this account may not enter."""
        if os.geteuid() != 0:
            return None  # we are the account, and would hear of it ourselves
        folders = [*reversed(path.parents), path]
        found = self.run("/bin/sh", "-c", FIRST_CLOSED, "sh", *folders)
        return Path(found) if found else None


def server_account(data_dir: Path) -> Account:
    """Who runs the server on this data folder. Once there is a database, its owner always does."""
    import pwd  # not on Windows

    if os.geteuid() != 0:
        return Account("", os.geteuid(), os.getegid())
    for folder in (data_dir / "postgres" / "data", data_dir):
        with suppress(FileNotFoundError, KeyError):  # a mounted folder's owner may be unknown here
            if (uid := folder.stat().st_uid) != 0:
                found = pwd.getpwuid(uid)
                return Account(found.pw_name, found.pw_uid, found.pw_gid)
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return Account(found.pw_name, found.pw_uid, found.pw_gid)
    raise EmbeddedPostgresError("It does not run as root, and there is no account 'nobody'.")

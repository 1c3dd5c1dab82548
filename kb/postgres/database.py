"""Making the database `kb`: whole, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from kb.memory import memory_bytes
from kb.postgres.errors import OtherMajorVersion
from kb.postgres.home import Home, closing
from kb.postgres.programs import MAJOR

INITDB = (
    *("--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    *(("--sync-method=syncfs",) if sys.platform == "linux" else ()),  # 1 s rather than 3 s
)
# A quarter of the memory is PostgreSQL's own advice; 800,000 chunks fit into the most.
MOST_SHARED_BUFFERS = 4 << 30
# These land in postgresql.conf, for its owner to tune.
SETTINGS = {
    "maintenance_work_mem": "256MB",  # an HNSW build that does not fit is several times slower
    "max_wal_size": "2GB",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "jit": "off",
    # Most of what shared buffers lack is in the system's cache: to wake a worker takes longer.
    "io_method": "sync",
    # Parallel builds share maintenance_work_mem; a container's /dev/shm, where posix puts it, has
    # 64 MB. macOS has no such limit there, and a tiny one for sysv.
    "dynamic_shared_memory_type": "sysv" if sys.platform == "linux" else "posix",
}


def require_database(home: Home, programs: Path) -> None:
    """Make the database unless it is there. Call it alone, with no server running.

    An interrupted call leaves nothing but a temporary folder, which the next one sweeps.
    Raises `OtherMajorVersion` when another major version of PostgreSQL made it.
    """
    for leftover in home.path.glob("tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    if not home.data.exists():
        _make_database(home, programs)
    version = home.data / "PG_VERSION"
    found = version.read_text().strip() if version.exists() else "missing"
    if found != MAJOR:
        raise OtherMajorVersion(f"(Expected {MAJOR}; {version} is {found}.)")


def _make_database(home: Home, programs: Path) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="tmp-", dir=home.path))
    passwords = {role: secrets.token_urlsafe(32) for role in ("postgres", "kb")}
    for role, password in passwords.items():
        home.write_secret(f"{role}.password", password)
    data, password_file = scratch / "data", scratch / "password"
    password_file.write_text(passwords["postgres"])
    for path in (password_file, scratch):
        home.give(path)
    shared_buffers = min(memory_bytes() // 4, MOST_SHARED_BUFFERS) >> 20
    settings = {**SETTINGS, "shared_buffers": f"{shared_buffers}MB"}
    given = [f"--set={name}={value}" for name, value in settings.items()]
    home.account.run(
        programs / "initdb", f"--pgdata={data}", f"--pwfile={password_file}", *INITDB, *given
    )
    role = f"CREATE ROLE kb LOGIN PASSWORD '{passwords['kb']}'"
    for database, sql in (
        ("postgres", f"{role};\nCREATE DATABASE kb OWNER kb;\n"),
        ("kb", "CREATE EXTENSION vector;\n"),
    ):
        single_user = ("--single", "-c", "exit_on_error=true", "-D", data, database)
        home.account.run(programs / "postgres", *single_user, stdin=sql)
    data.rename(home.data)
    shutil.rmtree(scratch)
    with closing(os.open(home.path, os.O_RDONLY)) as folder:
        os.fsync(folder)  # or a power cut undoes the rename, and the next start sweeps the database

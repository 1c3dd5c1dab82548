"""The program `weaviate-server`: where it is, and how it is started."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kb.memory import memory_bytes
from kb.weaviate.errors import WeaviateMissing
from kb.weaviate.home import Home
from kb.weaviate.ports import LOCALHOST, Ports

PROGRAM = "weaviate-server"
USER = "kb"
# The shell goes away and leaves the server as nobody's child. Before it becomes the server, the
# process says who it is.
IN_BACKGROUND = ("/bin/sh", "-c", '"$@" &', "sh")
SAYING_ITS_ID = ("/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"')


def find_program() -> Path:
    """The one on the PATH. Raises `WeaviateMissing`."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise WeaviateMissing
    return Path(found)


def spawn(home: Home, program: Path, ports: Ports, locks: Sequence[int]) -> None:
    """Start it; it holds these locks for as long as it lives."""
    log = home.path / "log"
    if log.exists() and log.stat().st_size > 10_000_000:
        log.rename(log.with_suffix(".old"))
    output = home.open("log", os.O_WRONLY | os.O_APPEND)
    try:
        subprocess.run(  # noqa: S603 - the program that we were told to run, no shell reads it
            (
                *IN_BACKGROUND,
                *SAYING_ITS_ID,
                home.pid_file,
                program,
                *("--scheme", "http", "--host", LOCALHOST, "--port", str(ports.http)),
            ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=locks,
            umask=0o077,
            env=_environment(home, ports),
            cwd="/",
            start_new_session=True,  # Ctrl-C is for us; the server must outlive it
            check=True,
        )
    finally:
        os.close(output)


def _environment(home: Home, ports: Ports) -> dict[str, str]:
    """REST, Raft and gossip listen on this machine only. gRPC and the data port listen everywhere,
    whatever one says: so each has its secret."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home.path),
        "PERSISTENCE_DATA_PATH": str(home.data),
        "GRPC_PORT": str(ports.grpc),
        "CLUSTER_HOSTNAME": "kb",  # what is kept belongs to this name, not to the machine's
        "CLUSTER_IN_LOCALHOST": "true",
        "CLUSTER_BIND_ADDR": LOCALHOST,
        "CLUSTER_ADVERTISE_ADDR": LOCALHOST,
        "CLUSTER_GOSSIP_BIND_PORT": str(ports.gossip),
        "CLUSTER_DATA_BIND_PORT": str(ports.data),
        "CLUSTER_BASIC_AUTH_USERNAME": USER,
        "CLUSTER_BASIC_AUTH_PASSWORD": home.secret("cluster-password"),
        "RAFT_PORT": str(ports.raft),
        "RAFT_INTERNAL_RPC_PORT": str(ports.raft_rpc),
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_TIMEOUTS_MULTIPLIER": "1",  # there is nobody to wait for
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": home.secret("api-key"),
        "AUTHENTICATION_APIKEY_USERS": USER,
        "AUTOSCHEMA_ENABLED": "false",
        "API_BASED_MODULES_DISABLED": "true",
        "DISABLE_TELEMETRY": "true",
        "GO_PROFILING_DISABLE": "true",
        # Past it the server rather collects garbage than grows.
        "GOMEMLIMIT": str(memory_bytes() // 4),
        "DISK_USE_READONLY_PERCENTAGE": "98",  # of a disk that is not ours alone
        "LOG_LEVEL": "warning",
        "LOG_FORMAT": "text",
    }

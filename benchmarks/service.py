"""The real service in a process of its own, for a benchmark or the demo, and its data folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
LOG = "kb-up.log"
STOP_SECONDS = 60


class ServiceFailed(Exception):
    """`kb` did not do what a benchmark needs of it."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where the service answers, and a key to it."""

    url: str
    api_key: str
    pid: int = 0
    """The service's process; 0 where it is not ours."""


def data_folder(name: str) -> Path:
    """A folder for data that a second run goes on with, in the repository.

    For root it is elsewhere: PostgreSQL's unprivileged account must be able to reach it.
    """
    if os.geteuid() != 0:
        return ROOT / ".benchmarks" / name
    folder = Path(tempfile.gettempdir()) / f"kb-{name}-{sha256(bytes(ROOT)).hexdigest()[:12]}"
    folder.mkdir(mode=0o711, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != 0:
        raise ServiceFailed(f"{folder} belongs to somebody else; remove it.")
    return folder


@contextmanager
def running(
    data_dir: Path, *, command: Sequence[str] = (), settings: Mapping[str, str] | None = None
) -> Generator[Running]:
    """`kb up` on that data folder for as long as this is entered. Raises `ServiceFailed`.

    `command` is run in place of `kb`, such as one that measures it; `settings` are environment
    variables.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    environment = {**_environment(data_dir), **(settings or {})}
    log = data_dir / LOG
    with (
        log.open("w") as complaints,
        subprocess.Popen(
            [*(command or [_kb()]), "up", "--port", "0"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            url = _announced(process.stdout)
            if url is None:
                raise ServiceFailed(f"kb up did not start:\n{log.read_text()}")
            yield Running(url, _make_key(environment), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _announced(stdout: IO[str]) -> str | None:
    """The URL it prints once requests are answered; none when it ended before."""
    for line in stdout:
        if found := re.search(r"\bserves (http://\S+)", line):
            return found[1]
    return None


def _make_key(environment: dict[str, str]) -> str:
    done = subprocess.run(
        [_kb(), "key", "create", "benchmark", "--quiet"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServiceFailed(f"kb key create failed: {done.stderr}")
    return done.stdout.strip()


def _kb() -> str:
    """The command of the environment that runs the benchmark."""
    found = shutil.which("kb", path=str(Path(sys.executable).parent)) or shutil.which("kb")
    if found is None:
        raise ServiceFailed("The command kb is not installed beside this Python.")
    return found


def _environment(data_dir: Path) -> dict[str, str]:
    """Ours, but never another installation's database or team: a benchmark writes."""
    own = {"KB_DATA_DIR": str(data_dir.resolve()), "KB_DATABASE_URL": "", "KB_API_KEY": ""}
    return {**os.environ, **own}

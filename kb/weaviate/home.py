"""The folder `<data_dir>/weaviate`: what lies where in it. Only its owner may enter."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kb.weaviate.ports import Ports


@dataclass(frozen=True, slots=True)
class Home:
    """All that one embedded Weaviate keeps on disk."""

    path: Path

    @classmethod
    def at(cls, data_dir: Path) -> Home:
        """Make the folder where there is none."""
        path = data_dir.resolve() / "weaviate"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        return cls(path)

    @property
    def data(self) -> Path:
        """What Weaviate itself writes."""
        return self.path / "data"

    @property
    def pid_file(self) -> Path:
        """Written by the server's process before it becomes the server."""
        return self.path / "pid"

    def open(self, name: str, flags: int = os.O_RDWR) -> int:
        """Open, or make, a private file; a link is refused."""
        return os.open(self.path / name, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def secret(self, name: str) -> str:
        """Made up when it is asked for the first time. Call it in turn."""
        with os.fdopen(self.open(name), "r+") as file:
            kept = file.read()
            if not kept:
                kept = secrets.token_urlsafe(32)
                file.write(kept)
                file.flush()
                os.fsync(file.fileno())
        return kept

    def ports(self) -> Ports | None:
        """Those of the server that runs, or ran last."""
        with suppress(FileNotFoundError):
            return Ports(int((self.path / "port").read_text()))
        return None

    def keep_ports(self, ports: Ports) -> None:
        """Write them down for whoever comes next."""
        fresh = self.path / "port.new"
        fresh.write_text(str(ports.http))
        fresh.replace(self.path / "port")

    def pid(self) -> int | None:
        """The server's process; none in the moment before it has said so."""
        with suppress(FileNotFoundError, ValueError):
            return int(self.pid_file.read_text())
        return None

    def last_log(self, lines: int) -> str:
        """The end of what the server said."""
        with suppress(FileNotFoundError), (self.path / "log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 16384))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        return ""

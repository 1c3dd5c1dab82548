"""A real `kb up` with the demo's documents, for all of the playground's tests in a process."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from tests.kb.programs import Up, data_folder, eventually, run_kb

HANDBOOK = Path(__file__).parents[2] / "examples" / "handbook"
BASES = "/v2/gen-ai/knowledge_bases"


@dataclass(frozen=True, slots=True)
class Served:
    """Where it answers, and a key to it."""

    up: Up
    key: str

    @property
    def url(self) -> str:
        return self.up.url

    def knowledge_base(
        self, name: str, documents: Mapping[str, bytes], *, key: str | None = None
    ) -> UUID:
        """A new one with these documents, indexed."""
        with self.up.client(key or self.key) as http:
            made = http.post(BASES, json={"name": name}).json()["knowledge_base"]
            path = f"{BASES}/{made['uuid']}/documents"
            for item, data in documents.items():
                assert http.post(path, files={"file": (item, data)}).status_code == 200

            def is_indexed() -> bool:
                listed = http.get(path).json()["documents"]
                assert "failed" not in {one["status"] for one in listed}, listed
                return {one["status"] for one in listed} <= {"indexed"}

            eventually(is_indexed, seconds=180)
        return UUID(made["uuid"])

    def other_key(self) -> str:
        """Another key of the same team."""
        return run_kb(self.up.data_dir, "key", "create", "another", "--quiet").stdout.strip()


@contextmanager
def serving(**settings: str) -> Generator[Served]:
    """Without any knowledge base."""
    with data_folder() as folder, Up(folder, **settings) as up:
        assert up.key
        yield Served(up, up.key)


def handbook(*names: str) -> dict[str, bytes]:
    """Volumes of the demo's handbook whose names begin so; all of them unless some are named."""
    found = sorted(HANDBOOK.glob("volume-*"))
    return {
        one.name: one.read_bytes()
        for one in found
        if not names or any(one.name.startswith(name) for name in names)
    }

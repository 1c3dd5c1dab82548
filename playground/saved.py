"""The latest sweep of a knowledge base in a file, so that a reloaded page still has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from kb.settings import Settings
from playground.goal import Goal
from playground.measured import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSweep:
    """What was asked for, and what came out so far."""

    dataset: str
    goal: Goal
    reference: str
    """The candidate that the others are compared with."""

    began: datetime
    halving: bool
    found: list[Measured]
    """Best first."""

    left_out: list[str] = field(default_factory=list[str])
    """Questions whose gold is not in the documents, and why."""

    is_over: bool = False

    @property
    def by_name(self) -> Mapping[str, Measured]:
        """Of the candidates."""
        return {one.name: one for one in self.found}


_SWEEP = TypeAdapter(SavedSweep)


def saved_in(kb: UUID) -> Path:
    """The file of a knowledge base, in the data folder of the settings."""
    return Settings().data_dir / "playground" / f"{kb}.json"


def save(path: Path, sweep: SavedSweep) -> None:
    """Put it into the place of the one before, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(_SWEEP.dump_json(sweep))
    unfinished.replace(path)


def load(path: Path) -> SavedSweep | None:
    """The one that was saved; none where there is none, or one of another version of this."""
    try:
        return _SWEEP.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def forget(path: Path) -> None:
    """As if there had been none."""
    path.unlink(missing_ok=True)

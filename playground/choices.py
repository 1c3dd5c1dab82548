"""What was chosen in a view, kept in its address: it survives a reload and can be passed on."""

from __future__ import annotations

from typing import TypeVar

import marimo as mo
from pydantic import BaseModel, ValidationError

from playground.looks import is_live

Model = TypeVar("Model", bound=BaseModel)


class Address:
    """Its parameters, to read and to write.

    Not marimo's own object: a cell that names that one is run again whenever anything is written.
    """

    def __init__(self) -> None:
        self._now = mo.query_params() if is_live() else None  # Jupyter has no address
        now = self._now
        self._then = {} if now is None else {name: now.get_all(name) for name in now}

    def get(self, name: str) -> str | None:
        """The first of its values."""
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> list[str]:
        """Each of its values."""
        return self._then.get(name, [])

    def choice(self, name: str, kind: type[Model]) -> Model:
        """What was kept under the name; the defaults where it is missing or was tampered with."""
        try:
            return kind.model_validate_json(self.get(name) or "{}")
        except ValidationError:
            return kind()

    def keep(self, name: str, value: str | list[str] | BaseModel | None) -> None:
        """Under this name from now on; None forgets it. Read again, it is what was kept."""
        if isinstance(value, BaseModel):
            value = value.model_dump_json(exclude_defaults=True)
        values = [value] if isinstance(value, str) else value or []
        if self._then.get(name, []) == values:
            return
        self._then[name] = values
        if self._now is None:
            return
        if values:
            self._now.set(name, values[0] if len(values) == 1 else values)
        else:
            self._now.remove(name)

"""The stores of an installation, each made when it is first asked for: some take long to load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from retrieval.index import StoreName
from retrieval.store import Store


class Stores(Mapping[StoreName, Store]):
    """By name. What making one raises is raised whenever it is asked for."""

    def __init__(self, makers: Mapping[StoreName, Callable[[], Store]]) -> None:
        self._makers = makers
        self._made: dict[StoreName, Store] = {}

    def __getitem__(self, name: StoreName) -> Store:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[StoreName]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

"""Lists as DigitalOcean pages them: `page` and `per_page` in, `links` and `meta` out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel

T = TypeVar("T")

MAX_PER_PAGE = 200
MAX_PAGE = 1_000_000  # an offset that PostgreSQL can count to


class Pages(BaseModel):
    """Where the neighbours of this page are."""

    first: str | None = None
    previous: str | None = None
    next: str | None = None
    last: str | None = None


class Links(BaseModel):
    """DigitalOcean's wrapper around them."""

    pages: Pages


class Meta(BaseModel):
    """How much there is."""

    page: int
    pages: int
    total: int


class Paging:
    """The page a caller asked for."""

    def __init__(
        self,
        request: Request,
        page: Annotated[int, Query(ge=1, le=MAX_PAGE, description="From 1")] = 1,
        per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 20,
    ) -> None:
        self._url = request.url
        self.page = page
        self.limit = per_page
        self.offset = (page - 1) * per_page

    def of(self, everything: Sequence[T]) -> Sequence[T]:
        """This page of a list that is short enough to be there as a whole."""
        return everything[self.offset : self.offset + self.limit]

    def meta(self, total: int) -> Meta:
        """For `meta` in the response."""
        return Meta(page=self.page, pages=self._pages(total), total=total)

    def links(self, total: int) -> Links:
        """For `links` in the response: no link where there is no such page."""
        pages = self._pages(total)
        return Links(
            pages=Pages(
                first=self._link(1) if self.page > 1 else None,
                previous=self._link(self.page - 1) if self.page > 1 else None,
                next=self._link(self.page + 1) if self.page < pages else None,
                last=self._link(pages) if self.page < pages else None,
            )
        )

    def _pages(self, total: int) -> int:
        return max(1, -(-total // self.limit))

    def _link(self, page: int) -> str:
        return str(self._url.include_query_params(page=page, per_page=self.limit))


Page = Annotated[Paging, Depends()]

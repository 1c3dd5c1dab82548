"""A web server for each test that wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ingest.sources.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site

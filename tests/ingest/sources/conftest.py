"""A web server and an S3 server for the tests that want one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ingest.sources.buckets import Buckets
from tests.ingest.sources.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def buckets() -> Iterator[Buckets]:
    with Buckets() as buckets:
        yield buckets

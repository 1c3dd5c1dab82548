"""A real language model on a real server, for tests: `from tests.llm.fixtures import llm`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.tiny_llm import serving


@pytest.fixture(scope="session")
def llm() -> Iterator[str]:
    """The server's base URL, for all tests of the session."""
    with serving() as url:
        yield url

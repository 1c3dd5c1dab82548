"""One service and one browser for the playground's tests, and a person for each."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from playwright.async_api import Browser, async_playwright

from playground.client import Client
from playground.connection import Connection
from tests.playground.person import Person
from tests.playground.served import Served, handbook, serving

# No sandbox within a container, and no graphics card.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """With the knowledge base `handbook`: a PDF and a Markdown file of the demo's."""
    with serving() as found:
        found.knowledge_base("handbook", handbook("volume-2", "volume-5"))
        yield found


@pytest.fixture(scope="session")
def client(served: Served) -> Iterator[Client]:
    """The playground's, of the service."""
    with Connection(served.url, served.key) as connection:
        yield Client(connection)


@pytest.fixture(scope="session")
def base(client: Client) -> UUID:
    """The knowledge base `handbook`."""
    return next(one.uuid for one in client.knowledge_bases() if one.name == "handbook")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    program = shutil.which("chromium")
    assert program, "apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def person(browser: Browser, served: Served) -> AsyncIterator[Person]:
    """Whoever has cause for complaint at the end fails the test."""
    found = Person(browser, served)
    yield found
    await found.leave()
    assert found.complaints == []

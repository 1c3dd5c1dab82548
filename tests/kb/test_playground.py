"""`/playground` where it is not installed, and the parts of it that need no browser."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable
from importlib.machinery import ModuleSpec

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from kb.api.app import create_app
from kb.auth import Authenticator
from kb.gateway.gateway import Gateway
from kb.playground import app as playground
from kb.playground.notebooks import VIEWS, Notebooks, folder
from kb.playground.sign_in import LONGEST_FORM, SignIn
from kb.service import Service
from kb.settings import Settings
from kb.vault import LinkInvalid, Vault
from kb.wiring import make_live_sources


@pytest.fixture
def make_app(service: Service, settings: Settings, gateway: Gateway) -> Callable[[], FastAPI]:
    def make() -> FastAPI:
        own_url = "http://kb.test"
        return create_app(service, make_live_sources(settings), gateway, own_url=own_url)

    return make


def browsing(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://kb.test")


async def test_without_the_extra_it_says_what_to_install(
    make_app: Callable[[], FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without(name: str) -> ModuleSpec | None:
        return None if name == "marimo" else find(name)

    monkeypatch.setattr(playground, "find_spec", without)
    async with browsing(make_app()) as http:
        for path in ("/playground", "/playground/", "/playground/ask/"):
            answer = await http.get(path, follow_redirects=True)
            assert answer.status_code == 404
            assert answer.json()["id"] == "not_found"
            assert "pip install 'kb[playground]'" in answer.json()["message"]


async def test_an_endless_form_is_not_read_to_its_end(make_app: Callable[[], FastAPI]) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 1000 * LONGEST_FORM:
            sent += LONGEST_FORM
            yield b"key=" + b"x" * LONGEST_FORM
            await asyncio.sleep(0)

    async with browsing(make_app()) as http:
        answer = await http.post("/playground/sign-in", content=endless())
    assert answer.status_code == 401
    assert "wrong or revoked" in answer.text
    assert sent < 10 * LONGEST_FORM


async def test_every_view_is_a_notebook_and_the_first_page_makes_them_once() -> None:
    assert {path.stem for path in folder().glob("*.py")} == set(VIEWS)
    async with Notebooks() as notebooks:
        await asyncio.gather(notebooks.prepare(), notebooks.prepare())


def test_a_seal_is_for_one_purpose_one_installation_and_a_time() -> None:
    vault = Vault(b"secret")
    sealed = vault.seal("a", "text")
    assert "text" not in sealed
    assert vault.unseal("a", sealed, max_age_seconds=60) == "text"
    for other, purpose, age in ((vault, "b", 60), (Vault(b"other"), "a", 60), (vault, "a", -1)):
        with pytest.raises(LinkInvalid):
            other.unseal(purpose, sealed, max_age_seconds=age)


def test_what_is_no_cookie_of_ours_is_no_key(service: Service) -> None:
    sign_in = SignIn(Authenticator(service.pool), Vault(b"secret"))
    for cookie in ("", "kb_playground=", "kb_playground=%00", "kb_playground=gAAAA", "a=b"):
        headers = [(b"cookie", cookie.encode())] if cookie else []
        connection = connection_with(headers)
        assert sign_in.key(connection) is None


def connection_with(headers: list[tuple[bytes, bytes]]) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": headers, "path": "/", "query_string": b""})

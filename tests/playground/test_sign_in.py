"""Who gets into the playground, and as whom."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import expect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from kb.catalog import keys
from kb.playground.gate import META
from kb.postgres.home import Home
from kb.postgres.pool import make_pool
from kb.vault import Vault, secret_in
from playground.workplace import META as READ_META
from retrieval.postgres import scoped
from retrieval.scope import TeamScope
from tests.kb.programs import run_kb
from tests.playground.person import COOKIE, PATIENCE, Person
from tests.playground.served import Served

expect.set_options(timeout=PATIENCE)
PAGE = {"accept": "text/html"}


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=60) as http:
        yield http


def cookie_of(http: httpx.Client, key: str, **headers: str) -> httpx.Response:
    return http.post("/playground/sign-in", data={"key": key, "target": ""}, headers=headers)


def socket_url(served: Served, session: str = "s_123456") -> str:
    return f"{served.url.replace('http', 'ws')}/playground/ask/ws?session_id={session}"


async def test_a_person_signs_in_and_out(person: Person, served: Served) -> None:
    page = await person.look("ask/?kb=handbook&q=dome", key=None)
    await expect(page.get_by_role("heading", name="Playground")).to_be_visible()
    await person.picture(page, "sign-in")
    await page.get_by_label("API key").fill("kb_wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("wrong or revoked")
    await page.get_by_label("API key").fill(served.key)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_label("Question")).to_have_value("dome")  # where they wanted to go
    assert served.key not in await page.content()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("API key")).to_be_visible()
    assert await page.context.cookies() == []
    # Chromium itself speaks of every page that comes with the status 401.
    person.complaints[:] = [one for one in person.complaints if "status of 401" not in one]


@pytest.mark.parametrize("path", ["", "/", "/ask/", "/chunk/", "/tune/", "/evaluate/"])
def test_without_a_key_there_is_only_the_sign_in(http: httpx.Client, path: str) -> None:
    answer = http.get(f"/playground{path}", headers=PAGE, follow_redirects=True)
    assert answer.status_code == 401
    assert "API key" in answer.text
    assert "marimo" not in answer.text


@pytest.mark.parametrize(
    "path", ["/ask/api/kernel/set_ui_element_value", "/ask/api/files/list_files", "/ask/sse"]
)
def test_without_a_key_programs_are_refused(http: httpx.Client, path: str) -> None:
    answer = http.post(f"/playground{path}", json={})
    assert answer.status_code == 401
    assert answer.json()["id"] == "unauthorized"


def test_a_key_in_the_header_opens_as_well(http: httpx.Client, served: Served) -> None:
    answer = http.get("/playground/ask/", headers={"authorization": f"Bearer {served.key}"})
    assert answer.status_code == 200
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    assert served.key not in answer.text


def test_the_cookie_hides_the_key_and_goes_nowhere_else(http: httpx.Client, served: Served) -> None:
    answer = cookie_of(http, served.key)
    assert answer.status_code == 303
    said = answer.headers["set-cookie"]
    assert served.key not in said
    for part in ("HttpOnly", "SameSite=strict", "Path=/playground", "Max-Age=43200"):
        assert part in said
    assert "Secure" not in said
    secure = cookie_of(http, served.key, **{"x-forwarded-proto": "https"})
    assert "Secure" in secure.headers["set-cookie"]


def test_a_tampered_or_foreign_cookie_opens_nothing(http: httpx.Client, served: Served) -> None:
    good = cookie_of(http, served.key).cookies[COOKIE]
    elsewhere = Vault(b"another installation").seal(COOKIE, served.key)
    own = Vault(secret_in(served.up.data_dir))
    for value in (good[:-4] + "AAAA", elsewhere, own.seal("something else", served.key)):
        answer = http.get("/playground/ask/", headers={"cookie": f"{COOKIE}={value}"})
        assert answer.status_code == 401, value


def test_sign_in_leads_nowhere_but_into_the_playground(http: httpx.Client, served: Served) -> None:
    for target in ("https://example.org/", "//example.org/", "/v1/models", "/playground.evil/"):
        form = {"key": served.key, "target": target}
        answer = http.post("/playground/sign-in", data=form)
        assert answer.headers["location"] == "/playground/"


def test_another_websites_page_can_do_nothing(http: httpx.Client, served: Served) -> None:
    own = {"authorization": f"Bearer {served.key}"}
    for origin in ("https://example.org", "null", f"{served.url}.example.org"):
        headers = {**own, "origin": origin}
        path = "/playground/ask/api/kernel/set_ui_element_value"
        assert http.post(path, headers=headers, json={}).status_code == 403
        assert cookie_of(http, served.key, origin=origin).status_code == 403


async def test_nobody_edits_a_notebook_or_runs_code(http: httpx.Client, served: Served) -> None:
    own = {"authorization": f"Bearer {served.key}", "marimo-session-id": "s_writer"}
    async with connect(socket_url(served, "s_writer"), additional_headers=own) as socket:
        await shown_to(socket)
        assert await set_value(served, own) == 200
        for path in ("kernel/run", "kernel/save", "files/create", "kernel/scratchpad/run"):
            answer = http.post(f"/playground/ask/api/{path}", headers=own, json={})
            assert answer.status_code in {401, 403, 404}, path
            assert "left alone" not in answer.text


def test_a_page_that_is_gone_is_told_to_be_loaded_anew(http: httpx.Client, served: Served) -> None:
    own = {"authorization": f"Bearer {served.key}", "marimo-session-id": "s_gone"}
    answer = http.post("/playground/ask/api/kernel/set_ui_element_value", headers=own, json={})
    assert answer.status_code == 404
    assert answer.json()["message"].endswith("is gone; load it anew.")


async def test_a_socket_needs_a_key_and_an_origin_of_ours(served: Served) -> None:
    own = {"authorization": f"Bearer {served.key}"}
    with pytest.raises(InvalidStatus, match="403"):
        await connect(socket_url(served))
    with pytest.raises(InvalidStatus, match="403"):
        await connect(socket_url(served), additional_headers=own, origin="https://example.org")  # pyright: ignore[reportArgumentType] any text is an origin
    async with connect(socket_url(served), additional_headers=own) as socket:
        assert "kernel-ready" in str(await asyncio.wait_for(socket.recv(), 60))


async def test_a_revoked_key_ends_at_once(person: Person, served: Served) -> None:
    key = served.other_key()
    page = await person.look("ask/?kb=handbook", key=key)
    await expect(page.get_by_label("Question")).to_be_visible()
    run_kb(served.up.data_dir, "key", "revoke", key[:10])
    answer = await page.context.request.get(f"{served.url}/playground/ask/")
    assert answer.status == 401
    await page.get_by_label("Question").fill("Who is on duty?")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await asyncio.sleep(1)
    assert not await page.get_by_role("article", name="Passage 1").is_visible()
    person.complaints[:] = [
        one for one in person.complaints if "401" not in one and "Unauthorized" not in one
    ]


async def other_teams_key(served: Served) -> str:
    """Of another team in the same installation."""
    pool = make_pool(Home.at(served.up.data_dir).dsn("kb"), max_size=4)
    await pool.open(wait=True)
    try:
        team = TeamScope(team_id=uuid4())
        async with scoped(pool, team) as conn:
            await keys.ensure_team(team, conn, name="others")
            _, secret = await keys.create_key(team, conn, name="test")
    finally:
        await pool.close()
    return secret


async def shown_to(socket: ClientConnection) -> str:
    """What a page is sent until all cells have run."""
    said = ""
    async with asyncio.timeout(60):
        while "completed-run" not in said:
            said += str(await socket.recv())
    return said


async def test_a_page_of_one_team_never_sees_anothers_data(served: Served) -> None:
    ours = {"authorization": f"Bearer {served.key}"}
    theirs = {"authorization": f"Bearer {await other_teams_key(served)}"}
    url = socket_url(served, "s_guessed")
    async with connect(url, additional_headers=ours) as socket:
        assert "handbook" in await shown_to(socket)
        async with connect(url, additional_headers=theirs) as other:  # the same session's name
            said = await shown_to(other)
            assert "handbook" not in said
            assert "There is no knowledge base yet." in said
        with pytest.raises(TimeoutError):  # ours goes on, undisturbed
            await asyncio.wait_for(socket.recv(), 1)
    async with connect(socket_url(served, "s_ours"), additional_headers=ours) as socket:
        await shown_to(socket)
        assert await set_value(served, {**ours, "marimo-session-id": "s_ours"}) == 200
        assert await set_value(served, {**theirs, "marimo-session-id": "s_ours"}) == 404
        assert await set_value(served, {**theirs, "marimo-stable-session-id": "s_ours"}) >= 400


async def set_value(served: Served, headers: dict[str, str]) -> int:
    """The status of moving a slider in a session."""
    path = "/playground/ask/api/kernel/set_ui_element_value"
    body = {"objectIds": ["x"], "values": [1]}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as http:
        return (await http.post(path, json=body)).status_code


def test_kb_and_the_notebooks_agree_on_a_name() -> None:
    assert META == READ_META

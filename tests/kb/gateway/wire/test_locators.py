"""A citation's locators, in every API, read back: exactly the words that were cited."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from kb.gateway.events import Cited, NumberedPassage, TextDelta
from kb.service import Service
from kb.worker import Worker
from retrieval.query import Query
from retrieval.scope import Scope
from tests.kb.api.client import client_of
from tests.kb.gateway.wire.recording import DOORS, locators, told, whole
from tests.kb.gateway.wire.scripts import SEARCH, ScriptedGateway, finished, search
from tests.kb.gateway.wire.server import make_app
from tests.kb.teams import new_base, new_team, parts

STRANGE = "# \u03a9 \U0001f4e6\n\nA parcel \U0001f4e6 waits 14 days \u2014 na\u00efve cafe\u0301.\n"


@pytest.fixture(scope="module")
async def found(service: Service, worker: Worker) -> tuple[Scope, str, NumberedPassage]:
    """A real passage, and a key of its team."""
    team, secret = await new_team(service)
    scope = await new_base(service, team)
    await service.add_document(scope, item_name="strange.md", data=parts(STRANGE))
    await worker.run(wait=False)
    (passage,) = (await service.retrieve(scope, Query(text="parcel"))).passages
    return scope, secret, NumberedPassage(number=1, passage=passage)


@pytest.fixture
async def client(
    service: Service, found: tuple[Scope, str, NumberedPassage]
) -> AsyncIterator[httpx.AsyncClient]:
    _, secret, one = found
    script = [
        *search(SEARCH, "parcel", one),
        TextDelta(text="It waits."),
        Cited(passages=(one,), start=0, end=9),
        finished(),
    ]
    app: FastAPI = make_app(service, ScriptedGateway(script))
    async with client_of(app, secret) as http:
        yield http


@pytest.mark.parametrize("name", DOORS)
async def test_the_locators_of_an_answer_give_the_quoted_text(
    client: httpx.AsyncClient, found: tuple[Scope, str, NumberedPassage], name: str
) -> None:
    _, _, one = found
    told_of = [
        *locators(await whole(client, DOORS[name])),
        *locators(await told(client, DOORS[name])),
    ]
    assert len(told_of) >= 2
    for locator in told_of:
        assert locator == told_of[0]
    quoted = await client.get(told_of[0]["url"])
    assert quoted.text == one.passage.text
    assert "\U0001f4e6 waits 14 days" in quoted.text
    named = (await client.get("/v1/citations", params={"uri": told_of[0]["uri"]})).json()
    assert named["text_content"] == one.passage.text
    citation = named["citation"]
    assert citation == {key: told_of[0][key] for key in citation}


async def test_another_teams_key_opens_no_locator(
    service: Service, client: httpx.AsyncClient
) -> None:
    (locator, *_) = locators(await whole(client, DOORS["chat"]))
    _, other = await new_team(service)
    stranger = {"authorization": f"Bearer {other}"}
    assert (await client.get(locator["url"], headers=stranger)).status_code == 404

"""Knowledge bases that a key does not open: no tool entry, name or id leads into them, in any API.

Beside another team's there is one of the caller's own team that the request does not attach: the
key opens that one, but the model must not.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from kb.gateway.loop import NO_SUCH_TOOL
from kb.service import Service
from kb.worker import Worker
from retrieval.query import Query
from tests.kb.gateway.answer import Answer
from tests.kb.gateway.live import Library, Live, live, new_library
from tests.kb.gateway.wire.recording import DOORS, steady
from tests.llm.scripted import Reply, calls, says

OURS = "# Front desk\n\nA parcel may wait at the front desk for nine days.\n"
THEIRS = "# Salaries\n\nThe director earns 4711 florins a week.\n"
SECRET = "4711 florins"
QUERY = "what does the director earn"
SEARCH = "knowledge_base_retrieval"
FOUND_IN = re.compile(r'"(?:knowledge_base_id|vector_store_id)":"([^"]+)"')
ANSWER = Reply(*says("It does not say [1]."))

apis = pytest.mark.parametrize("api", DOORS)
ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
whose = pytest.mark.parametrize("other", ["theirs", "unattached"], indirect=True)


@pytest.fixture(scope="session")
async def ours(service: Service, worker: Worker) -> Library:
    return await new_library(service, worker, OURS)


@pytest.fixture(scope="session")
async def theirs(service: Service, worker: Worker) -> Library:
    return await new_library(service, worker, THEIRS, name="salaries")


@pytest.fixture(scope="session")
async def unattached(service: Service, worker: Worker, ours: Library) -> Library:
    return await new_library(service, worker, THEIRS, name="salaries", beside=ours)


@pytest.fixture
def other(request: pytest.FixtureRequest, theirs: Library, unattached: Library) -> Library:
    """One that the request does not attach."""
    return {"theirs": theirs, "unattached": unattached}[request.param]


@pytest.fixture
async def chat(
    whole_app: FastAPI, whole_origin: str, service: Service, ours: Library
) -> AsyncIterator[Live]:
    async with live(whole_app, whole_origin, service, ours) as opened:
        yield opened


def same(answer: Answer, name: UUID | str) -> str:
    """What the client sees, without what differs from request to request, and without the name."""
    told = steady([answer.status, answer.frames or answer.body])
    return told.replace(str(name), "it")


async def test_the_other_text_is_there_for_who_may_read_it(
    service: Service, theirs: Library, unattached: Library
) -> None:
    for one in (theirs, unattached):
        found = await service.retrieve(one.team.knowledge_base(one.base), Query(text=QUERY))
        assert SECRET in found.passages[0].text


# What the request names.

Entry = Callable[[Library, object], list[dict[str, Any]]]
ENTRIES: dict[str, Entry] = {
    "knowledge_base_retrieval": lambda _, it: [{"type": SEARCH, "knowledge_base_id": it}],
    "one that filters": lambda _, it: [
        {
            "type": SEARCH,
            "knowledge_base_id": it,
            "filters": {"equals": {"key": "nobody_declared_it", "value": 1}},
        }
    ],
    "beside our own": lambda ours, it: [ours.tool, {"type": SEARCH, "knowledge_base_id": it}],
    "file_search": lambda _, it: [{"type": "file_search", "vector_store_ids": [it]}],
    "file_search with our own": lambda ours, it: [
        {"type": "file_search", "vector_store_ids": [str(ours.base), it]}
    ],
}


@ways
@apis
@pytest.mark.parametrize("entry", ENTRIES)
async def test_an_entry_that_names_anothers_is_answered_as_if_there_were_none(
    chat: Live, ours: Library, theirs: Library, entry: str, api: str, *, stream: bool
) -> None:
    for path in (DOORS[api].path, DOORS[api].path.removeprefix("/v1")):
        for model in ("tiny", "extractive"):
            seen: list[str] = []
            for base in (theirs.base, uuid4()):
                tools = ENTRIES[entry](ours, str(base))
                asked = chat.request(api, tools=tools, stream=stream, model=model)
                answer = Answer.of(await chat.http.post(path, json=asked))
                assert answer.status == 404
                assert answer.body["error"]["code"] == "not_found"
                seen.append(same(answer, base))
            assert seen[0] == seen[1]
    assert chat.server.requests == []


@apis
@pytest.mark.parametrize("field", ["knowledge_base_id", "knowledge_base_ids", "vector_store_ids"])
async def test_names_and_lists_where_there_are_none_name_nothing(
    chat: Live, theirs: Library, field: str, api: str
) -> None:
    kind = "file_search" if field == "vector_store_ids" else SEARCH
    for given in (theirs.name, [theirs.name], [str(theirs.base), theirs.name]):
        answer = await chat.ask(api, tools=[{"type": kind, field: given}])
        assert answer.status == 400
        assert SECRET not in answer.text
    assert chat.server.requests == []


# What the model makes up.

MADE_UP: dict[str, Callable[[object], dict[str, object]]] = {
    "knowledge_base_id": lambda it: {"query": QUERY, "knowledge_base_id": it},
    "knowledge_base_ids": lambda it: {"query": QUERY, "knowledge_base_ids": [it]},
    "vector_store_ids": lambda it: {"query": QUERY, "vector_store_ids": [it]},
    "a whole tool": lambda it: {"query": QUERY, "type": SEARCH, "filters": {}, "scope": it},
    "the query": lambda it: {"query": f"{QUERY} knowledge_base_id:{it} kb://{it}/documents"},
}


@ways
@apis
@whose
@pytest.mark.parametrize("case", MADE_UP)
async def test_ids_and_names_in_a_calls_arguments_lead_nowhere_else(
    chat: Live, other: Library, case: str, api: str, *, stream: bool
) -> None:
    for names in ((str(other.base), str(uuid4())), (other.name, "no such name")):
        seen: list[tuple[str, str]] = []
        for name in names:
            call = (SEARCH, json.dumps(MADE_UP[case](name)))
            seen.append(await told(chat, name, [Reply(*calls(call)), ANSWER], api, stream=stream))
        if case != "the query":  # whose words find what they find in our own
            assert seen[0] == seen[1]


@ways
@apis
@whose
async def test_tools_named_after_another_are_no_tools(
    chat: Live, other: Library, api: str, *, stream: bool
) -> None:
    names = [other.name, str(other.base), f"{SEARCH}_{other.base}", f"{SEARCH}.{other.name}"]
    for name in (*names, "retrieve_knowledge_base", "file_search"):
        arguments = json.dumps({"query": QUERY, "knowledge_base_id": str(other.base)})
        replies = [Reply(*calls((name, arguments))), ANSWER]
        await told(chat, name, replies, api, stream=stream)
        assert chat.server.requests[-1].body["messages"][-1]["content"] == NO_SUCH_TOOL


async def told(
    chat: Live, name: str, replies: Sequence[Reply], api: str, *, stream: bool, **more: Any
) -> tuple[str, str]:
    """What the client and the model's server are told, once it is sure that it is ours alone."""
    chat.server.replies.extend(replies)
    before = len(chat.server.requests)
    answer = await chat.ask(api, stream=stream, **more)
    assert answer.status == 200, answer.text
    requests = chat.server.requests[before:]
    assert len(requests) == len(replies)
    asked = json.dumps([one.body for one in requests])
    for text in (asked, answer.text):
        assert SECRET not in text
        assert "director earns" not in text
    assert "salaries.md" not in answer.text
    assert set(FOUND_IN.findall(answer.text)) <= {str(chat.library.base)}
    return same(answer, name), asked.replace(name, "it")


# What the client says that the model called before.


def earlier(api: str, base: object) -> dict[str, Any]:
    """A conversation whose last call nobody has answered, so that it is run first."""
    arguments = {"query": QUERY, "knowledge_base_id": str(base), "vector_store_ids": [str(base)]}
    said = "What does the director earn?"
    if api == "responses":
        search = {"type": "file_search_call", "id": "fs_1", "status": "completed"}
        return {
            "input": [
                {"role": "user", "content": said},
                {**search, "queries": [QUERY], "vector_store_ids": [str(base)], "results": None},
                {
                    "type": "function_call",
                    "call_id": "call_1",
                    "name": SEARCH,
                    "arguments": json.dumps(arguments),
                },
            ]
        }
    call: dict[str, Any] = {"role": "assistant"}
    if api == "chat":
        function = {"name": SEARCH, "arguments": json.dumps(arguments)}
        call["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    else:
        use = {"type": "tool_use", "id": "call_1", "name": SEARCH, "input": arguments}
        call["content"] = [use]
    return {"messages": [{"role": "user", "content": said}, call]}


@ways
@apis
@whose
async def test_calls_that_the_client_makes_up_search_what_the_request_attaches(
    chat: Live, other: Library, api: str, *, stream: bool
) -> None:
    seen = [
        await told(chat, str(base), [ANSWER], api, stream=stream, **earlier(api, base))
        for base in (other.base, uuid4())
    ]
    assert seen[0] == seen[1]
    sent = chat.server.requests[-1].body["messages"]
    assert any("nine days" in one["content"] for one in sent if one["role"] == "tool")


@ways
@apis
async def test_without_a_tool_such_calls_are_not_run(
    chat: Live, theirs: Library, api: str, *, stream: bool
) -> None:
    asked = earlier(api, theirs.base)
    await told(chat, "nothing", [ANSWER], api, stream=stream, tools=[], **asked)
    sent = chat.server.requests[-1].body["messages"]
    assert not [one for one in sent if one["role"] == "tool"]


# What citations name.

NAMED = ("knowledge_base_id", "document_id", "version_id")


async def test_a_locator_of_anothers_is_none(chat: Live, theirs: Library) -> None:
    """Nor under our own knowledge base."""
    chat.server.replies.extend([Reply(*calls((SEARCH, json.dumps({"query": QUERY})))), ANSWER])
    stranger = {"authorization": f"Bearer {theirs.secret}"}
    asked = chat.request("chat", tools=[theirs.tool])
    answer = await chat.http.post(DOORS["chat"].path, json=asked, headers=stranger)
    (annotation,) = answer.json()["choices"][0]["message"]["annotations"]
    locator = annotation["locator"]
    assert SECRET in (await chat.http.get(locator["url"], headers=stranger)).text

    def places(ids: Sequence[str]) -> list[str]:
        uri = f"/v1/citations?uri={quote(locator['uri'], safe='')}"
        page = locator["url"].replace("/text?", "/pages/1.png?")
        found = [locator["url"], page, uri]
        for name, new in zip(NAMED, ids, strict=True):
            found = [one.replace(locator[name], new) for one in found]
        return found

    ids = [locator[name] for name in NAMED]
    nowhere = [str(uuid4()) for _ in NAMED]
    mine = str(chat.library.base)
    for real, made_up in ((ids, nowhere), ([mine, *ids[1:]], [mine, *nowhere[1:]])):
        for url, missing in zip(places(real), places(made_up), strict=True):
            one, none = [await chat.http.get(each) for each in (url, missing)]
            assert one.status_code == none.status_code == 404
            assert SECRET not in one.text
            assert _unnamed(one.json(), real) == _unnamed(none.json(), made_up)


def _unnamed(body: dict[str, Any], ids: Sequence[str]) -> str:
    del body["request_id"]
    told = json.dumps(body)
    for one in ids:
        told = told.replace(one, "it")
    return told

"""Citations as MCP resources: the official client reads what a `kb://` URI names."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import uvicorn
from fastmcp import FastMCP
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextResourceContents

from kb import citations
from kb.auth import Authenticator
from kb.service import Service
from kb_mcp.resources import TEMPLATE, add_citations
from retrieval.citation_uri import CitationUri
from retrieval.scope import TeamScope
from tests.mcp_server.conftest import PARCELS, Door, QuietServer


@pytest.fixture
async def url(door: Door, others_door: Door, service: Service) -> AsyncIterator[str]:
    """A server of resources alone, opened to our team."""
    del others_door
    server: FastMCP[None] = FastMCP("kb", mask_error_details=True)
    team = await Authenticator(service.pool).key(door.secret)
    assert team

    async def read_citation(scope: TeamScope, cited: CitationUri) -> str:
        narrow = scope.knowledge_base(cited.knowledge_base_id)
        return await citations.read(service, narrow, cited)

    add_citations(server, read_citation, caller=lambda: team)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app = server.http_app(path="/mcp", stateless_http=True, json_response=True)
        running = QuietServer(uvicorn.Config(app, log_config=None))
        serving = asyncio.create_task(running.serve(sockets=[listener]))
        while not running.started:
            assert not serving.done()
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        running.should_exit = True
        await serving


async def read(url: str, uri: str) -> str:
    async with Client(streamable_http_client(url)) as client:
        (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "text/plain"
    return content.text


async def refused(url: str, uri: str) -> str:
    """What the error says."""
    async with Client(streamable_http_client(url)) as client:
        with pytest.raises(MCPError) as raised:
            await client.read_resource(uri)
    return str(raised.value)


async def cited_by(door: Door) -> tuple[str, str]:
    """The URI and the text of the best passage."""
    (first, *_) = (await door.rest(query="How long may a parcel wait?")).json()["results"]
    return first["citation"]["uri"], first["text_content"]


async def test_the_template_is_listed_and_explained(url: str) -> None:
    async with Client(streamable_http_client(url)) as client:
        (template,) = (await client.list_resource_templates()).resource_templates
    assert template.uri_template == TEMPLATE
    assert template.mime_type == "text/plain"
    assert template.description
    assert "Exactly the text" in template.description


async def test_a_results_uri_reads_exactly_what_was_quoted(url: str, door: Door) -> None:
    uri, text = await cited_by(door)
    assert "nine days" in text
    assert await read(url, uri) == text
    assert await read(url, uri.partition("?")[0]) == PARCELS


async def test_what_names_nothing_is_an_error_that_says_so(url: str, door: Door) -> None:
    uri, _ = await cited_by(door)
    wrong = {
        f"{uri}99999": "characters 0 to",
        uri.partition("&end")[0]: "one end of a span",
        uri.replace(str(door.base), str(uuid4())): "no such thing here",
        uri.replace("start=", "start=x"): "error reading resource",
        f"https{uri[2:]}": "resource not found",
    }
    for one, says in wrong.items():
        assert says in (await refused(url, one)).lower()


async def test_another_teams_citation_reads_as_none(url: str, others_door: Door) -> None:
    uri, text = await cited_by(others_door)
    assert "theirs" in text
    assert "no such thing here" in await refused(url, uri)

"""Connections to remote MCP servers by streamable HTTP, in any of the protocol's revisions."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

import httpx2
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp import MCPError
from mcp_types import CallToolResult, EmbeddedResource, TextContent, TextResourceContents

from ingest.sources.addresses import Network
from ingest.sources.errors import FetchError
from ingest.sources.pinned import Resolver, system_resolver
from kb.gateway.events import McpToolEntry
from kb.gateway.guarded_transport import GuardedTransport
from kb.gateway.mcp_tools import McpFailed, McpServer
from kb.gateway.turn import McpTool

T = TypeVar("T")

LIST_SECONDS = 15.0  # to connect and to list the tools
CALL_SECONDS = 60.0
MAX_PAGES = 10  # of the list
MAX_SAID = 500  # characters of what a server says is wrong
# Of one message; whoever calls sets them and not whoever asked.
_NOT_TO_SET = frozenset({"host", "connection", "content-length", "transfer-encoding"})


class McpConnections:
    """Opens connections, to nowhere but where the guarded fetcher may go."""

    def __init__(
        self,
        *,
        allowed_networks: Collection[Network] = (),
        allowed_ports: Collection[int] = (),
        resolver: Resolver = system_resolver,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._networks = allowed_networks
        self._ports = allowed_ports
        self._resolver = resolver
        self._ssl = ssl_context

    @asynccontextmanager
    async def open(self, tool: McpTool) -> AsyncGenerator[McpServer]:
        """A server for the time of a turn. It is connected to when its tools are asked for."""
        async with AsyncExitStack() as stack:
            yield _RemoteServer(tool, self._transport, stack)

    def _transport(self, url: str) -> GuardedTransport:
        return GuardedTransport(
            url,
            allowed_networks=self._networks,
            allowed_ports=self._ports,
            resolver=self._resolver,
            ssl_context=self._ssl,
        )


class _RemoteServer:
    def __init__(
        self,
        tool: McpTool,
        make_transport: Callable[[str], GuardedTransport],
        stack: AsyncExitStack,
    ) -> None:
        self._tool = tool
        self._make_transport = make_transport
        self._stack = stack
        self._transport: GuardedTransport | None = None
        self._client: Client[StreamableHttpTransport] | None = None

    async def tools(self) -> Sequence[McpToolEntry]:
        """What it offers. Raises `McpFailed`."""
        return await self._bounded(self._list(), LIST_SECONDS)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What the tool says. Raises `McpFailed`."""
        return await self._bounded(self._call(name, arguments), CALL_SECONDS)

    async def _list(self) -> list[McpToolEntry]:
        client = await self._connect()
        return [
            McpToolEntry(
                name=one.name, description=one.description or "", input_schema=one.input_schema
            )
            for one in await client.list_tools(max_pages=MAX_PAGES)
        ]

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> str:
        client = await self._connect()
        result = await client.call_tool_mcp(name, dict(arguments), timeout=CALL_SECONDS)
        said = _text_of(result)
        if result.is_error:
            raise McpFailed(f"The tool says: {said[:MAX_SAID]}")
        return said

    async def _connect(self) -> Client[StreamableHttpTransport]:
        if self._client is None:
            transport = self._transport = self._make_transport(self._tool.url)

            def make_client(**options: Any) -> httpx2.AsyncClient:
                kept = {name: options[name] for name in ("headers", "timeout") if name in options}
                return httpx2.AsyncClient(transport=transport, trust_env=False, **kept)

            client = Client(
                StreamableHttpTransport(
                    self._tool.url,
                    headers=_headers(self._tool),
                    httpx_client_factory=make_client,  # pyright: ignore[reportArgumentType] its protocol names fewer options than it passes
                ),
                timeout=CALL_SECONDS,
                init_timeout=LIST_SECONDS,
                log_handler=_ignore,  # what a server says is not for our log
            )
            await client.__aenter__()
            self._stack.push_async_callback(_close, client)
            self._client = client
        return self._client

    async def _bounded(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        if self._transport is not None:
            self._transport.refusal = None
        try:
            async with asyncio.timeout(seconds):
                return await work
        except McpFailed:
            raise
        except TimeoutError as exc:
            raise McpFailed("It took too long.") from exc
        except Exception as exc:
            raise McpFailed(self._reason(exc)) from exc

    def _reason(self, error: Exception) -> str:
        refusal = None if self._transport is None else self._transport.refusal
        if refusal is not None or isinstance(error, FetchError):
            return str(refusal or error)
        if isinstance(error, MCPError):
            return f"The server says: {error.message[:MAX_SAID]}"
        return "It does not answer as an MCP server does."


async def _close(client: Client[StreamableHttpTransport]) -> None:
    with suppress(Exception):  # raises once more what ended a session, which was told already
        await client.close()


def _headers(tool: McpTool) -> dict[str, str]:
    headers = {
        name: value for name, value in tool.headers.items() if name.lower() not in _NOT_TO_SET
    }
    if tool.authorization is not None:
        headers = {
            name: value for name, value in headers.items() if name.lower() != "authorization"
        }
        token = tool.authorization
        headers["Authorization"] = token if " " in token.strip() else f"Bearer {token.strip()}"
    return headers


def _text_of(result: CallToolResult) -> str:
    parts: list[str] = []
    for block in result.content:
        match block:
            case TextContent():
                parts.append(block.text)
            case EmbeddedResource(resource=TextResourceContents() as resource):
                parts.append(resource.text)
            case _:
                parts.append(f"({block.type})")
    if not parts and result.structured_content is not None:
        parts.append(json.dumps(result.structured_content, ensure_ascii=False))
    return "\n".join(parts)


async def _ignore(message: object) -> None:
    del message

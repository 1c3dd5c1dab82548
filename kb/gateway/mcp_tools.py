"""Remote MCP servers' tools, as functions that the model may call."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

from kb.gateway.events import McpFinished, McpStarted, McpToolEntry, McpTools
from kb.gateway.guardrails import neutralise
from kb.gateway.own_tools import MAX_ARGUMENTS, Tell, Work
from kb.gateway.turn import FunctionTool, McpTool, ToolCall
from retrieval.errors import ServiceError

MAX_TOOLS = 64  # of one server
MAX_DESCRIPTION = 2000  # characters
MAX_SCHEMA = 16_000  # characters of JSON
MAX_OUTPUT = 40_000  # characters

_NAME = 64  # characters of a function's name, which OpenAI's and Anthropic's APIs allow
_DIGEST = 8


class McpFailed(ServiceError):
    """The MCP server could not be used."""


class McpServer(Protocol):
    """A remote server, connected for the time of a turn."""

    async def tools(self) -> Sequence[McpToolEntry]:
        """What it offers. Raises `McpFailed`."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What the tool says. Raises `McpFailed`, also where the tool says that it failed."""
        ...


class McpServerTools:
    """One server in a turn."""

    def __init__(self, server: McpServer, told: McpTools, *, taken: Collection[str]) -> None:
        """`taken` names the functions that the model has already."""
        self.told = told
        self._label = told.label
        self._server = server
        self._names: dict[str, str] = {}
        functions: list[FunctionTool] = []
        for entry in told.tools:
            name = _function_name(told.label, entry.name, {*taken, *self._names})
            self._names[name] = entry.name
            functions.append(
                FunctionTool(
                    name=name,
                    description=neutralise(entry.description)[:MAX_DESCRIPTION],
                    parameters=entry.input_schema,
                )
            )
        self.functions = tuple(functions)

    def claim(self, call: ToolCall) -> Work | str:
        """Any call; there is no limit but the turn's."""
        theirs = replace(call, name=self._names[call.name])  # as the server knows the tool
        started = McpStarted(call=theirs, label=self._label)
        return Work(started=started, run=lambda: self._call(theirs))

    async def _call(self, call: ToolCall) -> Tell:
        try:
            output = await self._server.call(call.name, _arguments(call.arguments))
        except McpFailed as exc:
            why = str(exc)
            failed = McpFinished(call=call, label=self._label, error=why)
            return lambda: (failed, f"The call failed. {neutralise(why)}")
        if len(output) > MAX_OUTPUT:
            output = f"{output[:MAX_OUTPUT]}\n(cut off here; it is longer)"
        finished = McpFinished(call=call, label=self._label, output=output)
        return lambda: (finished, neutralise(output))


async def offered(tool: McpTool, server: McpServer) -> McpTools:
    """What of the server's tools the request allows, or why there is nothing."""
    try:
        return McpTools(label=tool.label, tools=_allowed(tool, await server.tools()))
    except McpFailed as exc:
        return McpTools(label=tool.label, error=str(exc))


def _allowed(tool: McpTool, entries: Sequence[McpToolEntry]) -> list[McpToolEntry]:
    allowed = tool.allowed_tools
    kept = [one for one in entries if allowed is None or one.name in allowed]
    if len(kept) > MAX_TOOLS:
        raise McpFailed(f"It has more than {MAX_TOOLS} tools; name some in allowed_tools.")
    for one in kept:
        if len(json.dumps(one.input_schema)) > MAX_SCHEMA:
            raise McpFailed(f"The schema of one is longer than {MAX_SCHEMA} characters.")
    return kept


def _arguments(text: str) -> dict[str, Any]:
    """Raises `McpFailed` for what is no JSON object."""
    if len(text) > MAX_ARGUMENTS:
        raise McpFailed("The arguments are too long.")
    try:
        given: object = json.loads(text or "{}")
    except (ValueError, RecursionError) as exc:
        raise McpFailed("The arguments are no JSON.") from exc
    if not isinstance(given, dict):
        raise McpFailed("The arguments are no JSON object.")
    return cast("dict[str, Any]", given)


def _function_name(label: str, tool: str, taken: Collection[str]) -> str:
    """A name that says whose tool it is, and that nothing else in the turn has."""
    plain = f"{label}__{tool}"
    name = re.sub(r"[^A-Za-z0-9_-]", "_", plain)
    if name == plain and len(name) <= _NAME and name not in taken:
        return name
    digest = hashlib.sha256(f"{label}\0{tool}".encode(errors="replace")).hexdigest()[:_DIGEST]
    return f"{name[: _NAME - _DIGEST - 1]}_{digest}"

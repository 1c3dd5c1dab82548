"""A Messages request as a turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from kb.gateway.turn import FunctionTool, McpTool, Message, Tool, ToolCall, ToolChoice, Turn
from kb.gateway.wire.content import lines, whole
from kb.gateway.wire.errors import UnsupportedToolset
from kb.gateway.wire.messages_content import (
    Block,
    SearchResultBlock,
    ToolResultBlock,
    ToolUseBlock,
    images,
    texts,
)
from kb.gateway.wire.messages_request import (
    ClientTool,
    CountRequest,
    McpServer,
    McpToolset,
    MessageBody,
    MessagesRequest,
    ToolSwitch,
)
from kb.gateway.wire.tools import bare_token


def to_turn(request: MessagesRequest) -> Turn:
    """Raises `UnsupportedToolset`."""
    choice = request.tool_choice
    return Turn(
        model=request.model,
        messages=messages_of(request),
        tools=tools_of(request),
        tool_choice=_choice(request),
        parallel_tool_calls=not (choice and choice.disable_parallel_tool_use),
        parameters=_parameters(request),
        max_tokens=request.max_tokens,
        max_tool_calls=request.max_tool_calls,
        grounding=request.grounding or "off",
    )


def messages_of(request: CountRequest) -> tuple[Message, ...]:
    """The conversation, the system's part first."""
    told = lines(part.text for part in request.system or ())
    system = (Message(role="system", text=told),) if told else ()
    return (*system, *(one for message in request.messages for one in _messages(message)))


def tools_of(request: CountRequest) -> tuple[Tool, ...]:
    """Raises `UnsupportedToolset`."""
    servers = {server.name: server for server in request.mcp_servers or ()}
    toolsets = [tool for tool in request.tools or () if isinstance(tool, McpToolset)]
    found: list[Tool] = []
    for tool in request.tools or ():
        if isinstance(tool, ClientTool):
            found.append(
                FunctionTool(
                    name=tool.name,
                    description=tool.description,
                    parameters=tool.input_schema,
                    strict=tool.strict,
                )
            )
        elif isinstance(tool, McpToolset):
            server = servers.pop(tool.mcp_server_name, None)
            if server is None:
                raise UnsupportedToolset(f"There is no server for {tool.mcp_server_name!r} left.")
            found.append(_mcp(server, _enabled(tool)))
        else:
            found.append(tool.to_tool())
    if toolsets and servers:
        raise UnsupportedToolset(f"There is no toolset for: {', '.join(servers)}.")
    return (*found, *(_configured(server) for server in servers.values()))


def search_results(request: CountRequest) -> int:
    """How many passages the client itself gave; ours are counted on from there."""
    blocks = [block for message in request.messages for block in message.content]
    inner = [
        one for block in blocks if isinstance(block, ToolResultBlock) for one in block.content or ()
    ]
    return sum(isinstance(block, SearchResultBlock) for block in (*blocks, *inner))


def _messages(message: MessageBody) -> Iterator[Message]:
    """Results come before what else a user says: they answer the message before."""
    blocks: Sequence[Block] = message.content
    if message.role == "assistant":
        calls = [
            ToolCall(id=block.id, name=block.name, arguments=json.dumps(block.input))
            for block in blocks
            if isinstance(block, ToolUseBlock)
        ]
        yield Message(role="assistant", text=whole(texts(blocks)), tool_calls=tuple(calls))
        return
    results = [block for block in blocks if isinstance(block, ToolResultBlock)]
    for result in results:
        yield Message(
            role="tool",
            text=result.text,
            images=images(result.content or ()),
            tool_call_id=result.tool_use_id,
        )
    if len(results) < len(blocks) or not blocks:
        yield Message(role=message.role, text=lines(texts(blocks)), images=images(blocks))


def _enabled(toolset: McpToolset) -> tuple[str, ...] | None:
    default = toolset.default_config or ToolSwitch()
    configs = toolset.configs or {}
    names = tuple(name for name, config in configs.items() if config.enabled)
    if not default.enabled:
        return names
    if len(names) < len(configs):
        raise UnsupportedToolset(
            "Tools cannot be switched off one by one: set default_config to"
            " enabled: false and enable those that may be called."
        )
    return None


def _configured(server: McpServer) -> McpTool:
    config = server.tool_configuration
    if config is None:
        return _mcp(server, None)
    if config.enabled is False:
        return _mcp(server, ())
    return _mcp(server, None if config.allowed_tools is None else tuple(config.allowed_tools))


def _mcp(server: McpServer, allowed: tuple[str, ...] | None) -> McpTool:
    token = server.authorization_token
    return McpTool(
        label=server.name,
        url=server.url,
        authorization=token and bare_token(token),
        allowed_tools=allowed,
    )


def _parameters(request: MessagesRequest) -> dict[str, Any]:
    output = request.output_config and request.output_config.format
    schema = output and {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": output.json_schema, "strict": True},
    }
    found = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop": request.stop_sequences,
        "response_format": schema,
    }
    return {name: value for name, value in found.items() if value is not None}


def _choice(request: MessagesRequest) -> ToolChoice:
    choice = request.tool_choice
    if choice is None or choice.type == "auto":
        return ToolChoice()
    if choice.type == "tool":
        return ToolChoice(mode="named", name=choice.name)
    return ToolChoice(mode="required" if choice.type == "any" else "none")

"""A Responses request as a turn."""

from __future__ import annotations

from typing import Any

from kb.gateway.turn import FunctionTool, Message, RetrievalTool, Tool, ToolChoice, Turn
from kb.gateway.wire.responses_input import to_messages
from kb.gateway.wire.responses_request import (
    FunctionChoice,
    ResponsesFunction,
    ResponsesRequest,
    ResponsesTool,
)


def to_turn(request: ResponsesRequest) -> Turn:
    """Raises `NothingIsStored`."""
    request.require_nothing_stored()
    tools = tuple(_tool(tool) for tool in request.tools or ())
    searches = any(isinstance(tool, RetrievalTool) for tool in tools)
    told = request.instructions
    system = () if told is None else (Message(role="system", text=told),)
    return Turn(
        model=request.model,
        messages=(*system, *to_messages(request.input, resume=searches)),
        tools=tools,
        tool_choice=_choice(request),
        parallel_tool_calls=request.parallel_tool_calls is not False,
        parameters=_parameters(request),
        max_tokens=request.max_output_tokens,
        max_tool_calls=request.max_tool_calls,
        grounding=request.grounding or "off",
    )


def _parameters(request: ResponsesRequest) -> dict[str, Any]:
    text, reasoning = request.text, request.reasoning
    named_here = {
        "response_format": text and text.format and text.format.to_response_format(),
        "verbosity": text and text.verbosity,
        "reasoning_effort": reasoning and reasoning.effort,
    }
    given = {name: value for name, value in named_here.items() if value is not None}
    return {**request.parameters(), **given}


def _tool(tool: ResponsesTool) -> Tool:
    if not isinstance(tool, ResponsesFunction):
        return tool.to_tool()
    return FunctionTool(
        name=tool.name,
        description=tool.description or "",
        parameters=tool.parameters or {},
        strict=tool.strict,
    )


def _choice(request: ResponsesRequest) -> ToolChoice:
    choice = request.tool_choice
    if choice is None or isinstance(choice, str):
        return ToolChoice(mode=choice or "auto")
    name = choice.name if isinstance(choice, FunctionChoice) else None
    return ToolChoice(mode="named", name=name)

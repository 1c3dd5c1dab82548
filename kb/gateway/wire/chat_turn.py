"""A chat completion's request as a turn."""

from __future__ import annotations

from kb.gateway.turn import FunctionTool, Message, Tool, ToolCall, ToolChoice, Turn
from kb.gateway.wire.chat_request import (
    AssistantMessage,
    ChatMessage,
    ChatRequest,
    ChatTool,
    FunctionChoice,
    FunctionToolBody,
    ImagePart,
    ToolMessage,
    UserMessage,
)
from kb.gateway.wire.content import lines, whole


def to_turn(request: ChatRequest) -> Turn:
    """What the body asks for."""
    return Turn(
        model=request.model,
        messages=tuple(_message(message) for message in request.messages),
        tools=tuple(_tool(tool) for tool in request.tools or ()),
        tool_choice=_choice(request),
        parallel_tool_calls=request.parallel_tool_calls is not False,
        parameters=request.parameters(),
        max_tokens=request.max_completion_tokens or request.max_tokens,
        max_tool_calls=request.max_tool_calls,
        grounding=request.grounding or "off",
    )


def _message(message: ChatMessage) -> Message:
    if isinstance(message, UserMessage):
        images = [part.image_url.url for part in message.content if isinstance(part, ImagePart)]
        texts = [part.text for part in message.content if not isinstance(part, ImagePart)]
        return Message(role="user", text=lines(texts), images=tuple(images))
    if isinstance(message, AssistantMessage):
        return Message(
            role="assistant",
            text=whole(part.text for part in message.content or ()),
            tool_calls=tuple(
                ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
                for call in message.tool_calls or ()
            ),
        )
    text = lines(part.text for part in message.content)
    if isinstance(message, ToolMessage):
        return Message(role="tool", text=text, tool_call_id=message.tool_call_id)
    return Message(role="system", text=text)


def _tool(tool: ChatTool) -> Tool:
    if not isinstance(tool, FunctionToolBody):
        return tool.to_tool()
    function = tool.function
    return FunctionTool(
        name=function.name,
        description=function.description,
        parameters=function.parameters or {},
        strict=function.strict,
    )


def _choice(request: ChatRequest) -> ToolChoice:
    choice = request.tool_choice
    if choice is None or isinstance(choice, str):
        return ToolChoice(mode=choice or "auto")
    name = choice.function.name if isinstance(choice, FunctionChoice) else None
    return ToolChoice(mode="named", name=name)

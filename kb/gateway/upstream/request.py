"""What is asked, as the body of a chat completions request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kb.gateway.completion import Asked
from kb.gateway.turn import FunctionTool, Message, ToolCall, ToolChoice
from kb.gateway.upstream.models import ChatModelEntry

Body = dict[str, Any]


def to_body(model: ChatModelEntry, asked: Asked) -> Body:
    """Always streamed: a request that nobody reads the parts of is the same otherwise.

    The same question gives the same bytes, so that servers know its beginning again.
    """
    body: Body = {
        **model.parameters,
        **asked.parameters,
        "model": model.served_model,
        "messages": [_message(one) for one in asked.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if (limit := _limit(model, asked)) is not None:
        body["max_tokens"] = limit
    if asked.functions:
        body["tools"] = [_function(one) for one in asked.functions]
        body["parallel_tool_calls"] = asked.parallel_tool_calls  # llama.cpp's default is false
        # vLLM knows `auto` only where it is switched on; leaving it out says the same.
        if asked.choice.mode != "auto":
            body["tool_choice"] = _choice(asked.choice)
    return body


def _limit(model: ChatModelEntry, asked: Asked) -> int | None:
    limits = [one for one in (asked.max_tokens, model.max_output_tokens) if one is not None]
    return min(limits, default=None)


def _message(message: Message) -> Body:
    body: Body = {"role": message.role, "content": _content(message)}
    if message.tool_calls:
        body["tool_calls"] = [_call(one) for one in message.tool_calls]
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    return body


def _content(message: Message) -> str | list[Body]:
    if not message.images:
        return message.text
    text = [{"type": "text", "text": message.text}] if message.text else []
    return [*text, *({"type": "image_url", "image_url": {"url": url}} for url in message.images)]


def _call(call: ToolCall) -> Body:
    arguments = call.arguments if _is_object(call.arguments) else "{}"
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _is_object(arguments: str) -> bool:
    """vLLM and llama.cpp parse what a model called before, and refuse the request otherwise."""
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _function(tool: FunctionTool) -> Body:
    function: Body = {
        "name": tool.name,
        "description": tool.description,
        "parameters": _schema(tool.parameters),
    }
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _schema(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    return parameters or {"type": "object", "properties": {}}


def _choice(choice: ToolChoice) -> str | Body:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode

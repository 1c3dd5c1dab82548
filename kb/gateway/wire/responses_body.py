"""The `response` object, which both begins and ends a stream."""

from __future__ import annotations

import time

from kb.gateway.events import Finished
from kb.gateway.turn import FunctionTool, McpTool, RetrievalTool, Tool, ToolChoice, Turn
from kb.gateway.wire.ids import new_id
from kb.gateway.wire.responses_request import ResponsesRequest
from kb.gateway.wire.telling import Json


def opened(request: ResponsesRequest, turn: Turn) -> Json:
    """A response that has just begun. It says what the request said, keys aside."""
    text, reasoning = request.text, request.reasoning
    text_format = text and text.format
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "model": request.model,
        "output": [],
        "parallel_tool_calls": turn.parallel_tool_calls,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": reasoning and reasoning.effort, "summary": None},
        "service_tier": "default",
        "store": False,
        "safety_identifier": None,
        "temperature": _or_default(request.temperature, 1.0),
        "presence_penalty": _or_default(request.presence_penalty, 0.0),
        "frequency_penalty": _or_default(request.frequency_penalty, 0.0),
        "text": {"format": text_format.model_dump() if text_format else {"type": "text"}},
        "tool_choice": _choice(turn.tool_choice),
        "tools": [_tool(tool) for tool in turn.tools],
        "top_logprobs": 0,
        "top_p": _or_default(request.top_p, 1.0),
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": request.metadata or {},
    }


def usage(finished: Finished) -> Json:
    """Tokens of all rounds."""
    spent = finished.usage
    return {
        "input_tokens": spent.input_tokens,
        "input_tokens_details": {"cached_tokens": spent.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": spent.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": spent.input_tokens + spent.output_tokens,
        "dropped_citations": finished.dropped_citations,
    }


def _or_default(given: float | None, default: float) -> float:
    """The API's default, since the Open Responses specification wants a number: the model's server
    may have another one."""
    return default if given is None else given


def _choice(choice: ToolChoice) -> str | Json:
    if choice.mode != "named":
        return choice.mode
    if choice.name is None:
        return {"type": "file_search"}
    return {"type": "function", "name": choice.name}


def _tool(tool: Tool) -> Json:
    """OpenAI's clients know no `knowledge_base_retrieval`, so it is told as `file_search`."""
    if isinstance(tool, FunctionTool):
        return {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
            "strict": bool(tool.strict),
        }
    if isinstance(tool, RetrievalTool):
        return {
            "type": "file_search",
            "vector_store_ids": [str(one) for one in tool.knowledge_base_ids],
            "filters": None,
            "max_num_results": tool.num_results,
            "ranking_options": {"ranker": "auto", "score_threshold": 0.0},
        }
    return _mcp(tool)


def _mcp(tool: McpTool) -> Json:
    """Without what its server is asked with."""
    return {
        "type": "mcp",
        "server_label": tool.label,
        "server_url": tool.url,
        "allowed_tools": None if tool.allowed_tools is None else list(tool.allowed_tools),
        "headers": None,
        "require_approval": "never",
        "server_description": None,
    }

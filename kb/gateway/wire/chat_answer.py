"""What both ways of answering a chat completion have in common."""

from __future__ import annotations

from collections.abc import Iterator

from kb.errors import Problem
from kb.gateway.events import Cited, Finished, StopReason, Unsupported
from kb.gateway.turn import ToolCall
from kb.gateway.wire.locator import locator, url_of
from kb.gateway.wire.telling import Json

FINISH_REASONS: dict[StopReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
ERROR_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


def url_citations(origin: str, cited: Cited) -> Iterator[Json]:
    """One for each passage."""
    for one in cited.passages:
        citation = one.passage.citation
        yield {
            "type": "url_citation",
            "url_citation": {
                "url": url_of(origin, citation),
                "title": citation.document.item_name,
                "start_index": cited.start,
                "end_index": cited.end,
            },
            "locator": locator(origin, citation),
        }


def unsupported_span(event: Unsupported) -> Json:
    """A sentence that no passage supports."""
    return {"start_index": event.start, "end_index": event.end}


def tool_call(call: ToolCall) -> Json:
    """A call that the client runs."""
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def usage(finished: Finished) -> Json:
    """Tokens of all rounds. DigitalOcean's clients require what begins with `cache`."""
    spent = finished.usage
    return {
        "prompt_tokens": spent.input_tokens,
        "completion_tokens": spent.output_tokens,
        "total_tokens": spent.input_tokens + spent.output_tokens,
        "prompt_tokens_details": {"cached_tokens": spent.cached_tokens},
        "cache_read_input_tokens": spent.cached_tokens,
        "cache_created_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "dropped_citations": finished.dropped_citations,
    }


def error(problem: Problem, *, param: str | None = None) -> Json:
    """OpenAI's envelope."""
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": problem.message,
            "type": ERROR_TYPES.get(problem.status, kind),
            "param": param,
            "code": problem.id,
        }
    }

"""Errors of the chat APIs, each in the envelope that its own clients read."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from kb.api.request_id import request_id
from kb.errors import Problem, problem
from kb.gateway.wire import chat_answer, messages_stream
from kb.gateway.wire.sse import to_json

logger = logging.getLogger(__name__)

Render = Callable[[Request, Exception], Response]


def openai(request: Request, exc: Exception) -> Response:
    """`{"error": {"message", "type", "param", "code"}}`."""
    body = chat_answer.error(reported(request, exc), param=_param(exc))
    return _response(body, request, exc)


def anthropic(request: Request, exc: Exception) -> Response:
    """`{"type": "error", "error": {"type", "message"}, "request_id"}`."""
    body = messages_stream.error(reported(request, exc))
    return _response({**body, "request_id": request_id(request.scope)}, request, exc)


def reported(request: Request, exc: Exception) -> Problem:
    """What to tell the caller. What is our fault is logged, without any message: one could quote
    what was asked or answered."""
    found = told(exc)
    if found.status >= 500:
        logger.error("request %s failed: %s", request_id(request.scope), _trace(exc))
    return found


def told(exc: Exception) -> Problem:
    """The status, a code that stays the same, and a message."""
    if isinstance(exc, RequestValidationError):
        return Problem(400, "invalid_request", _wrong(exc))
    if isinstance(exc, HTTPException):
        return Problem(exc.status_code, "invalid_request", str(exc.detail))
    return problem(exc)


def _response(body: object, request: Request, exc: Exception) -> Response:
    status = told(exc).status
    headers = {"request-id": request_id(request.scope)}  # Anthropic's clients read this one
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    after: float = getattr(exc, "retry_after", 0)
    if after:
        headers["retry-after"] = str(max(1, round(after)))
    return Response(to_json(body), status, headers, "application/json")


def _wrong(exc: RequestValidationError) -> str:
    return "; ".join(
        f"{_path(error['loc']) or 'body'}: {error['msg']}" for error in exc.errors()[:5]
    )


def _param(exc: Exception) -> str | None:
    if not isinstance(exc, RequestValidationError):
        return None
    return next((_path(error["loc"]) or None for error in exc.errors()), None)


def _path(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in place[1:])


def _trace(exc: BaseException) -> str:
    """Its kind and where it came from, and those of what caused it."""
    cause = exc.__cause__ or exc.__context__
    before = f"{_trace(cause)}, then " if cause else ""
    return f"{before}{type(exc).__name__}\n{''.join(traceback.format_tb(exc.__traceback__))}"

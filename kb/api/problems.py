"""Errors as DigitalOcean's clients expect them: `{"id", "message", "request_id"}`."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

from kb.api.request_id import request_id
from kb.errors import Problem, problem
from retrieval.errors import ServiceError

logger = logging.getLogger(__name__)

IDS = {404: "not_found", 405: "method_not_allowed"}


def install(app: FastAPI) -> None:
    """Render every error of the app in the one envelope."""
    for kind in (ServiceError, OperationalError, PoolTimeout, Exception):
        app.add_exception_handler(kind, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _ours(request: Request, exc: Exception) -> JSONResponse:
    found = problem(exc)
    if found.status >= 500:
        logger.error("request %s failed", request_id(request.scope), exc_info=exc)
    return render(request, found)


async def _invalid(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
    message = "; ".join(
        f"{'.'.join(str(part) for part in error['loc'][1:]) or 'body'}: {error['msg']}"
        for error in exc.errors()
    )
    return render(request, Problem(400, "bad_request", message))


async def _http(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    problem_id = IDS.get(exc.status_code, "bad_request")
    return render(request, Problem(exc.status_code, problem_id, str(exc.detail)))


def render(request: Request, found: Problem) -> JSONResponse:
    """The envelope."""
    headers = {"www-authenticate": "Bearer"} if found.status == 401 else None
    body = {
        "id": found.id,
        "message": found.message,
        "request_id": request_id(request.scope),
    }
    return JSONResponse(body, found.status, headers=headers)

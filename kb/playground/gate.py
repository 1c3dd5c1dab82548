"""Who may enter the playground, and as whom: without a key there are only the sign-in and the
scripts that every marimo page has."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.background import BackgroundTask
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from kb.auth import Authenticator, Unauthorized
from kb.playground.notebooks import FIRST, STATIC, Notebooks
from kb.playground.sign_in import SIGN_IN, SIGN_OUT, SignIn
from retrieval.errors import ServiceError

META = "kb_playground"
"""Under this name notebooks find what they work with."""

SESSION = "session_id"
SESSION_HEADER = "marimo-session-id"
# Whoever names another page's session this way would bypass what is below.
FOREIGN_SESSION_HEADER = "marimo-stable-session-id"

# The pages ask nobody but this service, whatever stands in a document. Charts are drawn by code
# that is made on the spot, hence `unsafe-eval`.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class ForeignOrigin(ServiceError):
    """Another website's page has asked for this; KB_ALLOWED_ORIGINS says which may."""


class PageForgotten(ServiceError):
    """This page was left alone for so long that what it held is gone; load it anew."""


class Gate:
    """ASGI middleware. A key comes as `Authorization: Bearer` or in the cookie of the sign-in."""

    def __init__(
        self,
        notebooks: Notebooks,
        sign_in: SignIn,
        authenticator: Authenticator,
        *,
        given: Mapping[str, object],
        allowed_origins: Sequence[str],
    ) -> None:
        """`given` is what notebooks find beside the `key`."""
        self._notebooks = notebooks
        self._sign_in = sign_in
        self._authenticator = authenticator
        self._given = given
        self._allowed_origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        is_page = scope["type"] == "http" and scope["method"] == "GET"
        if not is_page and not self._is_own(connection):
            await self._refuse(ForeignOrigin(), scope, receive, send)
        elif (response := await self._own_page(scope, receive)) is not None:
            await response(scope, receive, _with_headers(send))
        elif is_page and _path(scope).startswith(f"{STATIC}/"):
            await self._notebooks(scope, receive, _with_headers(send))
        elif (key := await self._key(connection)) is None:
            await self._refuse(Unauthorized(), scope, receive, send)
        elif _path(scope) in {"", "/"}:
            first = RedirectResponse(f"{scope['root_path']}/{FIRST}/", 303)
            await first(scope, receive, _with_headers(send))
        else:
            entered = self._entered(scope, key)
            session = HTTPConnection(entered).headers.get(SESSION_HEADER)
            is_sent = scope["type"] == "http" and not is_page
            if is_sent and session and not self._notebooks.knows(session):
                raise PageForgotten
            await self._notebooks(entered, receive, _with_headers(send))

    async def _own_page(self, scope: Scope, receive: Receive) -> Response | None:
        """What needs no key."""
        if scope["type"] == "http" and _path(scope) == SIGN_IN:
            return await self._sign_in.enter(Request(scope, receive))
        if scope["type"] == "http" and _path(scope) == SIGN_OUT:
            return self._sign_in.leave(Request(scope))
        return None

    async def _key(self, connection: HTTPConnection) -> str | None:
        """The key, looked at anew with every request."""
        key = self._sign_in.key(connection)
        return key if key and await self._authenticator.key(key) else None

    def _is_own(self, connection: HTTPConnection) -> bool:
        """Whether a page of ours asks, or no page at all."""
        origin = connection.headers.get("origin")
        if origin is None or origin in self._allowed_origins:
            return True
        return urlsplit(origin).netloc == connection.headers.get("host")

    async def _refuse(
        self, error: ServiceError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": str(error)[:120]})
            return
        is_read = "text/html" in HTTPConnection(scope).headers.get("accept", "")
        if not isinstance(error, Unauthorized) or scope["method"] != "GET" or not is_read:
            raise error
        page = self._sign_in.page(Request(scope))
        page.background = BackgroundTask(self._notebooks.prepare)  # while the key is typed
        await page(scope, receive, _with_headers(send))

    def _entered(self, scope: Scope, key: str) -> Scope:
        """The request as the notebooks see it.

        A page chooses the name of its session, and who knows one may watch it and work in it. So
        each key has names of its own: the same name from another key is another session.
        """
        headers = MutableHeaders(raw=list(scope["headers"]))
        del headers[FOREIGN_SESSION_HEADER]
        if (named := headers.get(SESSION_HEADER)) is not None:
            headers[SESSION_HEADER] = _own(named, key)
        query = [
            (name, _own(value, key) if name == SESSION else value)
            for name, value in parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        ]
        return {
            **scope,
            "headers": headers.raw,
            "query_string": urlencode(query).encode(),
            "meta": {META: {**self._given, "key": key, "shown_url": _shown_url(scope)}},
        }


def _shown_url(scope: Scope) -> str:
    """Where the browser finds this service."""
    url = HTTPConnection(scope).base_url
    secure = url.scheme in {"https", "wss"}
    return f"{'https' if secure else 'http'}://{url.netloc}"


def _own(session: str, key: str) -> str:
    return hmac.new(key.encode(), session.encode(), sha256).hexdigest()


def _path(scope: Scope) -> str:
    """Below the place that this is mounted at."""
    return scope["path"].removeprefix(scope.get("root_path", ""))


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return with_headers

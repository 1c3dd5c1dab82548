"""The playground's sign-in: an API key, kept in a cookie that only this installation can read."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from kb.auth import Authenticator
from kb.vault import LinkInvalid, Vault

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
COOKIE = "kb_playground"
SECONDS = 12 * 60 * 60
LONGEST_FORM = 4096
PAGE = Template(Path(__file__).with_name("sign_in.html").read_text("utf-8"))
WRONG = (
    "This key is wrong or revoked. Check that all of it was copied; kb key create makes another."
)


class SignIn:
    """Makes the cookie, reads it, and takes it away."""

    def __init__(self, authenticator: Authenticator, vault: Vault) -> None:
        self._authenticator = authenticator
        self._vault = vault

    def key(self, connection: HTTPConnection) -> str | None:
        """The key that a request comes with, unchecked; none where there is none to read."""
        kind, _, secret = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return secret.strip()
        sealed = connection.cookies.get(COOKIE)
        if sealed is None:
            return None
        try:
            return self._vault.unseal(COOKIE, sealed, max_age_seconds=SECONDS)
        except LinkInvalid:
            return None

    def page(self, request: Request, *, target: str | None = None, problem: str = "") -> Response:
        """The form. It leads to what was asked for."""
        root = request.scope["root_path"]
        query = request.url.query
        asked = request.url.path + (f"?{query}" if query else "")
        html = PAGE.substitute(
            action=escape(f"{root}{SIGN_IN}"),
            target=escape(_within(root, asked if target is None else target)),
            problem=escape(problem),
            describedby='aria-describedby="problem" aria-invalid="true"' if problem else "",
        )
        return HTMLResponse(html, 401, headers={"cache-control": "no-store"})

    async def enter(self, request: Request) -> Response:
        """Take the form: on to what was asked for, or the form again."""
        root = request.scope["root_path"]
        if request.method != "POST":
            return RedirectResponse(f"{root}/", 303)
        form = await _form(request)
        key, target = form.get("key", "").strip(), form.get("target", "")
        if await self._authenticator.key(key) is None:
            return self.page(request, target=target, problem=WRONG)
        response = RedirectResponse(_within(root, target), 303)
        response.set_cookie(
            COOKIE,
            self._vault.seal(COOKIE, key),
            max_age=SECONDS,
            path=root,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return response

    def leave(self, request: Request) -> Response:
        """Sign out."""
        root = request.scope["root_path"]
        response = RedirectResponse(f"{root}/", 303)
        if request.method == "POST":
            response.delete_cookie(COOKIE, path=root, httponly=True, samesite="strict")
        return response


async def _form(request: Request) -> dict[str, str]:
    """The fields; none where there is more than anybody signs in with."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            return {}
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def _within(root: str, target: str) -> str:
    """The target if it is a page of the playground, else its first: never another website."""
    return target if target.startswith(f"{root}/") else f"{root}/"

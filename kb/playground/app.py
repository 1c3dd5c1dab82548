"""`/playground`: the notebooks, where they are installed, for whoever has a key."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from starlette.types import ASGIApp, Receive, Scope, Send

from kb.auth import Authenticator
from kb.embedders import Embedders
from kb.playground.gate import Gate
from kb.playground.notebooks import Notebooks
from kb.playground.sign_in import SignIn
from kb.vault import Vault
from retrieval.errors import ServiceError


class PlaygroundNotInstalled(ServiceError):
    """The playground is not installed here; pip install 'kb[playground]' adds it."""


def is_installed() -> bool:
    """Whether the extra `playground` is there. Imports none of it."""
    return all(
        find_spec(name) is not None for name in ("playground", "marimo", "altair", "anywidget")
    )


def make_playground(
    notebooks: Notebooks,
    authenticator: Authenticator,
    vault: Vault,
    embedders: Embedders,
    *,
    url: str,
    allowed_origins: Sequence[str],
) -> ASGIApp:
    """To be mounted at `PATH`. `url` is where the notebooks find the API."""
    if not is_installed():
        return _not_installed
    return Gate(
        notebooks,
        SignIn(authenticator, vault),
        authenticator,
        given={"url": url, "embedders": embedders},
        allowed_origins=allowed_origins,
    )


async def _not_installed(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    raise PlaygroundNotInstalled

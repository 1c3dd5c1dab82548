"""The notebooks as an ASGI app, made when somebody signs in, or else with their first page."""

from __future__ import annotations

import asyncio
import runpy
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

VIEWS = ("ask", "chunk", "tune", "evaluate")
FIRST = VIEWS[0]
PATH = "/playground"
STATIC = "/static"
A_YEAR = 365 * 24 * 60 * 60
SESSION_SECONDS = 600  # a page that is gone for so long, as with a laptop asleep, is forgotten
LOADING = Path(__file__).with_name("loading.html")


class Notebooks:
    """Importing marimo and what the notebooks need takes seconds and memory that a service without
    visitors can do without.

    Entered for as long as they are served: their pages' threads end with it.
    """

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()
        self._views: list[Starlette] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for view in self._views:
            await view.state.session_manager.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.prepare()
        assert self._app is not None
        await self._app(scope, receive, send)

    def knows(self, session: str) -> bool:
        """Whether some page goes by this name, or did until a few minutes ago."""
        return any(
            view.state.session_manager.get_session(session) is not None for view in self._views
        )

    async def prepare(self) -> None:
        """Be ready for the first page."""
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)

    def _make(self) -> ASGIApp:
        import marimo

        def noted(app: ASGIApp) -> ASGIApp:
            assert isinstance(app, Starlette)
            self._views.append(app)
            return app

        # All views have their scripts from one place, so that a browser loads them once.
        builder = marimo.create_asgi_app(
            quiet=True,
            session_ttl=SESSION_SECONDS,
            asset_url=f"{PATH}{STATIC}",
            html_head=LOADING.read_text("utf-8"),
        )
        for name in VIEWS:
            root = str(folder() / f"{name}.py")
            builder = builder.with_app(path=f"/{name}", root=root, middleware=[noted])
            runpy.run_path(root, run_name=name)  # its imports; its cells are run for each page
        scripts = Scripts(directory=Path(marimo.__file__).with_name("_static"))
        return Starlette(routes=[Mount(STATIC, scripts), Mount("/", builder.build())])


class Scripts(StaticFiles):
    """What marimo's pages are made of. Each file is named by its content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """To be kept for good."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = f"public, max-age={A_YEAR}, immutable"
        return response


def folder() -> Path:
    """Where the notebooks are. Found, not imported: `playground` stands above `kb`."""
    found = find_spec("playground")
    assert found
    assert found.origin
    return Path(found.origin).parent / "notebooks"

"""A person at a browser, who sees what goes wrong: errors, foreign requests, what sticks out."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Browser, ConsoleMessage, Page, Request

from tests.playground.served import Served

PICTURES = Path(__file__).parents[2] / ".screenshots"
PATIENCE = 90_000  # milliseconds; the machine may be busy with other tests
COOKIE = "kb_playground"
# Chromium says this of a picture that marimo keeps for when the connection is lost.
HARMLESS = re.compile("was preloaded using link preload but not used")


class Person:
    """Has a browser window of their own."""

    def __init__(self, browser: Browser, served: Served) -> None:
        self.served = served
        self.complaints: list[str] = []
        self._browser = browser
        self._pages: list[Page] = []

    async def look(
        self, address: str, *, key: str | None = "", width: int = 1280, dark: bool = False
    ) -> Page:
        """Open a page of the playground. `key` None is one who has not signed in."""
        context = await self._browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        self._pages.append(page)
        if key is not None:
            await context.request.post(
                f"{self.served.url}/playground/sign-in",
                form={"key": key or self.served.key},
                headers={"origin": self.served.url},
                max_redirects=0,
            )
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._see)
        await page.goto(f"{self.served.url}/playground/{address}")
        return page

    async def picture(self, page: Page, name: str) -> None:
        """Keep what there is to see, all of it, and look whether anything sticks out."""
        size = page.viewport_size
        assert size
        inner = await page.evaluate("document.querySelector('#App')?.scrollHeight ?? 0")
        await page.set_viewport_size({"width": size["width"], "height": min(4000, max(900, inner))})
        PICTURES.mkdir(exist_ok=True)
        await page.screenshot(path=PICTURES / f"{name}.png")
        wide = await page.evaluate(WIDEST)
        await page.set_viewport_size(size)
        assert not wide, f"{name} is wider than the window: {wide}"

    async def leave(self) -> None:
        """Close the windows."""
        for page in self._pages:
            await page.context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not HARMLESS.search(message.text):
            self.complaints.append(f"{message.type}: {message.text}")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((self.served.url, "data:", "blob:")):
            self.complaints.append(f"asks {request.url}")


WIDEST = """() => {
  const width = document.documentElement.clientWidth;
  const app = document.querySelector('#App');
  if (Math.max(document.documentElement.scrollWidth, app ? app.scrollWidth : 0) <= width + 1)
    return [];
  const out = [...document.querySelectorAll('body *')].filter(
    (one) => one.getBoundingClientRect().right > width + 1);
  return [`${document.documentElement.scrollWidth} of ${width}`,
    ...out.slice(0, 5).map((one) => `${one.tagName}.${one.className}`)];
}"""

"""The newcomer's walk of the README, step by step. With KB_WALK_PICTURES it takes its pictures."""

from __future__ import annotations

import asyncio
import os
import re
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Locator, Page, expect

from tests.kb.programs import Up, data_folder, run_kb
from tests.playground.person import PATIENCE, Person
from tests.playground.served import HANDBOOK, Served

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COLOURS = 128
QUESTION = "How long must Kite warm up before it can be used?"
ANSWER = "55 minutes"
SELECT = """(field, words) => {
  const start = field.value.indexOf(words);
  field.focus();
  field.setSelectionRange(start, start + words.length);
}"""
expect.set_options(timeout=PATIENCE)


async def take(page: Page, name: str, seen: Locator) -> None:
    """A picture of what is in the window, this in its middle, where they are asked for."""
    folder = os.environ.get("KB_WALK_PICTURES")
    if folder is None:
        return
    await seen.evaluate("one => one.scrollIntoView({block: 'center'})")
    await page.wait_for_timeout(1000)
    picture = Image.open(BytesIO(await page.screenshot())).convert("RGB")
    path = Path(folder) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(COLOURS).save(path, optimize=True)


async def test_the_walk(browser: Browser) -> None:
    handbook = sorted(HANDBOOK.glob("volume-*"))
    with data_folder() as folder, Up(folder) as up:
        assert re.search(r"Playground: http://127\.0\.0\.1:\d+/playground", up.output)
        run_kb(folder, "create", "handbook")
        run_kb(folder, "add", "handbook", *handbook)
        assert up.key
        person = Person(browser, Served(up, up.key))
        page = await person.look("", key=None)
        await page.set_viewport_size({"width": 1180, "height": 1000})
        await page.get_by_label("API key").fill(up.key)
        await page.get_by_role("button", name="Sign in").click()
        await ask(page)
        await chunk(page)
        await tune(page)
        assert [one for one in person.complaints if "status of 401" not in one] == []
        await asyncio.to_thread(up.stop)  # ends well while somebody looks at a page
        await person.leave()


async def ask(page: Page) -> None:
    await page.get_by_label("Question").fill(QUESTION)
    await page.get_by_role("button", name="Ask", exact=True).click()
    await expect(page.get_by_text("extractive,")).to_be_visible()
    await page.locator(".kb-answer").get_by_role("button", name="1").first.click()
    document = page.get_by_role("region", name="Document")
    await expect(document.get_by_role("img")).to_be_visible()
    await expect(document.locator("mark")).to_contain_text("55 minutes")
    await take(page, "ask", document.get_by_role("region", name="Text"))


async def chunk(page: Page) -> None:
    await page.get_by_role("link", name="Chunk").click()
    tags = page.locator(".kb-tag")
    await expect(tags.first).to_be_visible()
    before = await tags.all_inner_texts()
    slider = page.get_by_role("slider", name="Chunk size")
    await slider.focus()
    for _ in range(20):
        await slider.press("ArrowLeft")
    await expect(tags).not_to_have_text(before)
    await take(page, "chunk", page.get_by_role("row", name="Headings"))


async def passage_with(page: Page, words: str) -> Locator:
    """The first of those found that holds them."""
    fields = page.get_by_role("textbox", name=re.compile(r"^Passage \d+"))
    await expect(fields.first).to_be_visible()
    for field in await fields.all():
        if words in await field.input_value():
            return field
    raise AssertionError(f"no passage says {words!r}")


async def tune(page: Page) -> None:
    await page.get_by_role("link", name="Tune").click()
    await page.get_by_role("button", name="Label by selecting text").click()
    question = page.get_by_label("Question", exact=True)
    await question.fill(QUESTION)
    await question.press("Tab")
    await page.get_by_role("button", name="Find passages").click()
    passage = await passage_with(page, ANSWER)
    said = page.get_by_role("status").filter(has_text=ANSWER)
    for _ in range(60):  # a page that is still being drawn forgets a selection
        await passage.evaluate(SELECT, ANSWER)
        await page.wait_for_timeout(500)
        if await said.is_visible():
            break
    await expect(said).to_be_visible()
    await take(page, "tune", passage)
    await page.get_by_role("button", name="Keep as its answer").click()
    await expect(page.get_by_text("labelled has 1 questions.")).to_be_visible()


def test_the_readme_shows_the_walks_pictures() -> None:
    for name in ("ask", "chunk", "tune"):
        path = f"playground/screenshots/{name}.png"
        assert f"({path})" in README
        assert (ROOT / path).stat().st_size < 150_000

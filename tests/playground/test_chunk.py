"""The Chunk view, used as a person would."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.playground.person import PATIENCE, Person

expect.set_options(timeout=PATIENCE)


async def boundaries(page: Page) -> list[str]:
    """What each chunk that is shown begins with: its number and its size."""
    await expect(page.get_by_role("region", name="Chunks").first).to_be_visible()
    return await page.locator(".kb-cut").first.locator(".kb-tag").all_inner_texts()


async def to_be_otherwise(page: Page, before: list[str]) -> list[str]:
    tags = page.locator(".kb-cut").first.locator(".kb-tag")
    await expect(tags).not_to_have_text(before)
    return await tags.all_inner_texts()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
async def test_move_a_slider_and_see_the_boundaries_change(
    person: Person, width: int, dark: bool
) -> None:
    page = await person.look("chunk/?kb=handbook", width=width, dark=dark)
    before = await boundaries(page)
    slider = page.get_by_role("slider", name="Chunk size").first
    await slider.focus()
    await slider.press("Home")
    after = await to_be_otherwise(page, before)
    assert len(after) > len(before)
    await expect(page.get_by_role("row", name="Chunks")).to_be_visible()
    await expect(page.locator(".vega-embed").first).to_be_visible()
    await person.picture(page, f"chunk-{width}-{'dark' if dark else 'light'}")


async def test_two_strategies_side_by_side(person: Person) -> None:
    page = await person.look("chunk/?kb=handbook")
    await boundaries(page)
    await page.get_by_label("Compare two strategies").click()
    await page.get_by_label("Second strategy").select_option(label="By length alone")
    overlap = page.get_by_role("slider", name="Overlap")
    await overlap.focus()
    await overlap.press("End")
    repeated = page.get_by_role("row", name="Repeated text")
    await expect(repeated).to_have_count(2)
    await expect(repeated.nth(0)).to_contain_text("0%")
    await expect(repeated.nth(1)).not_to_contain_text(" 0%")
    await expect(page.locator(".kb-cut").nth(1).locator(".kb-twice").first).to_be_visible()
    await person.picture(page, "chunk-two")
    await page.reload()
    await expect(page.get_by_label("Second strategy")).to_have_value("By length alone")

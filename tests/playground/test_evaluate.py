"""The Evaluate view, used as a person would."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.async_api import expect

from tests.playground.person import PATIENCE, Person
from tests.playground.questions import keep
from tests.playground.served import Served, handbook

expect.set_options(timeout=PATIENCE)

VOLUME = "volume-5"


@pytest.fixture(scope="module")
def judged(served: Served) -> UUID:
    """A knowledge base with questions."""
    kb = served.knowledge_base("judged", handbook(VOLUME))
    keep(served, kb, "computing", VOLUME)
    return kb


async def test_runs_are_asked_for_judged_and_compared(person: Person, judged: UUID) -> None:
    page = await person.look("evaluate/?kb=judged")
    await expect(page.get_by_text("Nothing has been run yet.")).to_be_visible()
    table = page.get_by_role("region", name="Runs, newest first")
    alpha = page.get_by_label("Alpha (empty: as usual)")
    for number, said in enumerate(("", "0"), start=1):
        await alpha.fill(said)
        await alpha.press("Tab")
        await page.get_by_role("button", name="Ask all questions now").click()
        await expect(table.get_by_role("row")).to_have_count(1 + number)
        await expect(page.get_by_role("button", name="Stop waiting")).to_have_count(0)
    await expect(alpha).to_have_value("0")
    await expect(page.locator(".vega-embed").first).to_be_visible()
    await expect(page.get_by_text("questions better")).to_be_visible()
    await person.picture(page, "evaluate-runs")

    await page.get_by_label("Star metric", exact=True).select_option("recall@5")
    threshold = page.get_by_role("textbox", name="Good enough from")
    await threshold.fill("1.1")
    await threshold.press("Tab")
    await page.get_by_role("button", name="Judge by this").click()
    await expect(page.get_by_text("Runs are judged by recall@5")).to_be_visible()
    await expect(table.get_by_text("not good enough")).to_have_count(2)

    await page.get_by_role("link", name="Ask", exact=True).click()
    await expect(page.get_by_role("combobox", name="Knowledge base")).to_have_value("judged")

    narrow = await person.look("evaluate/?kb=judged", width=400, dark=True)
    await expect(narrow.get_by_role("region", name="Runs, newest first")).to_be_visible()
    await expect(narrow.locator(".vega-embed").first).to_be_visible()
    await person.picture(narrow, "evaluate-narrow")


async def test_a_wrong_alpha_is_said(person: Person, judged: UUID) -> None:
    page = await person.look("evaluate/?kb=judged")
    alpha = page.get_by_label("Alpha (empty: as usual)")
    await alpha.fill("much")
    await alpha.press("Tab")
    await page.get_by_role("button", name="Ask all questions now").click()
    await expect(page.get_by_text("'much' is none.")).to_be_visible()

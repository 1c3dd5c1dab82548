"""The Tune view, used as a person would."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from retrieval.eval.dataset import parse_questions
from tests.playground.person import PATIENCE, Person
from tests.playground.questions import about, as_jsonl, keep, live_version
from tests.playground.served import Served, handbook

expect.set_options(timeout=PATIENCE)

VOLUME = "volume-5"


@pytest.fixture(scope="module")
def tuned(served: Served) -> UUID:
    """A knowledge base with questions."""
    kb = served.knowledge_base("tuned", handbook(VOLUME))
    keep(served, kb, "computing", VOLUME)
    return kb


@pytest.fixture(scope="module")
def unasked(served: Served) -> UUID:
    """One without any."""
    return served.knowledge_base("unasked", handbook(VOLUME))


async def plan(page: Page) -> None:
    """A small sweep, chosen and reckoned."""
    sizes = page.get_by_label("Chunk sizes, in tokens")
    await expect(page.get_by_role("button", name="Estimate the cost")).to_be_visible()
    await sizes.fill("100")
    await sizes.press("Tab")
    alphas = page.get_by_label("Alpha: 0 words only, 1 meaning only")
    await alphas.fill("0, 0.5")
    await alphas.press("Tab")
    await page.get_by_label("Drop losers early").click()
    await page.get_by_role("button", name="Estimate the cost").click()
    await expect(page.get_by_text("tokens in")).to_be_visible()


async def test_a_sweep_is_run_its_winner_promoted_and_taken_back(
    person: Person, served: Served, tuned: UUID
) -> None:
    page = await person.look("tune/?kb=tuned")
    await plan(page)
    await expect(page.get_by_text("for 5 settings on 1 documents")).to_be_visible()
    await page.get_by_role("button", name="Start the sweep").click()
    table = page.get_by_role("region", name="Settings, best first")
    await expect(table.get_by_role("row")).to_have_count(6)
    await expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    await expect(page.locator(".vega-embed").first).to_be_visible()
    await page.get_by_label("Quality against").select_option(label="Index size in megabytes")
    await page.get_by_label("Setting", exact=True).select_option(label="section 100 · alpha 0.5")
    await expect(page.get_by_text("questions better")).to_be_visible()
    await person.picture(page, "tune-result")

    await page.get_by_role("button", name="Build it beside the live index version").click()
    await page.get_by_role("button", name="Ask both index versions").click()
    await expect(page.get_by_role("heading", name="New: index version 2")).to_be_visible()
    await page.get_by_role("button", name="Promote").click()
    await expect(page.get_by_text("Say yes first")).to_be_visible()
    assert live_version(served, tuned) == 1
    await page.get_by_label("Yes, let index version 2").click()
    await page.get_by_role("button", name="Promote").click()
    await expect(page.get_by_text("Index version 2 answers from now on.")).to_be_visible()
    assert live_version(served, tuned) == 2
    await person.picture(page, "tune-promoted")
    await page.get_by_role("button", name="Go back to the index version before").click()
    await expect(page.get_by_text("Index version 1 answers again.")).to_be_visible()
    assert live_version(served, tuned) == 1

    await page.reload()  # nothing is lost
    await expect(table.get_by_role("row")).to_have_count(6)
    await expect(page.get_by_label("Chunk sizes, in tokens")).to_have_value("100")


async def test_a_sweep_is_stopped(person: Person, tuned: UUID) -> None:
    page = await person.look("tune/?kb=tuned")
    await plan(page)
    await page.get_by_role("button", name="Start the sweep").click()
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("The sweep was stopped")).to_be_visible()


async def test_a_gold_span_is_labelled_by_selecting_it(
    person: Person, served: Served, unasked: UUID
) -> None:
    page = await person.look("tune/?kb=unasked", width=400, dark=True)
    await expect(page.get_by_text("There are no questions yet.")).to_be_visible()
    await page.get_by_role("button", name="Label by selecting text").click()
    question = page.get_by_label("Question", exact=True)
    await question.fill("How does the pipeline start?")
    await question.press("Tab")
    await page.get_by_role("button", name="Find passages").click()
    passage = page.get_by_label("Passage 1, from volume-5-computing.md")
    await passage.focus()
    await passage.press("Control+Home")
    for _ in range(3):
        await passage.press("Shift+Control+ArrowRight")
    await expect(page.get_by_text("Selected in passage 1:")).to_be_visible()
    await person.picture(page, "tune-label")
    await page.get_by_role("button", name="Keep as its answer").click()
    await expect(page.get_by_text("labelled has 1 questions.")).to_be_visible()
    with served.up.client(served.key) as http:
        path = f"/v2/gen-ai/knowledge_bases/{unasked}/evaluation_datasets"
        made = http.get(path).json()["evaluation_datasets"]
        (asked,) = http.get(f"{path}/{made[0]['uuid']}").json()["evaluation_dataset"]["items"]
    (gold,) = asked["gold"]
    text = handbook(VOLUME)["volume-5-computing.md"].decode()
    assert gold["quote"] in text
    assert asked["question"] == "How does the pipeline start?"


async def test_questions_are_uploaded_and_downloaded_and_a_wrong_line_is_named(
    person: Person, unasked: UUID
) -> None:
    page = await person.look("tune/?kb=unasked")
    await page.get_by_role("button", name="Upload a file").click()
    field = page.locator("input[type=file]").first
    await field.set_input_files(
        {"name": "wrong.jsonl", "mimeType": "application/json", "buffer": b'{"question": 1}'}
    )
    await expect(page.get_by_text("wrong.jsonl, line 1")).to_be_visible()
    await field.set_input_files(
        {"name": "manual.jsonl", "mimeType": "application/json", "buffer": as_jsonl(VOLUME)}
    )
    await expect(page.get_by_text("questions as manual.")).to_be_visible()
    async with page.expect_download() as downloading:
        await page.get_by_text("Download these questions").click()
    file = await downloading.value
    kept = parse_questions(Path(await file.path()).read_bytes(), name=file.suggested_filename)
    assert file.suggested_filename == "manual.jsonl"
    assert [one.question for one in kept] == [one["question"] for one in about(VOLUME)]


async def test_a_wrong_number_is_said_and_nothing_is_begun(person: Person, tuned: UUID) -> None:
    page = await person.look("tune/?kb=tuned")
    sizes = page.get_by_label("Chunk sizes, in tokens")
    await expect(page.get_by_role("button", name="Estimate the cost")).to_be_visible()
    for wrong, says in (("many", "'many' is not."), ("9000", "from 100 to 256")):
        await sizes.fill(wrong)
        await sizes.press("Tab")
        await page.get_by_role("button", name="Estimate the cost").click()
        await expect(page.get_by_text(says)).to_be_visible()

"""The Ask view, used as a person would."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.playground.person import PATIENCE, Person
from tests.playground.served import Served

QUESTION = "How wide is the gap between the dome's wall and the rotating part?"
expect.set_options(timeout=PATIENCE)


async def asked(page: Page, question: str) -> None:
    await page.get_by_label("Question").fill(question)
    await page.get_by_role("button", name="Ask", exact=True).click()
    await expect(page.get_by_text("extractive,").first).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
async def test_ask_and_follow_a_citation_to_its_place_in_the_pdf(
    person: Person, width: int, dark: bool
) -> None:
    page = await person.look("ask/?kb=handbook", width=width, dark=dark)
    await asked(page, "What is the Marrable reflector's shutter made of?")
    passage = page.get_by_role("article", name="Passage 1")
    await expect(passage).to_contain_text("Meaning")
    await expect(passage).to_contain_text("1st by both together")
    await page.locator(".kb-answer").get_by_role("button", name="1").first.click()
    document = page.get_by_role("region", name="Document")
    cited = await document.get_by_role("region", name="Text").locator("mark").inner_text()
    first = await page.locator(".kb-answer").evaluate("one => one.firstChild.textContent")
    assert first.strip() in " ".join(cited.split())
    image = document.get_by_role("img")
    await expect(image).to_be_visible()
    assert await image.evaluate("one => one.naturalWidth") > 100
    await person.picture(page, f"ask-{width}-{'dark' if dark else 'light'}")


async def test_two_configurations_answer_side_by_side(person: Person) -> None:
    page = await person.look("ask/?kb=handbook")
    await page.get_by_label("Compare two configurations").click()
    await page.get_by_role("button", name="Second configuration").click()
    await page.get_by_label("Set alpha myself").click()
    slider = page.get_by_role("slider").nth(1)
    await slider.focus()
    await slider.press("Home")
    await asked(page, "GPU memory of the compute nodes")
    cards = page.locator(".kb-answer")
    await expect(cards).to_have_count(2)
    await expect(page.get_by_text("extractive,")).to_have_count(2)
    first = page.get_by_role("article", name="Passage 1")
    await expect(first).to_have_count(2)
    await expect(first.nth(0)).to_contain_text("Meaning")
    await expect(first.nth(1)).not_to_contain_text("Meaning")  # alpha is 0: words alone
    left, right = await cards.nth(0).bounding_box(), await cards.nth(1).bounding_box()
    assert left
    assert right
    assert right["x"] > left["x"] + left["width"] / 2
    await person.picture(page, "ask-two")


async def test_nothing_is_lost_on_reload(person: Person) -> None:
    page = await person.look("ask/?kb=handbook")
    await asked(page, QUESTION)
    answer = await page.locator(".kb-answer").inner_text()
    await page.reload()
    await expect(page.get_by_label("Question")).to_have_value(QUESTION)
    await expect(page.get_by_text("extractive,")).to_be_visible()
    assert await page.locator(".kb-answer").inner_text() == answer


async def test_a_filter_that_is_none_is_one_sentence(person: Person) -> None:
    page = await person.look("ask/?kb=handbook")
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_label("Filters (JSON)").fill("{this is no JSON")
    await page.get_by_label("Question").fill(QUESTION)
    await page.get_by_role("button", name="Ask", exact=True).click()
    problem = page.get_by_role("alert").first
    await expect(problem).to_contain_text("Filters are a JSON object")
    assert "Traceback" not in await page.content()
    await person.picture(page, "ask-problem")


async def test_a_hostile_document_is_shown_and_does_nothing(person: Person, served: Served) -> None:
    said = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    text = f"# Quasar <b>lamp</b>\n\nThe quasar lamp {said} burns at night.\n"
    served.knowledge_base("hostile", {'<img src=x onerror="alert(1)">.md': text.encode()})
    page = await person.look("ask/?kb=hostile")
    await asked(page, "Which lamp burns at night?")
    await page.get_by_role("button", name="Show in the document").first.click()
    mark = page.get_by_role("region", name="Document").locator("mark")
    await expect(mark).to_contain_text("<script>document.title='taken'</script>")
    assert await page.title() == "Ask · kb playground"
    await page.goto(f"{served.url}/playground/chunk/?kb=hostile")
    await expect(page.get_by_role("region", name="Chunks")).to_contain_text("onerror=")
    assert await page.title() == "Chunk · kb playground"


async def test_an_empty_knowledge_base_says_so(person: Person, served: Served) -> None:
    served.knowledge_base("empty", {})
    page = await person.look("ask/?kb=empty")
    await asked(page, "Is anybody there?")
    await expect(page.get_by_text("No passage was found.")).to_be_visible()
    await page.goto(f"{served.url}/playground/chunk/?kb=empty")
    await expect(page.get_by_text("No document is indexed here yet.")).to_be_visible()
    await person.picture(page, "chunk-empty")

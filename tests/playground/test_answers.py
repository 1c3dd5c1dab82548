"""Answers of a language model in the Ask view: as they come, stopped, failed, with a prompt."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from itertools import cycle

from playwright.async_api import Browser, Page, expect

from tests.llm.scripted import Reply, chunk, says, scripted
from tests.playground.person import PATIENCE, Person
from tests.playground.served import handbook, serving

expect.set_options(timeout=PATIENCE)
ENDLESS = cycle([chunk({"content": "and on "}), 0.05])


async def test_an_answer_comes_bit_by_bit_is_stopped_and_fails_in_a_sentence(
    browser: Browser,
) -> None:
    with ExitStack() as running:
        endless = Reply(*says("It goes ")[:2], repeated=ENDLESS)
        failing = [Reply(b'{"error": {"message": "no"}}', status=400) for _ in range(9)]
        async with scripted(endless, *failing) as model:
            settings = {"KB_LLM_URL": model.url, "KB_LLM_MODEL": "scripted"}
            served = await asyncio.to_thread(running.enter_context, serving(**settings))
            documents = handbook("volume-5")
            await asyncio.to_thread(served.knowledge_base, "handbook", documents)
            person = Person(browser, served)
            page = await person.look("ask/")
            await page.get_by_role("button", name="Settings").click()
            await expect(page.get_by_label("Model")).to_have_value("scripted")
            await page.get_by_label("System prompt").fill("Answer like a pirate.")
            await ask(page, "How long does it go on?")
            await expect(page.locator(".kb-answer")).to_contain_text("It goes and on and on")
            await expect(page.get_by_text("Writing…")).to_be_visible()
            await expect(page.get_by_role("article", name="Passage 1")).to_be_visible()
            await page.get_by_role("button", name="Stop").click()
            await expect(page.get_by_text("stopped")).to_be_visible()
            await asyncio.wait_for(model.requests[0].gone.wait(), 60)
            assert "It goes and on" in await page.locator(".kb-answer").inner_text()
            sent = model.requests[0].body
            assert sent["messages"][0]["content"].startswith("Answer like a pirate.")
            assert (sent["temperature"], sent["max_tokens"]) == (0.2, 1024)
            await ask(page, "And now?")
            await expect(page.get_by_role("alert").first).to_contain_text("does not accept")
            assert "Traceback" not in await page.content()
            await person.leave()
            assert person.complaints == []
        await asyncio.to_thread(running.close)


async def ask(page: Page, question: str) -> None:
    await page.get_by_label("Question").fill(question)
    await page.get_by_role("button", name="Ask", exact=True).click()

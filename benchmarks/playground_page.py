"""`make bench-playground`: how soon the playground's pages show something, and follow a slider.

On a knowledge base of 2,000 chunks, all of whose documents are cut anew with every move.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from statistics import median
from typing import Annotated
from urllib.parse import urlencode

import httpx
import typer
from playwright.sync_api import Browser, Page, sync_playwright
from rich.table import Table

from benchmarks.results_file import put, table_section
from benchmarks.service import Running, data_folder, running
from benchmarks.surroundings import measured
from benchmarks.terminal import out

HANDBOOK = Path(__file__).parents[1] / "examples" / "handbook"
BASES = "/v2/gen-ai/knowledge_bases"
NAME = "two-thousand-chunks"
CHUNKS = 2000
SECTIONS = 100  # of a document; each is about one chunk
ROUNDS = 5
MOVES = 12
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PAINT_SECONDS, MOVE_SECONDS = 2.0, 1.0  # demanded
TITLE = "The playground's pages"
ABOUT = """\
A knowledge base of 20 documents; Chromium on the machine of the service. The first paint is the
browser's first contentful paint, a view is drawn when its heading is there. The very first page
after a start also waits for the notebooks' imports, which begin when somebody comes to sign in."""

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
VIEWS = ("ask", "chunk", "tune", "evaluate")
PAINTED = """() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"""
# The time from a key on the slider until its new figures are drawn.
MOVED = """(key) => new Promise((resolve) => {
  const figures = () => document.querySelector('.kb-figures')?.innerText;
  const before = figures(), begun = performance.now();
  const look = () => {
    const now = figures();
    if (now && now !== before) resolve(performance.now() - begun);
    else requestAnimationFrame(look);
  };
  look();
})"""


@app.command(epilog="Example:  `python -m benchmarks.playground_page`")
def main(
    write: Annotated[bool, typer.Option(help="Put the table into RESULTS.md.")] = False,
) -> None:
    """Open each view with an empty cache, then move a slider over 2,000 chunks.

    Ends with 1 where half of a view's first paints take 2 s or more, or half of the moves 1 s.
    """
    with running(data_folder("playground-page")) as service:
        chunks = fill(service)
        with sync_playwright() as playwright:
            program = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
            pages = {view: [look(browser, service, view) for _ in range(ROUNDS)] for view in VIEWS}
            moves = move(browser, service)
            browser.close()
    table = Table("View", title=f"Opened {ROUNDS} times with an empty cache, seconds")
    for column in ("first paint, median", "each", "drawn, median"):
        table.add_column(column, justify="right")
    for view, seen in pages.items():
        paint, drawn = (median(seconds) for seconds in zip(*seen, strict=True))
        each = ", ".join(f"{one:.2f}" for one, _ in seen)
        table.add_row(view, f"{paint:.2f}", each, f"{drawn:.2f}")
    slowest = max(median(paint for paint, _ in seen) for seen in pages.values())
    said = [
        f"First paints: the slowest median is {slowest:.2f} s (demanded under {PAINT_SECONDS:g}).",
        f"A slider moved over {chunks:,} chunks of {CHUNKS // SECTIONS} documents: all cut anew and"
        f" shown in {median(moves):.2f} s, the slowest of {len(moves)} in {max(moves):.2f} s"
        f" (demanded under {MOVE_SECONDS:g}).",
    ]
    out.print(table)
    for one in said:
        out.print(one, soft_wrap=True)
    if write:
        put(table_section(TITLE, ABOUT, table, said, measured("playground_page")))
    good = slowest < PAINT_SECONDS and median(moves) < MOVE_SECONDS
    raise typer.Exit(0 if good else 1)


def fill(service: Running) -> int:
    """The knowledge base, made and indexed unless it is there; its chunks."""
    headers = {"authorization": f"Bearer {service.api_key}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=120) as http:
        listed = http.get(BASES).json()["knowledge_bases"]
        found = next((one for one in listed if one["name"] == NAME), None)
        if found is None:
            found = http.post(BASES, json={"name": NAME}).json()["knowledge_base"]
            for number in range(CHUNKS // SECTIONS):
                files = {"file": (f"volume-{number + 1}.md", document(number).encode())}
                http.post(f"{BASES}/{found['uuid']}/documents", files=files).raise_for_status()
        while True:
            now = http.get(f"{BASES}/{found['uuid']}").json()["knowledge_base"]
            if not now["documents_pending"]:
                return now["chunks"]
            time.sleep(1)


def document(number: int) -> str:
    """Sections of the handbook's length and words, no two of them alike."""
    words = (HANDBOOK / "volume-4-safety.txt").read_text("utf-8").split()
    sections: list[str] = []
    for section in range(SECTIONS):
        start = (number * SECTIONS + section) * 37 % (len(words) - 150)
        said = " ".join(words[start : start + 140])
        sections.append(
            f"## Section {number}.{section}\n\nEntry {number * SECTIONS + section}. {said}"
        )
    return f"# Volume {number}\n\n" + "\n\n".join(sections) + "\n"


def window(browser: Browser, service: Running) -> Page:
    """With an empty cache, signed in, by the form that everybody comes past."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)
    html = {"accept": "text/html"}
    context.request.get(f"{service.url}/playground/", headers=html, fail_on_status_code=False)
    form: dict[str, str | float | bool] = {"key": service.api_key}
    context.request.post(f"{service.url}/playground/sign-in", form=form, max_redirects=0)
    return context.new_page()


def look(browser: Browser, service: Running, view: str) -> tuple[float, float]:
    """Seconds until there is something to see, and until there is the view."""
    page = window(browser, service)
    begun = time.perf_counter()
    page.goto(f"{service.url}/playground/{view}/?kb={NAME}")
    page.get_by_role("heading", level=1).wait_for()
    drawn = time.perf_counter() - begun
    paint = page.evaluate(PAINTED) / 1000
    page.context.close()
    return paint, drawn


def move(browser: Browser, service: Running) -> list[float]:
    """Seconds from each key until all 2,000 chunks are cut anew and shown."""
    page = window(browser, service)
    every = [f"volume-{number + 1}.md" for number in range(CHUNKS // SECTIONS)]
    chosen = {"kb": NAME, "document": every, "a": json.dumps({"strategy": "fixed", "size": 200})}
    page.goto(f"{service.url}/playground/chunk/?{urlencode(chosen, doseq=True)}")
    page.locator(".kb-figures").wait_for()
    slider = page.get_by_role("slider", name="Chunk size")
    slider.focus()
    found: list[float] = []
    for _ in range(MOVES):
        page.wait_for_timeout(500)
        waiting = page.evaluate_handle(f"() => ({{done: ({MOVED})()}})")
        slider.press("ArrowLeft")
        found.append(waiting.evaluate("one => one.done") / 1000)
    page.context.close()
    return found


if __name__ == "__main__":
    app()

"""`make demo`: a handbook in five formats in, six questions answered through three doors, and one
by a language model that searches by itself."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from benchmarks.service import Running, data_folder, running
from examples.tiny_llm import serving

ROOT = Path(__file__).parents[1]
HANDBOOK = sorted((ROOT / "examples" / "handbook").glob("volume-*"))
OWN_DOCS = [ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG")]
QUESTIONS = ROOT / "examples" / "questions.toml"
CAPITALS = sorted((ROOT / "examples" / "capitals").glob("*.md"))
KNOWLEDGE_BASE = "demo"
FOR_CHAT = "demo-capitals"
CHAT_QUESTION = "What are the capitals of France and Japan?"
CHAT_ANSWERS = ("Paris", "Tokyo")
LLM = ("KB_LLM_URL", "KB_LLM_MODEL")
TOP = 3
SHOWN_CHARACTERS = 220

console = Console(highlight=False, soft_wrap=False)

Results = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what must stand in one of the top three passages."""

    text: str
    expected: str
    file: str


def main() -> int:
    """Exit status 0 when every door found every fact and all agreed on the best passage, and the
    language model's answer is backed by what it cites."""
    data_dir = data_folder("demo")
    environment = {**os.environ, "KB_DATA_DIR": str(data_dir)}
    console.print(f"Everything of this demo lives in {environment['KB_DATA_DIR']}")
    add(KNOWLEDGE_BASE, HANDBOOK + OWN_DOCS, environment)
    add(FOR_CHAT, CAPITALS, environment)
    with language_model() as llm, running(data_dir, settings=llm) as service:
        console.rule(f"kb up serves {service.url}")
        asked = questions()
        from_cli = ask_cli([question.text for question in asked], environment)
        knowledge_base_id = find_id(service, KNOWLEDGE_BASE)
        good = [
            ask(question, service, knowledge_base_id, cli)
            for question, cli in zip(asked, from_cli, strict=True)
        ]
        console.rule("POST /v1/chat/completions, streamed")
        backed = chat(service, find_id(service, FOR_CHAT), model=llm["KB_LLM_MODEL"])
    console.rule()
    console.print(
        f"{sum(good)} of {len(good)} questions answered rightly, and alike through all three doors;"
        f" the language model's answer is backed by what it cites: {verdict(backed)}."
    )
    console.print("Now your own documents:  make up   and in another terminal")
    console.print("  .venv/bin/kb create mine && .venv/bin/kb add mine <files and folders>")
    return 0 if all(good) and backed else 1


def add(name: str, files: list[Path], environment: dict[str, str]) -> None:
    """`kb create` unless it is there, and `kb add`."""
    if name not in [one["name"] for one in json.loads(kb(environment, "list", "--json"))]:
        console.print(kb(environment, "create", name).strip())
    console.rule(f"kb add {name} {files[0].relative_to(ROOT)} ...")
    subprocess.run([*KB, "add", name, *map(str, files)], env=environment, check=True)


@contextmanager
def language_model() -> Generator[dict[str, str]]:
    """The settings that name yours, where they do, or else a tiny one that comes with us."""
    yours = {name: os.environ[name] for name in LLM if name in os.environ}
    if len(yours) == len(LLM):
        yield yours
        return
    with serving() as url:
        yield dict(zip(LLM, (url, "tiny"), strict=True))


def chat(service: Running, knowledge_base_id: str, *, model: str) -> bool:
    """A question to a model that searches by itself; whether each fact is in a text it cites."""
    console.print(f"\n[bold]{CHAT_QUESTION}[/]")
    quoted: list[str] = []
    console.print("   ", end="")
    for delta in stream(service, knowledge_base_id, model=model):
        console.print(delta.get("content") or "", end="", markup=False)
        for one in delta.get("annotations") or ():
            cited = one["url_citation"]
            quoted.append(f"{cited['title']}: {read(cited['url'], service)}")
            console.print(f"[cyan]\\[{len(quoted)}][/]", end="")
    console.print()
    for number, text in enumerate(quoted, start=1):
        console.print(f"   [cyan]\\[{number}][/] [dim]{escape(' '.join(text.split()))}[/]")
    backed = all(any(fact in text for text in quoted) for fact in CHAT_ANSWERS)
    console.print(f"   each fact stands in a text that is cited: {verdict(backed)}")
    return backed


def stream(service: Running, knowledge_base_id: str, *, model: str) -> Iterator[dict[str, Any]]:
    """The answer as it comes, in OpenAI's form."""
    body = {
        "model": model,
        "stream": True,
        "messages": [{"role": "user", "content": CHAT_QUESTION}],
        "tools": [
            {
                "type": "knowledge_base_retrieval",
                "knowledge_base_id": knowledge_base_id,
                "num_results": 1,  # more than one passage is more than our tiny model can read
            }
        ],
    }
    url = f"{service.url}/v1/chat/completions"
    with httpx.stream("POST", url, headers=headers(service), json=body, timeout=60) as response:
        if response.is_error:
            response.read()
            response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith("data: {"):
                for choice in json.loads(line.removeprefix("data: "))["choices"]:
                    yield choice["delta"]


def read(url: str, service: Running) -> str:
    """What a citation cites, from where it says that it stands."""
    response = httpx.get(url, headers=headers(service))
    response.raise_for_status()
    return response.text


def ask(question: Question, service: Running, knowledge_base_id: str, cli: Results) -> bool:
    """One question, also through the other two doors; whether the fact is found and all agree."""
    doors = {
        "CLI": cli,
        "REST": ask_rest(question.text, service, knowledge_base_id),
        "MCP": asyncio.run(ask_mcp(question.text, service, knowledge_base_id)),
    }
    console.print(f"\n[bold]{question.text}[/]")
    found = doors["REST"]
    for rank, result in enumerate(found, start=1):
        mark = "[green]*[/]" if holds(result, question) else " "
        console.print(f" {mark} {rank}  [cyan]{result['score']:6.3f}[/]  {source(result)}")
        text = Text(excerpt(result, question.expected), style="dim")
        text.highlight_words([question.expected], "bold green not dim")
        console.print(Padding(text, (0, 0, 0, 7)))
    right = any(holds(result, question) for result in found)
    tops = {door: results[0]["citation"]["uri"] for door, results in doors.items() if results}
    alike = len(tops) == len(doors) and len(set(tops.values())) == 1
    console.print(
        f"   expected fact in the top {TOP}: {verdict(right)}   "
        f"same top passage from {', '.join(doors)}: {verdict(alike)}"
    )
    return right and alike


def ask_cli(queries: list[str], environment: dict[str, str]) -> list[Results]:
    """`kb search` with a question a line on standard input."""
    printed = kb(
        environment,
        *("search", KNOWLEDGE_BASE, "-", "--top-k", str(TOP), "--json"),
        stdin="\n".join(queries),
    )
    return [json.loads(line)["results"] for line in printed.splitlines()]


def find_id(service: Running, name: str) -> str:
    """`GET /v2/gen-ai/knowledge_bases` has it."""
    response = httpx.get(f"{service.url}/v2/gen-ai/knowledge_bases", headers=headers(service))
    response.raise_for_status()
    listed = response.json()["knowledge_bases"]
    return next(one["uuid"] for one in listed if one["name"] == name)


def ask_rest(query: str, service: Running, knowledge_base_id: str) -> Results:
    """`POST /v1/{knowledge_base_uuid}/retrieve`."""
    response = httpx.post(
        f"{service.url}/v1/{knowledge_base_id}/retrieve",
        headers=headers(service),
        json={"query": query, "num_results": TOP},
        timeout=60,
    )
    response.raise_for_status()
    return response.json()["results"]


async def ask_mcp(query: str, service: Running, knowledge_base_id: str) -> Results:
    """The tool `retrieve_knowledge_base`, as an agent calls it."""
    transport = StreamableHttpTransport(f"{service.url}/v1/mcp", headers(service))
    async with Client(transport) as client:
        arguments = {"knowledge_base_id": knowledge_base_id, "query": query, "num_results": TOP}
        answer = await client.call_tool("retrieve_knowledge_base", arguments)
    assert answer.structured_content
    return answer.structured_content["results"]


KB = [sys.executable, "-m", "kb"]


def kb(environment: dict[str, str], *arguments: str, stdin: str = "") -> str:
    """What a command of ours prints."""
    done = subprocess.run(
        [*KB, *arguments],
        env=environment,
        input=stdin,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def headers(service: Running) -> dict[str, str]:
    """The key, as both doors over HTTP take it."""
    return {"Authorization": f"Bearer {service.api_key}"}


def questions() -> list[Question]:
    """The six that the demo asks."""
    rows = tomllib.loads(QUESTIONS.read_text())["questions"]
    return [
        Question(row["question"], row["expected"], row["file"]) for row in rows if row.get("demo")
    ]


def holds(result: dict[str, Any], question: Question) -> bool:
    """Whether the fact stands in this passage of the right file."""
    text = " ".join(result["text_content"].split())
    return question.expected in text and result["metadata"]["item_name"] == question.file


def excerpt(result: dict[str, Any], expected: str) -> str:
    """The part of the passage around the fact, else its beginning."""
    text = " ".join(result["text_content"].split())
    start = max(0, text.find(expected) - SHOWN_CHARACTERS // 3)
    before, after = "... " if start else "", text[start + SHOWN_CHARACTERS :]
    return before + text[start : start + SHOWN_CHARACTERS] + (" ..." if after else "")


def source(result: dict[str, Any]) -> str:
    """File, page and section."""
    citation = result["citation"]
    page = f", page {citation['page']}" if citation["page"] else ""
    section = f", {' > '.join(citation['section_path'])}" if citation["section_path"] else ""
    return f"{result['metadata']['item_name']}{page}{section}"


def verdict(good: bool) -> str:
    """For people."""
    return "[green]yes[/]" if good else "[red]NO[/]"


if __name__ == "__main__":
    sys.exit(main())

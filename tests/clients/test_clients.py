"""Other people's clients, unchanged: each reads an answer from a knowledge base, and what it cites,
whole and streamed. Each runs as a program of its own, in the environment that has it."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.desk import ANSWER, CITED, MODEL, TEXT, Desk

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECONDS = 300  # on a busy machine, some take half a minute to be imported
PROXY = "http://127.0.0.1:9"  # nobody listens: what is meant for other machines goes nowhere


@dataclass(frozen=True, slots=True)
class Client:
    """A program `ask_<name>.py`."""

    cites: tuple[str, ...]
    """APIs whose citations it hands on."""

    drops: tuple[str, ...] = ()
    """Those whose citations its own objects have no place for."""

    environment: str | None = None
    """Our own unless it is named."""

    needs_tls: bool = False

    @property
    def python(self) -> str:
        if self.environment is None:
            return sys.executable
        python = ROOT / self.environment / "bin" / "python"
        if not python.exists():
            pytest.fail(f"There is no {self.environment}; `make test` builds it.")
        return str(python)


OPENAI_2, OPENAI_3 = ".venv-clients-openai2", ".venv-clients-openai3"
CLIENTS = {
    "gradient": Client(("chat", "responses")),
    "pydo": Client(("chat", "responses", "messages"), needs_tls=True),
    "langchain": Client(("responses",), drops=("chat",), environment=OPENAI_2),
    "litellm": Client(("chat", "responses"), environment=OPENAI_2),
    "llama_index": Client(("chat", "responses"), environment=OPENAI_2),
    "openai_agents": Client(("chat", "responses"), environment=OPENAI_3),
    "pydantic_ai": Client(("chat", "responses"), drops=("messages",), environment=OPENAI_3),
}


@pytest.mark.parametrize("name", CLIENTS)
async def test_an_answer_is_read_with_what_it_cites(
    name: str, desk: Desk, certificate: Path, tmp_path: Path
) -> None:
    client = CLIENTS[name]
    ways = [(api, way) for api in (*client.cites, *client.drops) for way in (False, True)]
    desk.expect(len(ways))
    answers = await run(
        client.python,
        HERE / f"ask_{name}.py",
        ORIGIN=desk.secure_origin if client.needs_tls else desk.origin,
        API_KEY=desk.key,
        KNOWLEDGE_BASE=str(desk.knowledge_base_id),
        MODEL=MODEL,
        HOME=str(tmp_path),
        REQUESTS_CA_BUNDLE=str(certificate),
    )
    assert sorted((one["api"], one["streamed"]) for one in answers) == sorted(ways)
    for answer in answers:
        assert answer["text"] == ANSWER
        if answer["api"] in client.drops:
            assert answer["citations"] == []
            continue
        (citation,) = answer["citations"]
        assert citation["title"] == "desk.md"
        assert ANSWER[: citation["end"]] == CITED
        assert await quoted(desk, citation["locator"], certificate) == TEXT
    asked = [one.body["messages"] for one in desk.upstream.requests]
    assert len(asked) == 2 * len(ways)
    assert all("front desk for nine days" in messages[-1]["content"] for messages in asked[1::2])


async def run(python: str, program: Path, **variables: str) -> list[dict[str, Any]]:
    """What the program prints."""
    process = await asyncio.create_subprocess_exec(
        python,
        program,
        env={
            "PATH": os.environ["PATH"],
            "HTTP_PROXY": PROXY,
            "HTTPS_PROXY": PROXY,
            "NO_PROXY": "127.0.0.1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it would ask for prices elsewhere
            **variables,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def quoted(desk: Desk, locator: str, certificate: Path) -> str:
    """What a citation's locator gives to the same key."""
    headers = {"authorization": f"Bearer {desk.key}"}
    context = ssl.create_default_context(cafile=certificate)
    async with httpx.AsyncClient(headers=headers, verify=context) as http:
        if not locator.startswith("kb://"):
            return (await http.get(locator)).raise_for_status().text
        named = await http.get(f"{desk.origin}/v1/citations", params={"uri": locator})
        return named.raise_for_status().json()["text_content"]

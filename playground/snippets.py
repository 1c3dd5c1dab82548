"""The calls that do what a view does, as scripts to copy. Each reads its key from KB_API_KEY."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pprint import pformat
from typing import Any
from uuid import UUID

from playground.client import BASES, Options

MCP_FIELDS = ("num_results", "alpha", "filters", "expand", "max_tokens", "max_per_document")


def retrieve(url: str, kb: UUID, options: Options) -> dict[str, str]:
    """Passages, through each door. `options` is the body of the REST call."""
    arguments = {
        "knowledge_base_id": str(kb),
        "query": options["query"],
        **{name: options[name] for name in MCP_FIELDS if name in options},
    }
    if "reranking" in options:
        arguments["reranking"] = options["reranking"]["enabled"]
    return call(url, "POST", f"/v1/{kb}/retrieve", options) | {"MCP": mcp(url, arguments)}


def chat(url: str, options: Options) -> dict[str, str]:
    """An answer. MCP has no answers: an agent has a model of its own, and asks for passages."""
    return call(url, "POST", "/v1/chat/completions", options)


def build(url: str, kb: UUID, options: Options) -> dict[str, str]:
    """An index version with these settings, beside the live one."""
    return call(url, "POST", f"{BASES}/{kb}/index_versions", options)


def call(url: str, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, str]:
    """Any call of the API, for a shell and for Python."""
    return {"REST": _rest(url, method, path, body), "Python": _python(url, method, path, body)}


def mcp(url: str, arguments: Mapping[str, Any]) -> str:
    """The tool that agents call."""
    literal = _literal(arguments, indent=8)
    return f"""\
import asyncio
import os

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport


async def main():
    headers = {{"Authorization": f"Bearer {{os.environ['KB_API_KEY']}}"}}
    transport = StreamableHttpTransport({url + "/v1/mcp"!r}, headers)
    async with Client(transport) as client:
        arguments = {literal}
        answer = await client.call_tool("retrieve_knowledge_base", arguments)
    print(answer.structured_content)


asyncio.run(main())
"""


def _rest(url: str, method: str, path: str, body: Mapping[str, Any] | None) -> str:
    lines = [
        f"curl --fail-with-body -X {method} {shlex.quote(url + path)}",
        '  -H "Authorization: Bearer $KB_API_KEY"',
    ]
    if body is not None:
        said = json.dumps(body, ensure_ascii=False, indent=2)
        lines += ["  -H 'Content-Type: application/json'", f"  -d {shlex.quote(said)}"]
    return " \\\n".join(lines) + "\n"


def _python(url: str, method: str, path: str, body: Mapping[str, Any] | None) -> str:
    sent = "" if body is None else f"    json={_literal(body, indent=4)},\n"
    return f'''\
import os

import httpx

answer = httpx.request(
    "{method}",
    {url + path!r},
    headers={{"Authorization": f"Bearer {{os.environ['KB_API_KEY']}}"}},
{sent}    timeout=120,
)
answer.raise_for_status()
print(answer.json())
'''


def _literal(value: Mapping[str, Any], *, indent: int) -> str:
    text = pformat(dict(value), width=92 - indent, sort_dicts=False)
    return text.replace("\n", "\n" + " " * indent) if indent else text

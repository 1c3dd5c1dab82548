"""The MCP Inspector's command line against the door: a client that nobody here wrote.

`npm ci` in tests/node installs it. To move to another version, change package.json there, run
`npm install --package-lock-only --ignore-scripts`, and take the `funding` entries out of the lock.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_server.conftest import Door

NODE = Path(__file__).parents[1] / "node"
INSPECTOR = NODE / "node_modules" / ".bin" / "mcp-inspector"
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run of the inspector ended."""

    status: int
    out: str
    err: str


async def inspect(tmp_path: Path, door: Door, *arguments: str, key: str | None) -> Ran:
    if not INSPECTOR.exists():
        pytest.fail(f"Run `npm ci --ignore-scripts` in {NODE}, as `make test` does.")
    headers = ["--header", f"Authorization: Bearer {key}"] if key else []
    command = ["--cli", door.url, "--transport", "http", "--format", "json", "--stored-auth-only"]
    process = await asyncio.create_subprocess_exec(
        BIN / "node",
        INSPECTOR,
        *command,
        *headers,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "MCP_CATALOG_PATH": str(tmp_path / "catalog.json"),
        },
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def test_the_lock_pins_every_package_and_names_no_registry() -> None:
    lock: dict[str, Any] = json.loads((NODE / "package-lock.json").read_text())
    package: dict[str, Any] = json.loads((NODE / "package.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert len(packages) > 50
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert not [name for name, one in packages.items() if "resolved" in one]
    assert "http" not in json.dumps(lock)
    inspector = "@modelcontextprotocol/inspector"
    assert package["dependencies"] == {inspector: packages[f"node_modules/{inspector}"]["version"]}


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_it_lists_tools_whose_schemas_every_client_can_read(
    tmp_path: Path, door: Door, era: str
) -> None:
    arguments = ("--method", "tools/list", "--strict", "--protocol-era", era)
    ran = await inspect(tmp_path, door, *arguments, key=door.secret)
    assert ran.status == 0, ran
    listed = json.loads(ran.out)
    tools = (listed.get("result") or listed)["tools"]
    assert {tool["name"] for tool in tools} == {"retrieve_knowledge_base", "list_knowledge_bases"}


async def test_it_calls_the_tool_and_gets_what_rest_gives(tmp_path: Path, door: Door) -> None:
    asked = {"query": "How long may a parcel wait?", "num_results": 2}
    arguments = json.dumps({"knowledge_base_id": str(door.base), **asked})
    call = ("--method", "tools/call", "--tool-name", "retrieve_knowledge_base")
    ran = await inspect(tmp_path, door, *call, "--tool-args-json", arguments, key=door.secret)
    assert ran.status == 0, ran
    called = json.loads(ran.out)
    result = called.get("result") or called
    assert result["structuredContent"] == (await door.rest(**asked)).json()
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]


@pytest.mark.parametrize("key", [None, "kb_wrong"])
async def test_it_is_refused_without_a_key_that_opens_the_door(
    tmp_path: Path, door: Door, key: str | None
) -> None:
    ran = await inspect(tmp_path, door, "--method", "tools/list", key=key)
    assert ran.status != 0
    assert "auth" in (ran.out + ran.err).lower()
    assert "retrieve_knowledge_base" not in ran.out

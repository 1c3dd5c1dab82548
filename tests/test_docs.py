"""What stands here is what the documents say: settings, routes, tools, commands, make targets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from kb.api.app import MCP_PATH, create_app
from kb.cli.app import app as cli
from kb.gateway.gateway import Gateway
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_live_sources
from kb_mcp.server import Backend, make_server
from playground.workplace import PlaygroundSettings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_explained_and_in_the_readme(name: str) -> None:
    assert Settings.model_fields[name].description
    assert f"`KB_{name.upper()}`" in README


def test_the_readme_names_no_setting_that_is_not_there() -> None:
    fields = [*Settings.model_fields, *PlaygroundSettings.model_fields]
    known = {f"KB_{name.upper()}" for name in fields}
    assert set(re.findall(r"KB_[A-Z0-9_]+", README)) <= known


def test_every_route_is_in_the_readme_and_says_what_it_does(
    service: Service, settings: Settings, gateway: Gateway
) -> None:
    app = create_app(service, make_live_sources(settings), gateway)
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    for path, operations in paths.items():
        line = next((line for line in README.splitlines() if f"{path}`" in line), None)
        assert line, f"{path} is not in README.md"
        for method, operation in operations.items():
            assert method.upper() in line, f"{method.upper()} {path} is not in README.md"
            assert operation.get("description"), f"{method.upper()} {path} says nothing"
    assert f"`POST {MCP_PATH}`" in README


async def test_every_tool_and_every_argument_is_explained(service: Service) -> None:
    async def nothing(*_: object) -> Any:
        raise NotImplementedError

    backend = Backend(
        authenticate=nothing,
        retrieve=service.retrieve_from,
        list_knowledge_bases=nothing,
        read_citation=nothing,
    )
    for tool in await make_server(backend, version="0").list_tools():
        assert f"`{tool.name}" in README
        assert tool.description
        for name, schema in tool.parameters["properties"].items():
            assert schema.get("description"), f"{tool.name}({name}) says nothing"


def test_every_command_and_option_has_help_and_every_command_is_in_the_readme() -> None:
    root: Any = get_command(cli)
    for name, command in root.commands.items():
        assert re.search(rf"kb {name}\b", README), f"kb {name} is not in README.md"
        for leaf in getattr(command, "commands", {"": command}).values():
            assert leaf.help
            for parameter in leaf.params:
                assert getattr(parameter, "help", None), f"kb {name}: {parameter.name}"


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^{target}:.*## \S", makefile, re.MULTILINE), target


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for document in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text()):
            assert (ROOT / target).exists(), f"{document.name} links to {target}"

"""The calls that are shown to be copied: run as they are, they work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any
from uuid import UUID

import pytest

from playground import snippets
from playground.ask_settings import AskSettings
from playground.client import Client
from tests.playground.served import Served

# What a shell and Python take for their own.
STRANGE = """What's "the dome's" $HOME `id` \\ {x} wide, 'quoted'?"""


def run(served: Served, language: str, script: str) -> str:
    """What the script prints, the key in its environment as it says."""
    assert served.key not in script
    command = ["bash", "-c", script] if language == "REST" else [sys.executable, "-c", script]
    environment = {**os.environ, "KB_API_KEY": served.key}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def result(language: str, printed: str) -> dict[str, Any]:
    return json.loads(printed) if language == "REST" else eval(printed)


@pytest.mark.parametrize("language", ["REST", "Python", "MCP"])
@pytest.mark.parametrize(
    "settings",
    [
        AskSettings(),
        AskSettings(
            num_results=3,
            alpha=0.25,
            expand="neighbours",
            reranking=False,
            filters='{"equals": {"key": "item_name", "value": "volume-5-computing.md"}}',
        ),
    ],
)
def test_passages_are_those_of_the_view(
    served: Served, client: Client, base: UUID, language: str, settings: AskSettings
) -> None:
    options = settings.retrieve_options(STRANGE)
    expected = client.retrieve(base, options)
    scripts = snippets.retrieve(served.url, base, options)
    found = result(language, run(served, language, scripts[language]))
    assert [one["citation"]["uri"] for one in found["results"]] == [
        one.citation.uri for one in expected.results
    ]
    assert expected.results


@pytest.mark.parametrize("language", ["REST", "Python"])
def test_an_answer_is_that_of_the_view(
    served: Served, client: Client, base: UUID, language: str
) -> None:
    settings = AskSettings(
        model="extractive", system_prompt='Say "so".\nBriefly.', temperature=0.5, max_tokens=50
    )
    options = settings.chat_options(base, STRANGE)
    expected = "".join(part.text for part in client.chat(options))
    printed = run(served, language, snippets.chat(served.url, options)[language])
    assert result(language, printed)["choices"][0]["message"]["content"] == expected


@pytest.mark.parametrize("language", ["REST", "Python"])
def test_an_index_version_is_built(
    served: Served, client: Client, base: UUID, language: str
) -> None:
    body = {
        "chunking_algorithm": "CHUNKING_ALGORITHM_FIXED_LENGTH",
        "chunking_options": {"max_chunk_size": 120},
    }
    printed = run(served, language, snippets.build(served.url, base, body)[language])
    made = result(language, printed)["index_version"]
    assert made["chunking_options"]["max_chunk_size"] == 120
    client.discard(base, UUID(made["uuid"]))


def test_a_call_without_a_body_sends_none(served: Served, base: UUID) -> None:
    scripts = snippets.call(served.url, "GET", f"/v2/gen-ai/knowledge_bases/{base}", None)
    for language, script in scripts.items():
        found = result(language, run(served, language, script))
        assert found["knowledge_base"]["name"] == "handbook"
        assert not re.search(r"-d |json=", script)

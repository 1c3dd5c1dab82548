"""Chunking options over REST: what reaches the index, and what is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from kb.api.chunking import ALGORITHMS, ChunkingOptions, chunking
from retrieval.embedding.models import MODELS
from retrieval.index import CHUNK_STRATEGIES, ChunkSettings
from tests.kb.api.client import BASE, Api

MODEL = MODELS[0]
STORY = "# Doors\n\nA door is oiled in spring.\n\n# Bells\n\n" + " ".join(
    f"The {thing} bell of the north tower rings {number} times at noon."
    for number, thing in enumerate(("copper", "silver", "iron", "golden", "wooden"), 2)
)


def asked(algorithm: str | None = None, **options: Any) -> ChunkSettings:
    return chunking(MODEL, algorithm, ChunkingOptions.model_validate(options))


def test_every_strategy_has_a_long_and_a_short_name() -> None:
    for strategy in CHUNK_STRATEGIES:
        assert sum(named == strategy for named in ALGORITHMS.values()) >= 2


def test_options_of_our_own_reach_the_settings() -> None:
    window = asked("CHUNKING_ALGORITHM_SENTENCE_WINDOW", window_size=5, context="none")
    assert (window.strategy, window.window_size, window.context) == ("sentence_window", 5, "none")
    assert asked(min_chunk_size=80).min_chunk_size == 80


def test_what_go_clients_send_for_unset_options_is_unset() -> None:
    assert asked(window_size=0, min_chunk_size=0, context="") == asked()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"chunking_options": {"window_size": 3}}, "belongs to the strategy sentence_window"),
        (
            {"chunking_algorithm": "sentence_window", "chunking_options": {"window_size": 11}},
            "from 1 to 10 sentences, not 11",
        ),
        ({"chunking_options": {"min_chunk_size": 129}}, "from 0 to 128 tokens"),
        (
            {"chunking_algorithm": "fixed", "chunking_options": {"min_chunk_size": 20}},
            "belongs to the strategy section or semantic",
        ),
        ({"chunking_options": {"context": "title"}}, "context"),
    ],
)
async def test_what_does_not_go_together_is_refused(
    api: Api, fields: dict[str, Any], says: str
) -> None:
    request = {"name": f"refused-{uuid4().hex[:8]}", **fields}
    assert says in await api.refused(400, "POST", BASE, json=request)


async def test_a_found_sentence_comes_with_the_sentences_around_it(api: Api) -> None:
    base = await api.filled(
        {"story.md": STORY},
        "windows",
        chunking_algorithm="CHUNKING_ALGORITHM_SENTENCE_WINDOW",
        chunking_options={"window_size": 1},
    )
    (best, *_) = (await api.retrieve(base, "How often does the iron bell ring?"))["results"]
    assert best["text_content"] == "The iron bell of the north tower rings 4 times at noon."
    around = best["parent_chunk_text"]
    assert around.startswith("The silver bell")
    assert around.endswith("The golden bell of the north tower rings 5 times at noon.")

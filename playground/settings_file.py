"""A candidate as the API's own bodies, and both in a file that the command line takes."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from playground.candidates import Candidate, IndexChoice
from retrieval.query import Query


def build_body(choice: IndexChoice, model: UUID) -> dict[str, Any]:
    """What `POST .../index_versions` is sent. `model` is the embedding model's UUID."""
    one = choice.chunking
    is_hierarchical = one.strategy == "hierarchical"
    options = {
        "child_chunk_size" if is_hierarchical else "max_chunk_size": one.max_chunk_size,
        "parent_chunk_size": one.parent_chunk_size,
        "semantic_threshold": one.semantic_threshold,
        "overlap": one.overlap or None,
        "window_size": one.window_size,
        "min_chunk_size": one.min_chunk_size or None,
        "context": one.context,
    }
    body: dict[str, Any] = {
        "embedding_model_uuid": str(model),
        "chunking_algorithm": f"CHUNKING_ALGORITHM_{_ALGORITHMS[one.strategy]}",
        "chunking_options": {name: value for name, value in options.items() if value is not None},
    }
    if choice.dimensions is not None:
        body["embedding_dimensions"] = choice.dimensions
    return body


def retrieve_options(like: Query) -> dict[str, Any]:
    """What `POST /v1/{knowledge_base_uuid}/retrieve` is sent beside the question."""
    reranking = like.reranking
    options: dict[str, Any] = {
        "num_results": like.num_results,
        "alpha": like.alpha,
        "fusion": like.fusion,
        "expand": like.expand,
        "max_tokens": like.max_tokens,
        "reranking": {"enabled": True, "candidates": reranking.candidates}
        if reranking is not None and reranking.enabled
        else {"enabled": False},
    }
    return {name: value for name, value in options.items() if value is not None}


def settings_file(candidate: Candidate, model: UUID) -> str:
    """JSON with both: `kb index build --settings` takes the one, `kb eval run --settings` the
    other."""
    both = {
        "index_version": build_body(candidate.index, model),
        "retrieve": retrieve_options(candidate.like),
    }
    return json.dumps(both, indent=2) + "\n"


_ALGORITHMS = {
    "section": "SECTION_BASED",
    "semantic": "SEMANTIC",
    "hierarchical": "HIERARCHICAL",
    "sentence_window": "SENTENCE_WINDOW",
    "fixed": "FIXED_LENGTH",
}

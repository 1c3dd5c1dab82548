"""What a server with OpenAI's embeddings API answers, read with suspicion."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ValidationError

from retrieval.embedding.embedder import EmbeddingRefused, EmbeddingUnavailable, Vectors

if TYPE_CHECKING:
    import httpx

DETAIL_CHARS = 300  # of what a server says is wrong
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class _Item(BaseModel):
    index: int
    embedding: str | list[float]
    """Little-endian float32 in base64, as is asked for, or numbers from a server that cannot."""


class _Answer(BaseModel):
    """What is read of an answer."""

    data: list[_Item]


def read_answer(content: bytes, *, texts: int, dimensions: int) -> Vectors:
    """One vector for each text, in their order: shape (texts, dimensions). None is of zeros, and
    every number is finite. Raises EmbeddingRefused."""
    try:
        items = sorted(_Answer.model_validate_json(content).data, key=lambda item: item.index)
        vectors = [_numbers(item.embedding) for item in items]
    except (ValidationError, binascii.Error, ValueError) as exc:
        raise EmbeddingRefused("What answers there is no embeddings API.") from exc
    if [item.index for item in items] != list(range(texts)):
        raise EmbeddingRefused(f"It gave {len(items)} vectors for {texts} texts.")
    if wrong := {vector.size for vector in vectors} - {dimensions}:
        raise EmbeddingRefused(f"Its vectors have {wrong.pop()} dimensions, not {dimensions}.")
    found = np.stack(vectors)
    if not (np.isfinite(found).all() and found.any(axis=1).all()):
        raise EmbeddingRefused("It gave a vector of zeros, or one with numbers that are none.")
    return found


def refusal(response: httpx.Response, content: bytes) -> EmbeddingUnavailable | EmbeddingRefused:
    """What an answer that is no success means."""
    said = " ".join(content.decode("utf-8", "replace").split())[:DETAIL_CHARS]
    detail = f"It answers {response.status_code}: {said}"
    if response.status_code not in _AGAIN:
        return EmbeddingRefused(detail)
    wait = response.headers.get("Retry-After", "")
    return EmbeddingUnavailable(detail, after=float(wait) if wait.isdecimal() else 0)


def _numbers(embedding: str | list[float]) -> Vectors:
    if isinstance(embedding, str):
        return np.frombuffer(b64decode(embedding, validate=True), "<f4")
    return np.array(embedding, np.float32)

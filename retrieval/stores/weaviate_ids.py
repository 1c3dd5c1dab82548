"""Ids of objects in Weaviate: they say by themselves what belongs together.

64 bits of a document's digest, 40 at random for each time that it is written, 24 of a chunk's
position. To find is then to get ids and scores: with any property the server reads whole objects,
and takes three times as long. Two of a million documents share a digest with probability 3e-8.
"""

from __future__ import annotations

from hashlib import blake2b
from secrets import randbits
from uuid import UUID

_POSITION_BITS = 24
_DOCUMENT_SHIFT = 64


def document_object_id(document_id: UUID) -> UUID:
    """Of the object that says which generation of the document's chunks counts."""
    digest = blake2b(document_id.bytes, digest_size=8).digest()
    return UUID(int=int.from_bytes(digest, "big") << _DOCUMENT_SHIFT)


def new_generation(document_id: UUID) -> UUID:
    """For chunks of the document that are written together."""
    drawn = randbits(_DOCUMENT_SHIFT - _POSITION_BITS) << _POSITION_BITS
    return UUID(int=document_object_id(document_id).int | drawn)


def chunk_id(generation: UUID, position: int) -> UUID:
    """Of the chunk that stands there among those written together."""
    assert 0 <= position < 1 << _POSITION_BITS
    return UUID(int=generation.int | position)


def generation_of(chunk: int) -> int:
    """The generation that a chunk was written with, both as numbers."""
    return chunk >> _POSITION_BITS << _POSITION_BITS


def document_object_of(chunk: int) -> int:
    """The object of a chunk's document, both as numbers."""
    return chunk >> _DOCUMENT_SHIFT << _DOCUMENT_SHIFT

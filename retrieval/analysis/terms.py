"""What an index knows a term by: a number, the same in every index and for ever."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

TERM_SPACE = 1_000_000_000  # the most dimensions that pgvector's sparsevec allows
MAX_TERM_CHARACTERS = 64


@lru_cache(maxsize=200_000)
def term_id(term: str) -> int:
    """A stable number for a term, from 0 to `TERM_SPACE` - 1.

    Hashing needs no vocabulary table and no coordination between writers. Two of 100,000 distinct
    terms share a number with probability 1e-9 a pair: about five pairs in all.
    """
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "big") % TERM_SPACE

"""A model's own tokenizer, for measuring and cutting texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class UnreadableTokenizer(RetrievalError):
    """The embedding model's tokenizer could not be read; chunks are measured with it."""


def read_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer.json, neither truncating nor padding. Raises UnreadableTokenizer."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as exc:
        raise UnreadableTokenizer(f"{path}: {exc}") from exc
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer

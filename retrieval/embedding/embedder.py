"""What turns texts into vectors, as the rest of the code sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding.models import EmbeddingModel
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]


class EmbeddingUnavailable(RetrievalError):
    """The embedding server does not answer; try again in a moment."""

    def __init__(self, detail: str = "", *, after: float = 0) -> None:
        super().__init__(detail)
        self.after = after
        """Seconds that the server asks to wait."""


class EmbeddingRefused(RetrievalError):
    """The embedding server gives no usable vectors; check its address, the key and the model's
    name and dimensions in KB_EMBEDDING_MODELS."""


class Embedder(Protocol):
    """Texts in, vectors of length 1 out, so that a dot product is a cosine.

    Methods block while they compute: call them on a thread. They may be called from any number
    of threads at once, and a query does not wait for a long list of passages to finish. One that
    asks a server raises EmbeddingUnavailable where the same call may succeed later, else
    EmbeddingRefused.
    """

    @property
    def model(self) -> EmbeddingModel:
        """Which model this is."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer, neither truncating nor padding, for measuring chunks.

        Shared: read with it, change nothing on it. `encode(text)` adds the special tokens that
        count towards `model.max_tokens`; `encode(text, add_special_tokens=False)` does not.
        """
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors to store: float32, shape (len(texts), dimensions), row i for texts[i].

        What a text has beyond `model.max_tokens` has no influence on its vector.
        """
        ...

    def embed_query(self, text: str) -> Vectors:
        """A vector to search with: float32, shape (dimensions,)."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens `text` takes as a passage, before any is cut off: prefix and specials included."""
        ...


def to_unit_length(vectors: NDArray[Any]) -> Vectors:
    """The vectors, or the single one, divided by their length; a zero stays one."""
    exact = np.asarray(vectors, np.float64)  # squares of half-precision numbers overflow
    lengths = np.linalg.norm(exact, axis=-1, keepdims=True)
    return (exact / np.where(lengths, lengths, 1)).astype(np.float32)

"""HyDE: a question searched by the meaning of an imagined answer, too."""

from __future__ import annotations

import numpy as np

from retrieval.embedding.embedder import Embedder, Vectors


def embed_with_hypothetical(embedder: Embedder, question: str, passage: str) -> Vectors:
    """The mean direction of both vectors, of length 1, shape (dimensions,).

    As in Gao et al., Precise Zero-Shot Dense Retrieval without Relevance Labels, 2023, the question
    counts as one more guess: an answer that was made up all wrong does not take the search along.
    """
    total = embedder.embed_query(question) + embedder.embed_passages([passage])[0]
    return total / max(float(np.linalg.norm(total)), 1e-6)

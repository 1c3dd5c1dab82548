"""BM25 by the book, straight from the formula, to check what a store's own arithmetic gives.

score(q, d) = sum over t in q of  IDF(t) * tf / (tf + k1 * (1 - b + b * |d| / avgdl))
IDF(t) = ln(1 + (N - df + 0.5) / (df + 0.5))

Written here a second time on purpose: the constants, too. As in Lucene since version 8 the constant
factor (k1 + 1) is left out. `avgdl` is 0.4 terms for each token that a chunk may hold, or else the
texts' true average.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from statistics import fmean

from retrieval.analysis import analyze

K1 = 0.9
B = 0.4


def scores(query: str, texts: Sequence[str], *, max_chunk_size: int | None) -> list[float]:
    """The score of each of `texts`, which together are the whole index."""
    documents = [analyze(text) for text in texts]
    true_average = fmean(len(document) for document in documents)
    average = true_average if max_chunk_size is None else 0.4 * max_chunk_size
    totals = [0.0] * len(documents)
    for term in analyze(query):
        holding = sum(term in document for document in documents)
        if not holding:
            continue
        idf = log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for number, document in enumerate(documents):
            tf = document.count(term)
            totals[number] += idf * tf / (tf + K1 * (1 - B + B * len(document) / average))
    return totals

"""What is wrong with an evaluation, as whoever set it up should hear it."""

from __future__ import annotations

from retrieval.errors import RetrievalError


class InvalidDataset(RetrievalError):
    """These questions cannot be taken; mend what is named here and add them again."""


class GoldNotFound(InvalidDataset):
    """What should answer a question is not in the documents; mend the question or add them."""


class UnknownMetric(RetrievalError):
    """There is no such metric in this run."""


class NotComparable(RetrievalError):
    """The two runs have no question in common; run both on the same dataset."""

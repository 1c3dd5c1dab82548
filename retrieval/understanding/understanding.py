"""What a language model is to make of a question before it is searched, and what it made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

UnderstandingMode = Literal["rewrite", "decompose", "hyde"]
UNDERSTANDING_MODES: tuple[UnderstandingMode, ...] = get_args(UnderstandingMode)

MAX_SUB_QUERIES = 4
MAX_QUESTION_CHARACTERS = 1_000
MAX_PASSAGE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said before the question."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What is asked of the model."""

    mode: UnderstandingMode
    """`rewrite` makes a question of a conversation one that stands alone; `decompose` makes several
    of one that asks for several things; `hyde` imagines a passage that answers."""

    history: tuple[Turn, ...] = ()
    """Oldest first; of a long one the model reads the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What became of it."""

    mode: UnderstandingMode
    rewritten_query: str | None = None
    """Searched instead of the question."""

    sub_queries: tuple[str, ...] = ()
    """Searched each by itself instead of the question."""

    hypothetical_passage: str | None = None
    """Searched by its meaning together with the question's; words are those of the question."""

    error: str | None = None
    """Why the question was searched as it is."""

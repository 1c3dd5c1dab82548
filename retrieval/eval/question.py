"""A question and its gold: the places in the documents that answer it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from retrieval.query import MAX_QUERY_CHARACTERS

Span = tuple[int, int]

MAX_GRADE = 100
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    if _NO_TEXT.search(value):
        raise ValueError("holds a null character or half of a surrogate pair")
    return value


Text = Annotated[str, AfterValidator(_text)]


class EvalModel(BaseModel):
    """Part of a dataset or a run; field texts become descriptions in OpenAPI."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Gold(EvalModel):
    """What answers a question: a span of a document's canonical text, or the document as a whole.

    Characters are counted, not chunks, so that it stays good however the document is cut.
    """

    document: Text
    """The document's item name."""

    start: int | None = Field(default=None, ge=0)
    """Where the span begins, in code points."""

    end: int | None = Field(default=None, ge=1)
    """Where it ends."""

    quote: Text | None = None
    """What stands there, word for word; white space may differ. Enough to find the span by."""

    grade: int = Field(default=1, ge=1, le=MAX_GRADE)
    """How well it answers, compared with the question's other gold."""

    @model_validator(mode="after")
    def _check_span(self) -> Self:
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end go together")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end must be greater than start")
        return self

    @property
    def span(self) -> Span | None:
        """None where the document as a whole answers, or its quote has not been looked for."""
        return None if self.start is None or self.end is None else (self.start, self.end)


class Question(EvalModel):
    """A question with what answers it."""

    question: Annotated[Text, Field(max_length=MAX_QUERY_CHARACTERS)]
    gold: Annotated[list[Gold], Field(min_length=1)]
    id: str = ""
    """Unique in its dataset; its number, from 1, unless it is given."""

    tags: list[Text] = []
    """Any words to tell kinds of questions apart by."""

    @property
    def digest(self) -> str:
        """The same for the same question with the same gold, wherever that stands by now."""
        return digest(self.question, self.gold)


def digest(question: str, gold: Sequence[Gold]) -> str:
    """What two runs' questions are matched by."""
    answers = sorted([one.document, one.quote or "", one.grade] for one in gold)
    said = json.dumps([question, answers], ensure_ascii=False)
    return sha256(said.encode()).hexdigest()[:32]

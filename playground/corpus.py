"""What candidates are measured on: documents, the questions about them, and samples of both."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ingest.parsing.document import ParsedDocument
from playground.parts import Part, joined, parts_of, whole
from retrieval.eval.dataset import checked, resolved
from retrieval.eval.errors import GoldNotFound, InvalidDataset
from retrieval.eval.question import Gold, Question

LEAST_QUESTIONS = 25  # of fewer, a difference between two candidates is hardly ever more than noise

Key = tuple[str, int]
"""A document and the number of one of its parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some parts of the documents, and the questions that they alone answer."""

    parts: Mapping[str, Sequence[Part]]
    """By document; parts that touch are one."""

    questions: Sequence[Question]
    share: float
    """Of all documents' characters."""


@dataclass(frozen=True)
class Corpus:
    """Documents by item name, and questions whose gold is found in them."""

    documents: Mapping[str, ParsedDocument]
    questions: Sequence[Question]
    left_out: Sequence[str] = field(default=())
    """Why questions were left out."""

    @classmethod
    def of(cls, documents: Mapping[str, ParsedDocument], questions: Sequence[Question]) -> Corpus:
        """Questions whose gold is not in the documents are left out, and said why.

        Raises `InvalidDataset` where none is left.
        """
        texts = {name: one.text for name, one in documents.items()}
        found: list[Question] = []
        left_out: list[str] = []
        for question in checked(questions):
            try:
                found.append(resolved(question, texts))
            except GoldNotFound as exc:
                left_out.append(exc.detail)
        if not found:
            raise InvalidDataset(f"No question has its gold in these documents. {left_out[0]}")
        return cls(documents, found, tuple(left_out))

    @property
    def characters(self) -> int:
        """Of all documents."""
        return sum(len(one.text) for one in self.documents.values())

    @property
    def everything(self) -> Sample:
        """The sample that leaves nothing out."""
        parts = {name: [whole(one)] for name, one in self.documents.items()}
        return Sample(parts=parts, questions=self.questions, share=1.0)

    def samples(self, shares: Sequence[float], *, seed: int = 0) -> list[Sample]:
        """Samples of about these shares, in rising order, each within the next.

        Each holds as many questions with all their gold as there is room for, drawn at random, and
        what room is left is filled with other parts: what has to be told from the gold. A sample
        with too few questions to tell anything grows until it has `LEAST_QUESTIONS`.
        """
        rng = random.Random(seed)  # noqa: S311 nothing secret depends on it
        order = list(self.questions)
        rng.shuffle(order)
        fillers = list(self._sizes)
        rng.shuffle(fillers)
        chosen: set[Key] = set()
        return [
            self.everything if share >= 1 else self._grown(chosen, share, order, fillers)
            for share in shares
        ]

    def _grown(
        self, chosen: set[Key], share: float, order: Sequence[Question], fillers: Sequence[Key]
    ) -> Sample:
        """Adds to `chosen` up to the share."""
        room = share * self.characters - sum(self._sizes[key] for key in chosen)
        for question in order:
            missing = self._needs(question) - chosen
            size = sum(self._sizes[key] for key in missing)
            if size <= room or len(self._answered(chosen)) < LEAST_QUESTIONS:
                chosen |= missing
                room -= size
        for key in fillers:
            if key not in chosen and self._sizes[key] <= room:
                chosen.add(key)
                room -= self._sizes[key]
        return self._sample(chosen)

    def _sample(self, chosen: set[Key]) -> Sample:
        parts = {
            name: joined([part for number, part in enumerate(all_) if (name, number) in chosen])
            for name, all_ in self._parts.items()
        }
        return Sample(
            parts={name: some for name, some in parts.items() if some},
            questions=self._answered(chosen),
            share=sum(self._sizes[key] for key in chosen) / self.characters,
        )

    def _answered(self, chosen: set[Key]) -> list[Question]:
        """The questions that these parts alone answer."""
        return [one for one in self.questions if self._needs(one) <= chosen]

    def _needs(self, question: Question) -> frozenset[Key]:
        return self._all_needs[question.id]

    @cached_property
    def _all_needs(self) -> dict[str, frozenset[Key]]:
        return {
            one.id: frozenset(key for gold in one.gold for key in self._parts_with(gold))
            for one in self.questions
        }

    def _parts_with(self, gold: Gold) -> set[Key]:
        """Those that hold some of it; all parts where the whole document answers."""
        start, end = gold.span or (0, len(self.documents[gold.document].text))
        return {
            (gold.document, number)
            for number, part in enumerate(self._parts[gold.document])
            if part.start < end and start < part.end
        }

    @cached_property
    def _parts(self) -> dict[str, list[Part]]:
        return {name: parts_of(one) for name, one in self.documents.items()}

    @cached_property
    def _sizes(self) -> dict[Key, int]:
        return {
            (name, number): part.end - part.start
            for name, parts in self._parts.items()
            for number, part in enumerate(parts)
        }

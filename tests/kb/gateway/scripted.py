"""A model and a search that do what a test writes down, and remember what they were asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4, uuid5

from kb.catalog.errors import NotFound
from kb.gateway.chat_model import ChatModel
from kb.gateway.completion import Asked, Part, RoundFinished, RoundReason, TextPart
from kb.gateway.description import Description
from kb.gateway.events import Cited, Event, TextDelta, Usage
from kb.gateway.gateway import Gateway
from kb.gateway.mcp_tools import McpServer
from kb.gateway.search import NAME
from kb.gateway.turn import McpTool, Message, RetrievalTool, ToolCall, Turn
from retrieval.analysis import Language
from retrieval.metadata_schema import DeclaredField
from retrieval.passage import Citation, Passage
from retrieval.query import Query
from retrieval.retrieval import Retrieval
from retrieval.scope import Scope, TeamScope
from retrieval.store import DocumentVersion

T = TypeVar("T")
Answer = Callable[[Sequence[Scope], Query], Sequence[Passage]]
BASE = UUID(int=7)
TEAM = TeamScope(team_id=UUID(int=1))
PARIS = "The capital of France is Paris."
ROME = "The capital of Italy is Rome."


def passage(
    text: str = PARIS,
    *,
    name: str = "atlas.pdf",
    page: int | None = None,
    section: tuple[str, ...] = (),
    parent: str | None = None,
    base: UUID = BASE,
    language: Language = "en",
) -> Passage:
    """The same text of the same item is the same passage."""
    document = uuid5(base, name)
    return Passage(
        text=text,
        score=1.0,
        semantic_score=None,
        lexical_score=None,
        category="text",
        position=0,
        parent_text=parent,
        citation=Citation(
            knowledge_base_id=base,
            document=DocumentVersion(
                document_id=document,
                version_id=uuid5(document, text),
                version_number=1,
                item_name=name,
                ingested_at=datetime(2026, 1, 1, tzinfo=UTC),
                language=language,
            ),
            char_start=0,
            char_end=len(text),
            page=page,
            section_path=section,
        ),
    )


def call(query: str | None = "capital of France", *, name: str = NAME, **given: Any) -> ToolCall:
    """A call with an id of its own; `arguments` says them to the letter."""
    arguments = given.get("arguments", json.dumps({"query": query}))
    return ToolCall(id=given.get("id") or f"call_{uuid4().hex[:6]}", name=name, arguments=arguments)


@dataclass(frozen=True)
class Round:
    """What the model does when it is asked."""

    text: str = ""
    calls: Sequence[ToolCall] = ()
    reason: RoundReason = "stop"
    usage: Usage = field(default_factory=lambda: Usage(input_tokens=10, output_tokens=5))
    piece: int = 3
    """Characters that come at a time."""

    error: Exception | None = None
    hangs: bool = False


class Model:
    """Does one round after another; the last one again and again."""

    def __init__(self, *rounds: Round) -> None:
        self.rounds = list(rounds)
        self.asked: list[Asked] = []
        self.closed = 0

    async def __call__(self, asked: Asked) -> AsyncGenerator[Part]:
        self.asked.append(asked)
        one = self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]
        try:
            for start in range(0, len(one.text), one.piece):
                yield TextPart(text=one.text[start : start + one.piece])
                await asyncio.sleep(0)
            if one.hangs:
                await asyncio.Event().wait()
            if one.error is not None:
                raise one.error
            yield RoundFinished(reason=one.reason, calls=tuple(one.calls), usage=one.usage)
        finally:
            self.closed += 1


class Search:
    """Finds the same passages for every query, unless told what to do."""

    def __init__(
        self,
        *passages: Passage,
        answer: Answer | None = None,
        error: Exception | None = None,
    ) -> None:
        self.asked: list[tuple[tuple[Scope, ...], Query]] = []
        self.running = 0
        self.most_running = 0
        self.gate: asyncio.Event | None = None
        self._answer = answer
        self._passages = passages
        self._error = error

    async def __call__(self, scopes: Sequence[Scope], query: Query) -> Retrieval:
        self.asked.append((tuple(scopes), query))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(0))
            if self._error is not None:
                raise self._error
            found = self._passages if self._answer is None else tuple(self._answer(scopes, query))
        finally:
            self.running -= 1
        return Retrieval(
            passages=found, index_versions={one.knowledge_base_id: 1 for one in scopes}
        )

    @property
    def queries(self) -> list[str]:
        return [query.text for _, query in self.asked]


FIELDS = (
    DeclaredField(name="department", type="string", description="Whose it is", enum=("hr", "it")),
    DeclaredField(name="year", type="number"),
)


async def describe(scope: Scope) -> Description:
    """Everything is there for the one team, and nothing for others."""
    if scope.team_id != TEAM.team_id or scope.knowledge_base_id.int > 1000:
        raise NotFound(f"Knowledge base {scope.knowledge_base_id}.")
    return Description(name=f"base {scope.knowledge_base_id.int}", text="Of maps.", fields=FIELDS)


@asynccontextmanager
async def no_mcp(tool: McpTool) -> AsyncGenerator[McpServer]:
    raise AssertionError("nothing is connected to")
    yield


def gateway(model: Model | None, search: Search | None = None, **options: Any) -> Gateway:
    return Gateway(
        complete=model or Model(),
        models=[] if model is None else [ChatModel(id="tiny")],
        retrieve=search or Search(passage()),
        describe=describe,
        open_mcp=options.pop("open_mcp", no_mcp),
        **options,
    )


def turn(*messages: Message | str, **options: Any) -> Turn:
    """One with a knowledge base attached, unless it says which tools."""
    asked = messages or ("What is the capital of France?",)
    return Turn(
        model=options.pop("model", "tiny"),
        messages=tuple(Message(role="user", text=m) if isinstance(m, str) else m for m in asked),
        tools=options.pop("tools", (RetrievalTool(knowledge_base_ids=(BASE,)),)),
        **options,
    )


async def run(gateway: Gateway, turn: Turn, team: TeamScope = TEAM) -> list[Event]:
    return [event async for event in gateway.run(team, turn)]


def text_of(events: Sequence[Event]) -> str:
    return "".join(one.text for one in events if isinstance(one, TextDelta))


def of_kind(events: Sequence[object], kind: type[T]) -> list[T]:
    return [one for one in events if isinstance(one, kind)]


def quoted(events: Sequence[Event]) -> list[tuple[list[int], str]]:
    """The numbers cited, with what of the answer they support."""
    text = text_of(events)
    return [
        ([one.number for one in cited.passages], text[cited.start : cited.end])
        for cited in of_kind(events, Cited)
    ]

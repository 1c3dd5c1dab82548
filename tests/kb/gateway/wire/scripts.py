"""Turns as a gateway would tell them, and a gateway that tells what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

from kb.gateway.chat_model import ChatModel
from kb.gateway.events import (
    Cited,
    Event,
    Finished,
    FunctionCall,
    McpFinished,
    McpStarted,
    McpToolEntry,
    McpTools,
    NumberedPassage,
    SearchFinished,
    SearchStarted,
    StopReason,
    TextDelta,
    Unsupported,
    Usage,
)
from kb.gateway.turn import ToolCall, Turn
from kb.gateway.upstream.errors import BrokenStream
from retrieval.passage import Citation, Passage
from retrieval.scope import TeamScope
from retrieval.store import DocumentVersion

BASE = UUID("11111111-1111-4111-8111-111111111111")
Step = Event | Exception | float
"""What is told next, raised, or waited for in seconds."""


def passage(number: int, text: str, item_name: str) -> NumberedPassage:
    """One with ids that follow from its name."""
    document = DocumentVersion(
        document_id=uuid5(BASE, item_name),
        version_id=uuid5(BASE, f"{item_name} 1"),
        version_number=1,
        item_name=item_name,
        ingested_at=datetime(2026, 1, 2, tzinfo=UTC),
        metadata={
            "product": "parcels",
            "since": datetime(2025, 1, 1, tzinfo=UTC),
            "tags": ("a", "b"),
        },
    )
    return NumberedPassage(
        number=number,
        passage=Passage(
            text=text,
            score=1.5,
            semantic_score=0.5,
            lexical_score=2.5,
            category="CompositeElement",
            position=0,
            citation=Citation(
                knowledge_base_id=BASE,
                document=document,
                char_start=10,
                char_end=10 + len(text),
                page=2,
                section_path=("Parcels", "Waiting"),
            ),
        ),
    )


WAIT = passage(1, "A parcel waits for 14 days.", "handbook.md")
BACK = passage(2, "Then it goes back to its sender.", "returns.pdf")
SEARCH = ToolCall(id="call_1", name="knowledge_base_retrieval", arguments='{"query": "parcel"}')
AGAIN = ToolCall(id="call_2", name="knowledge_base_retrieval", arguments='{"query": "return"}')
WEATHER = ToolCall(id="call_3", name="get_weather", arguments='{"city": "Oslo"}')
READ = ToolCall(id="call_4", name="read_wiki", arguments='{"page": "home"}')
SPENT = Usage(input_tokens=120, output_tokens=30, cached_tokens=20)


def finished(reason: StopReason = "stop", *, rounds: int = 1, dropped: int = 0) -> Finished:
    return Finished(reason=reason, usage=SPENT, rounds=rounds, dropped_citations=dropped)


def search(call: ToolCall, query: str, *found: NumberedPassage) -> list[Event]:
    return [
        SearchStarted(call=call, queries=(query,)),
        SearchFinished(call=call, queries=(query,), passages=found),
    ]


ANSWER: list[Event] = [
    TextDelta(text="A parcel waits"),
    TextDelta(text=" for 14 days"),
    Cited(passages=(WAIT,), start=0, end=26),
    TextDelta(text="."),
    TextDelta(text=" Then it goes back"),
    Cited(passages=(WAIT, BACK), start=28, end=45),
    TextDelta(text=". Nothing else happens."),
]
"""27 characters, then 18, then 23."""

SCRIPTS: dict[str, list[Step]] = {
    "plain": [TextDelta(text="Good "), TextDelta(text="day, \U0001f4e6!"), finished()],
    "search": [*search(SEARCH, "parcel", WAIT, BACK), *ANSWER, finished(rounds=2, dropped=1)],
    "two_searches": [
        TextDelta(text="Let me look."),
        SearchStarted(call=SEARCH, queries=("parcel",)),
        SearchStarted(call=AGAIN, queries=("return",)),
        SearchFinished(call=SEARCH, queries=("parcel",), passages=(WAIT,)),
        SearchFinished(call=AGAIN, queries=("return",), error="The store does not answer."),
        TextDelta(text="\n\nIt waits"),
        TextDelta(text=" two weeks."),
        Cited(passages=(WAIT,), start=14, end=33),
        Unsupported(start=0, end=12),
        finished(rounds=2),
    ],
    "function": [
        TextDelta(text="One moment."),
        FunctionCall(call=WEATHER),
        finished("tool_calls"),
    ],
    "mixed": [
        *search(SEARCH, "parcel", WAIT),
        FunctionCall(call=WEATHER),
        FunctionCall(call=ToolCall(id="call_5", name="now", arguments="")),
        finished("tool_calls"),
    ],
    "mcp": [
        McpTools(
            label="wiki",
            tools=(
                McpToolEntry(
                    name="read_wiki", description="Reads a page.", input_schema={"type": "object"}
                ),
            ),
        ),
        McpTools(label="gone", error="The MCP server could not be used."),
        McpStarted(call=READ, label="wiki"),
        McpFinished(call=READ, label="wiki", output="Home."),
        McpStarted(call=READ, label="wiki"),
        McpFinished(call=READ, label="wiki", error="It is closed."),
        TextDelta(text="It says Home."),
        finished(rounds=3),
    ],
    "broken": [*search(SEARCH, "parcel", WAIT), TextDelta(text="A parcel"), BrokenStream()],
    "length": [
        *search(SEARCH, "parcel", WAIT),
        TextDelta(text="A parcel waits for"),
        finished("length", rounds=2),
    ],
}


class ScriptedGateway:
    """Tells `script`, and remembers what it was asked."""

    def __init__(self, script: Sequence[Step] = ()) -> None:
        self.script = script
        self.turns: list[Turn] = []
        self.teams: list[TeamScope] = []
        self.closed = asyncio.Event()
        self.told = 0
        self.endless: Callable[[], Event] | None = None

    async def run(self, team: TeamScope, turn: Turn) -> AsyncGenerator[Event]:
        self.teams.append(team)
        self.turns.append(turn)
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, (float, int)):
                    await asyncio.sleep(step)
                else:
                    self.told += 1
                    yield step
            while self.endless is not None:
                self.told += 1
                yield self.endless()
                await asyncio.sleep(0)
        finally:
            self.closed.set()

    def models(self) -> list[ChatModel]:
        return [ChatModel(id="tiny", context_length=4096), ChatModel(id="org/large")]

    @property
    def turn(self) -> Turn:
        """The last one."""
        return self.turns[-1]

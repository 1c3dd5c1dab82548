"""`kb ask` and `kb chat`: an answer as it is being written, and its numbered sources."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from rich.markup import escape

from kb.cli.search import source
from kb.cli.session import Session, err, out, session
from kb.gateway.events import (
    Cited,
    Finished,
    NumberedPassage,
    SearchFinished,
    TextDelta,
    Unsupported,
)
from kb.gateway.gateway import Gateway
from kb.gateway.turn import Message, RetrievalTool, Turn
from kb.wiring import open_gateway
from retrieval.results import ResultCitation
from retrieval.scope import TeamScope

NO_ANSWER = "Nothing was found."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What the options say, alike for each question."""

    model: str | None = None
    num_results: int
    alpha: float | None
    filters: Mapping[str, Any]
    reranking: bool | None = None
    strict: bool = False


class AnswerSource(BaseModel):
    """A passage that the answer cites."""

    number: int
    item_name: str
    text: str
    citation: ResultCitation


class AnswerJson(BaseModel):
    """The answer for scripts."""

    answer: str
    model: str
    sources: list[AnswerSource]
    queries: list[str]
    input_tokens: int
    output_tokens: int


@dataclass
class _Answer:
    """What came of a turn."""

    text: str = ""
    cited: dict[int, NumberedPassage] = field(default_factory=dict[int, NumberedPassage])
    unsupported: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    queries: list[str] = field(default_factory=list[str])
    finished: Finished | None = None


async def ask(
    knowledge_bases: Sequence[str], question: str, asking: Asking, *, as_json: bool
) -> None:
    """Print the answer to one question as it comes, and then its sources."""
    async with _conversation(knowledge_bases, asking) as talk:
        answer = await talk.answer(question, show=not as_json)
        if as_json:
            out.print_json(_as_json(answer, talk.model).model_dump_json())
        else:
            _show_sources(answer)


async def chat(knowledge_bases: Sequence[str], asking: Asking) -> None:
    """Questions from the terminal, one after the other, each with all that was said before."""
    async with _conversation(knowledge_bases, asking) as talk:
        err.print(f"[dim]Model {escape(talk.model)}. An empty line or Ctrl-D ends.[/]")
        while (question := _read_question()) is not None:
            _show_sources(await talk.answer(question, show=True))


@asynccontextmanager
async def _conversation(
    knowledge_bases: Sequence[str], asking: Asking
) -> AsyncGenerator[_Conversation]:
    async with session() as s, open_gateway(s.settings, s.service) as gateway:
        scopes = [await s.service.find_knowledge_base(s.team, name) for name in knowledge_bases]
        tool = RetrievalTool(
            knowledge_base_ids=tuple(scope.knowledge_base_id for scope in scopes),
            num_results=asking.num_results,
            alpha=asking.alpha,
            filters=asking.filters,
            reranking=asking.reranking,
        )
        model = asking.model or gateway.models()[0].id
        yield _Conversation(gateway, s, model, tool, strict=asking.strict)


class _Conversation:
    """A model, the knowledge bases it may search, and what was said."""

    def __init__(
        self, gateway: Gateway, s: Session, model: str, tool: RetrievalTool, *, strict: bool
    ) -> None:
        self.model = model
        self._gateway = gateway
        self._team: TeamScope = s.team
        self._tool = tool
        self._strict = strict
        self._messages: list[Message] = []

    async def answer(self, question: str, *, show: bool) -> _Answer:
        """The answer, which is remembered; with `show` written out as it comes."""
        self._messages.append(Message(role="user", text=question))
        turn = Turn(
            model=self.model,
            messages=tuple(self._messages),
            tools=(self._tool,),
            grounding="strict" if self._strict else "off",
        )
        answer = _Answer()
        async with aclosing(self._gateway.run(self._team, turn)) as events:
            async for event in events:
                _note(answer, event)
                if show:
                    _show(event)
        if show:
            sys.stdout.write("\n")
        self._messages.append(Message(role="assistant", text=answer.text))
        return answer


def _note(answer: _Answer, event: object) -> None:
    match event:
        case TextDelta(text=text):
            answer.text += text
        case Cited(passages=passages):
            answer.cited.update((one.number, one) for one in passages)
        case Unsupported(start=start, end=end):
            answer.unsupported.append((start, end))
        case SearchFinished(queries=queries):
            answer.queries += queries
        case Finished():
            answer.finished = event
        case _:
            pass


def _show(event: object) -> None:
    """What people follow the answer by. Text goes out as it is, a citation as its number."""
    match event:
        case TextDelta(text=text):
            sys.stdout.write(text)
        case Cited(passages=passages):
            sys.stdout.write("".join(f"[{one.number}]" for one in passages))
        case SearchFinished(queries=queries, error=error):
            asked = " / ".join(queries)
            said = f"[dim]Searched: {escape(asked)}[/]"
            err.print(said if error is None else f"{said} [yellow]{escape(error)}[/]")
        case _:
            pass
    sys.stdout.flush()


def _show_sources(answer: _Answer) -> None:
    if not answer.text.strip():
        out.print(NO_ANSWER)
    for start, end in answer.unsupported:
        err.print(f"[yellow]No passage supports:[/] {escape(answer.text[start:end].strip())}")
    if answer.cited:
        out.print()
    for number, one in sorted(answer.cited.items()):
        out.print(f"[bold]\\[{number}][/] ", source(one.passage), sep="")
        out.print(f"    [dim]{escape(one.passage.citation.uri)}[/]", soft_wrap=True)


def _as_json(answer: _Answer, model: str) -> AnswerJson:
    usage = answer.finished.usage if answer.finished else None
    return AnswerJson(
        answer=answer.text,
        model=model,
        sources=[
            AnswerSource(
                number=number,
                item_name=one.passage.citation.document.item_name,
                text=one.passage.text,
                citation=ResultCitation.of(one.passage.citation),
            )
            for number, one in sorted(answer.cited.items())
        ],
        queries=answer.queries,
        input_tokens=usage.input_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else 0,
    )


def _read_question() -> str | None:
    """None at the end. Asks only where somebody is there to answer."""
    if sys.stdin.isatty():
        try:
            line = out.input("\n[bold]> [/]")
        except EOFError:
            return None
    else:
        line = sys.stdin.readline()
    return line.strip() or None

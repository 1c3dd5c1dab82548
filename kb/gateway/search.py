"""The function `knowledge_base_retrieval`: what the model is told of it, and running its calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import cast

from psycopg import OperationalError

from kb.errors import problem
from kb.gateway.description import Description
from kb.gateway.events import SearchFinished, SearchStarted
from kb.gateway.guardrails import one_line
from kb.gateway.own_tools import Tell, Work
from kb.gateway.parallel import at_once
from kb.gateway.passages import Numbering, Shown
from kb.gateway.turn import FunctionTool, RetrievalTool, ToolCall
from retrieval.errors import ServiceError
from retrieval.filters import UNSTORABLE
from retrieval.metadata_schema import DeclaredField
from retrieval.passage import Passage
from retrieval.query import MAX_QUERY_CHARACTERS, Query, Reranking
from retrieval.retrieval import Retrieve
from retrieval.scope import TeamScope

NAME = "knowledge_base_retrieval"
MAX_ARGUMENT_CHARACTERS = 64 * 1024  # a query of the longest kind with every character escaped
MAX_DESCRIPTION = 500  # characters
MAX_FIELDS = 20
MAX_VALUES = 10

_NO_MORE = (
    "Not run: no more searches are allowed in this turn. Answer from what was found, and say so if"
    " that is not enough."
)
_PARAMETERS = {
    "type": "object",
    "properties": {
        "query": {
            "type": "string",
            "description": "What to look for, in plain words that make sense on their own.",
        }
    },
    "required": ["query"],
    "additionalProperties": False,
}


class InvalidArguments(ServiceError):
    """These are no arguments of knowledge_base_retrieval; send {"query": "what to look for"}."""


class SearchTool:
    """All retrieval tools of a turn as one function; a call searches each as it is set."""

    def __init__(
        self,
        team: TeamScope,
        entries: Sequence[RetrievalTool],
        *,
        descriptions: Sequence[Description],
        retrieve: Retrieve,
        numbering: Numbering,
    ) -> None:
        self.functions = (function_of(descriptions),)
        self._team = team
        self._entries = entries
        self._retrieve = retrieve
        self._numbering = numbering
        self._uses = 0

    def claim(self, call: ToolCall) -> Work | str:
        """Another use of each entry that has one left."""
        entries = [one for one in self._entries if self._uses < _most_uses(one)]
        if not entries:
            return _NO_MORE
        self._uses += 1
        try:
            query = query_of(call.arguments)
        except InvalidArguments as exc:
            failed = _failed(call, (), exc)
            return Work(started=SearchStarted(call=call, queries=()), run=lambda: _done(failed))
        return Work(
            started=SearchStarted(call=call, queries=(query,)),
            run=lambda: self._search(call, entries, query),
        )

    async def _search(self, call: ToolCall, entries: Sequence[RetrievalTool], query: str) -> Tell:
        try:
            found = await at_once(self._passages(one, query) for one in entries)
        except (ServiceError, OperationalError) as exc:
            return _failed(call, (query,), exc)
        shown = await asyncio.to_thread(lambda: [Shown.of(one) for one in _by_rank(found)])

        def tell() -> tuple[SearchFinished, str]:
            passages, message = self._numbering.number(shown)
            done = SearchFinished(call=call, queries=(query,), passages=tuple(passages))
            return done, message

        return tell

    async def _passages(self, entry: RetrievalTool, query: str) -> Sequence[Passage]:
        ids = dict.fromkeys(entry.knowledge_base_ids)
        scopes = [self._team.knowledge_base(one) for one in ids]
        return (await self._retrieve(scopes, query_for(entry, query))).passages


def function_of(descriptions: Sequence[Description]) -> FunctionTool:
    """What the model is offered, the same in every turn with the same knowledge bases."""
    held = "\n".join(_described(one) for one in descriptions)
    return FunctionTool(
        name=NAME,
        description=(
            "Searches the knowledge bases below and returns numbered passages with their sources."
            " Ask one thing at a time; ask again in other words if nothing fits. Cite a passage by"
            f" its number in brackets, such as [1].\nKnowledge bases:\n{held}"
        ),
        parameters=_PARAMETERS,
    )


def query_for(entry: RetrievalTool, query: str) -> Query:
    """A search as the entry is set. Raises `InvalidQuery`."""
    return Query(
        text=query,
        num_results=entry.num_results,
        alpha=entry.alpha,
        filters=entry.filters,
        reranking=None if entry.reranking is None else Reranking(enabled=entry.reranking),
        expand=entry.expand,
        max_tokens=entry.max_tokens,
    )


def query_of(arguments: str) -> str:
    """What the model asks for; whatever else it sends has no effect. Raises `InvalidArguments`."""
    if len(arguments) > MAX_ARGUMENT_CHARACTERS:
        raise InvalidArguments("They are too long.")
    try:
        given: object = json.loads(arguments)
    except (ValueError, RecursionError) as exc:
        raise InvalidArguments("They are no JSON.") from exc
    query = cast("dict[str, object]", given).get("query") if isinstance(given, dict) else None
    if not isinstance(query, str) or not query.strip():
        raise InvalidArguments("There is no text in query.")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise InvalidArguments(f"The query is longer than {MAX_QUERY_CHARACTERS} characters.")
    if UNSTORABLE.search(query):
        raise InvalidArguments("The query holds a character that no text does.")
    return query.strip()


def _most_uses(entry: RetrievalTool) -> float:
    return float("inf") if entry.max_uses is None else entry.max_uses


def _failed(call: ToolCall, queries: tuple[str, ...], error: Exception) -> Tell:
    why = problem(error).message
    finished = SearchFinished(call=call, queries=queries, error=why)
    return lambda: (finished, f"The search failed. {why}")


async def _done(tell: Tell) -> Tell:
    return tell


def _by_rank(found: Sequence[Sequence[Passage]]) -> Iterator[Passage]:
    """The best of each first, then the second of each; none twice."""
    seen: set[str] = set()
    for rank in zip_longest(*found):
        for passage in rank:
            if passage is not None and passage.citation.uri not in seen:
                seen.add(passage.citation.uri)
                yield passage


def _described(one: Description) -> str:
    text = one_line(one.text)[:MAX_DESCRIPTION]
    fields = "; ".join(_field(field) for field in one.fields[:MAX_FIELDS])
    return f"- {one_line(one.name)}{text and f': {text}'}{fields and f' (documents have {fields})'}"


def _field(field: DeclaredField) -> str:
    values = ", ".join(one_line(value) for value in field.enum[:MAX_VALUES])
    more = ", ..." if len(field.enum) > MAX_VALUES else ""
    said = one_line(field.description)[:MAX_DESCRIPTION]
    return f"{field.name} ({field.type}){said and f': {said}'}{values and f' [{values}{more}]'}"

"""What is looked at before anything is done for a turn."""

from __future__ import annotations

from collections.abc import Sequence

from kb.gateway.description import Description
from kb.gateway.errors import (
    ExtractiveNeedsRetrieval,
    NoKnowledgeBase,
    NoMessages,
    ToolNameTaken,
    TooManyKnowledgeBases,
    TooManyTools,
    UnknownToolChoice,
)
from kb.gateway.extractive import MODEL as EXTRACTIVE
from kb.gateway.search import NAME, query_for
from kb.gateway.turn import FunctionTool, McpTool, RetrievalTool, ToolChoice, Turn
from retrieval.filters import parse_filter

MAX_TOOLS = 128  # OpenAI's
MAX_MCP_SERVERS = 8
MAX_KNOWLEDGE_BASES = 20  # as `POST /v1/retrieve` has it


def check(turn: Turn) -> None:
    """What can be told from the turn alone. Raises an `InvalidTurn` or `InvalidQuery`."""
    roles = {one.role for one in turn.messages}
    if not roles - {"system"} or (turn.model == EXTRACTIVE and "user" not in roles):
        raise NoMessages
    if len(turn.tools) > MAX_TOOLS:
        raise TooManyTools(f"{MAX_TOOLS} is the limit.")
    labels = [tool.label for tool in turn.tools if isinstance(tool, McpTool)]
    if len(labels) > MAX_MCP_SERVERS:
        raise TooManyTools(f"{MAX_MCP_SERVERS} MCP servers is the limit.")
    _check_distinct(labels)
    names = [tool.name for tool in turn.tools if isinstance(tool, FunctionTool)]
    _check_distinct([*names, NAME] if turn.retrieval_tools else names)
    for tool in turn.retrieval_tools:
        if not tool.knowledge_base_ids:
            raise NoKnowledgeBase
        query_for(tool, "?")
    if (
        sum(len(set(tool.knowledge_base_ids)) for tool in turn.retrieval_tools)
        > MAX_KNOWLEDGE_BASES
    ):
        raise TooManyKnowledgeBases(f"{MAX_KNOWLEDGE_BASES} is the limit.")
    if turn.model == EXTRACTIVE and not turn.retrieval_tools:
        raise ExtractiveNeedsRetrieval


def check_filters(tool: RetrievalTool, descriptions: Sequence[Description]) -> None:
    """Raises `InvalidFilter` where one of the entry's knowledge bases lacks what it filters by."""
    for one in descriptions:
        parse_filter(tool.filters, {field.name: field.type for field in one.fields})


def checked_choice(choice: ToolChoice, functions: Sequence[FunctionTool]) -> ToolChoice:
    """The choice with the retrieval function's name where it stands for that.

    Raises `UnknownToolChoice`.
    """
    names = [function.name for function in functions]
    if choice.mode == "required" and not names:
        raise UnknownToolChoice("There are no tools.")
    if choice.mode != "named":
        return choice
    name = NAME if choice.name is None else choice.name
    if name not in names:
        raise UnknownToolChoice(f"There is no {name!r}.")
    return ToolChoice(mode="named", name=name)


def _check_distinct(names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ToolNameTaken(f"It is {name!r}.")

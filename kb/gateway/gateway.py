"""The gateway: a turn in, from whatever wire format, and what happens during it out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing

from kb.gateway.chat_model import ChatModel
from kb.gateway.checks import check, check_filters, checked_choice
from kb.gateway.completion import Complete
from kb.gateway.continuation import last_number
from kb.gateway.description import Describe, Description
from kb.gateway.errors import NoModel
from kb.gateway.events import Event
from kb.gateway.extractive import MODEL as EXTRACTIVE
from kb.gateway.extractive import extract
from kb.gateway.grounding import Grounding
from kb.gateway.instructions import instructed
from kb.gateway.loop import Loop, Offer
from kb.gateway.markers import MarkerFilter
from kb.gateway.mcp_tools import McpServer, McpServerTools, offered
from kb.gateway.own_tools import OwnTool
from kb.gateway.parallel import at_once
from kb.gateway.passages import Numbering
from kb.gateway.plain_text import PlainText
from kb.gateway.search import NAME, SearchTool
from kb.gateway.turn import FunctionTool, McpTool, RetrievalTool, Tool, Turn
from retrieval.retrieval import Retrieve
from retrieval.scope import TeamScope

OpenMcp = Callable[[McpTool], AbstractAsyncContextManager[McpServer]]
"""A remote server for the time of a turn. Raises nothing: what fails is told when it is used."""


class Gateway:
    """Answers turns. Keeps nothing of them."""

    def __init__(
        self,
        *,
        complete: Complete,
        models: Sequence[ChatModel],
        retrieve: Retrieve,
        describe: Describe,
        open_mcp: OpenMcp,
        exclude_flagged: bool = False,
    ) -> None:
        """`models` are those that `complete` knows, the default first; beside them there is always
        `extractive`.

        With `exclude_flagged` no model is shown passages that look like injected instructions.
        """
        self._complete = complete
        self._models = (*models, ChatModel(id=EXTRACTIVE))
        self._retrieve = retrieve
        self._describe = describe
        self._open_mcp = open_mcp
        self._exclude_flagged = exclude_flagged

    def models(self) -> Sequence[ChatModel]:
        """Those that can be asked, the default first."""
        return self._models

    async def run(self, team: TeamScope, turn: Turn) -> AsyncGenerator[Event]:
        """What happens, up to `Finished`. Closing the generator ends all that is under way.

        Raises before the first event an `InvalidTurn`, `InvalidQuery` or `InvalidFilter`, and
        `NotFound` for a knowledge base that is not the team's; later what the model's server
        raises.
        """
        check(turn)
        if turn.model != EXTRACTIVE and len(self._models) == 1:
            raise NoModel
        descriptions = await self._descriptions(team, turn)
        numbering = Numbering(
            after=last_number(turn.messages, NAME), exclude_flagged=self._exclude_flagged
        )
        search = None
        if turn.retrieval_tools:
            search = SearchTool(
                team,
                turn.retrieval_tools,
                descriptions=descriptions,
                retrieve=self._retrieve,
                numbering=numbering,
            )
        if turn.model == EXTRACTIVE:
            assert search is not None
            events = extract(turn.messages, search)
        else:
            events = self._generate(turn, search, numbering)
        grounding = Grounding() if search and turn.grounding == "strict" else None
        async with aclosing(events):
            async for event in events:
                if grounding is not None:
                    for unsupported in grounding.see(event):
                        yield unsupported
                yield event

    async def _generate(
        self, turn: Turn, search: SearchTool | None, numbering: Numbering
    ) -> AsyncGenerator[Event]:
        """With a model, which may call functions and remote servers as well."""
        async with AsyncExitStack() as stack:
            servers = await self._open_servers(stack, turn)
            own: list[OwnTool] = [*servers] if search is None else [search, *servers]
            functions = _functions(turn.tools, search, servers)
            choice = checked_choice(turn.tool_choice, functions)
            loop = Loop(
                turn,
                turn.messages if search is None else instructed(turn.messages, turn.grounding),
                Offer(functions=functions, own=own, choice=choice),
                complete=self._complete,
                text=PlainText() if search is None else MarkerFilter(numbering.get),
            )
            for server in servers:
                yield server.told
            async with aclosing(loop.events()) as events:
                async for event in events:
                    yield event

    async def _descriptions(self, team: TeamScope, turn: Turn) -> list[Description]:
        """Of all attached knowledge bases, each once, which are the team's then."""
        entries = turn.retrieval_tools
        ids = list(dict.fromkeys(one for entry in entries for one in entry.knowledge_base_ids))
        found = await at_once(self._describe(team.knowledge_base(one)) for one in ids)
        by_id = dict(zip(ids, found, strict=True))
        for entry in entries:
            check_filters(entry, [by_id[one] for one in entry.knowledge_base_ids])
        return found

    async def _open_servers(self, stack: AsyncExitStack, turn: Turn) -> list[McpServerTools]:
        tools = [tool for tool in turn.tools if isinstance(tool, McpTool)]
        servers = [await stack.enter_async_context(self._open_mcp(tool)) for tool in tools]
        told = await at_once(offered(*pair) for pair in zip(tools, servers, strict=True))
        taken = {tool.name for tool in turn.tools if isinstance(tool, FunctionTool)} | {NAME}
        opened: list[McpServerTools] = []
        for server, one in zip(servers, told, strict=True):
            opened.append(McpServerTools(server, one, taken=taken))
            taken |= {function.name for function in opened[-1].functions}
        return opened


def _functions(
    tools: Sequence[Tool], search: SearchTool | None, servers: Sequence[McpServerTools]
) -> tuple[FunctionTool, ...]:
    """All that the model is offered, in the order of the request's tools."""
    offered: dict[str, FunctionTool] = {}
    next_server = iter(servers)
    for tool in tools:
        match tool:
            case FunctionTool():
                found: Sequence[FunctionTool] = (tool,)
            case RetrievalTool():
                found = () if search is None else search.functions
            case McpTool():
                found = next(next_server).functions
        offered.update((one.name, one) for one in found)
    return tuple(offered.values())

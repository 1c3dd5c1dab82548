"""The MCP door: the same retrieval as the REST API, as a tool that agents attach with one line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.server.dependencies import get_access_token
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from kb_mcp.resources import ReadCitation, add_citations
from retrieval.errors import ServiceError
from retrieval.filters import FIELDS
from retrieval.query import DEFAULT_RESULTS, Expansion, Query, Reranking
from retrieval.results import RetrieveResponse
from retrieval.retrieval import Retrieve
from retrieval.scope import TeamScope

if TYPE_CHECKING:
    from starlette.applications import Starlette

MAX_RESULTS = 25  # DigitalOcean's limit for this door; more would crowd an agent's context
DEFAULT_TOKENS, MAX_TOKENS = 6000, 20_000  # some clients refuse answers of over 25,000
INSTRUCTIONS = (
    "Searches knowledge bases. Call list_knowledge_bases for their ids, then"
    " retrieve_knowledge_base with a question in plain words. Quote text_content word for word and"
    " cite item_name with page_number or the citation's uri. An empty result means that the"
    " knowledge base does not say."
)
READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class KnowledgeBaseEntry(BaseModel):
    """One knowledge base to choose from."""

    knowledge_base_id: UUID
    name: str
    documents: int


class KnowledgeBaseEntries(BaseModel):
    """The knowledge bases this key may search."""

    knowledge_bases: list[KnowledgeBaseEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What the door opens on."""

    authenticate: Callable[[str], Awaitable[TeamScope | None]]
    """Whose API key this is; none for a wrong one."""

    retrieve: Retrieve
    list_knowledge_bases: Callable[[TeamScope], Awaitable[list[KnowledgeBaseEntry]]]
    read_citation: ReadCitation


def make_app(
    backend: Backend,
    *,
    version: str,
    path: str,
    allowed_hosts: Sequence[str],
    allowed_origins: Sequence[str],
) -> Starlette:
    """The door as an ASGI app with a lifespan of its own, answering POST on `path`.

    Stateless, so any replica may answer. A foreign Host is refused with 421, a foreign Origin with
    403 and a wrong or missing key with 401.
    """
    return make_server(backend, version=version).http_app(
        path=path,
        stateless_http=True,
        json_response=True,
        host_origin_protection=True,
        allowed_hosts=list(allowed_hosts),
        allowed_origins=list(allowed_origins),
    )


def make_server(backend: Backend, *, version: str) -> FastMCP[Any]:
    """The tools."""
    server: FastMCP[Any] = FastMCP(
        "kb",
        instructions=INSTRUCTIONS,
        version=version,
        auth=_KeyVerifier(backend),
        mask_error_details=True,  # our own errors are ToolErrors; others are nobody's business
    )

    @server.tool(annotations=READ_ONLY)
    async def list_knowledge_bases() -> KnowledgeBaseEntries:
        """List the knowledge bases that can be searched, with the ids to search them by."""
        return KnowledgeBaseEntries(knowledge_bases=await backend.list_knowledge_bases(_caller()))

    @server.tool(annotations=READ_ONLY)
    async def retrieve_knowledge_base(  # noqa: PLR0917 agents pass them by name
        knowledge_base_id: Annotated[UUID, Field(description="Id of the knowledge base.")],
        query: Annotated[str, Field(description="What to look for, in plain words.")],
        num_results: Annotated[
            int, Field(ge=1, le=MAX_RESULTS, description="Passages to return at most.")
        ] = DEFAULT_RESULTS,
        alpha: Annotated[
            Annotated[float, Field(ge=0, le=1)] | None,
            Field(
                description="0 matches words only, 1 meaning only. Leave it out for most questions;"
                " lower it, to 0.2, for exact codes and names.",
            ),
        ] = None,
        filters: Annotated[
            dict[str, Any] | None,
            Field(
                description='Narrows the search, e.g. {"equals": {"key": "item_name", "value":'
                ' "guide.pdf"}}. Operators: equals, not_equals, greater_than,'
                " greater_than_or_equals, less_than, less_than_or_equals, starts_with; combine with"
                " and_all or or_all. Keys: " + ", ".join(FIELDS) + "."
            ),
        ] = None,
        expand: Annotated[
            Expansion,
            Field(
                description="What comes with a passage as parent_chunk_text: the larger chunk it"
                " was cut from where there is one, its neighbours, its section, or nothing."
            ),
        ] = "parent",
        max_tokens: Annotated[
            int,
            Field(
                ge=1,
                le=MAX_TOKENS,
                description="The most that all texts together may take; what does not fit is"
                " named in omitted.",
            ),
        ] = DEFAULT_TOKENS,
        max_per_document: Annotated[
            int | None, Field(ge=1, description="The most passages of one document.")
        ] = None,
        reranking: Annotated[
            bool | None,
            Field(
                description="Has a model read the best candidates again, if there is one; as the"
                " knowledge base is set unless given."
            ),
        ] = None,
        cursor: Annotated[
            str | None,
            Field(description="next_cursor of an earlier answer to the same query."),
        ] = None,
        further_knowledge_base_ids: Annotated[
            list[UUID] | None,
            Field(max_length=20, description="Other knowledge bases to search beside it."),
        ] = None,
    ) -> RetrieveResponse:
        """Find the passages of a knowledge base that answer a question, with exact citations."""
        caller = _caller()
        ids = dict.fromkeys([knowledge_base_id, *(further_knowledge_base_ids or ())])
        try:
            asked = Query(
                text=query,
                num_results=num_results,
                alpha=alpha,
                filters=filters or {},
                expand=expand,
                max_tokens=max_tokens,
                max_per_document=max_per_document,
                reranking=None if reranking is None else Reranking(enabled=reranking),
                cursor=cursor,
            )
            scopes = [caller.knowledge_base(one) for one in ids]
            return RetrieveResponse.of(await backend.retrieve(scopes, asked))
        except ServiceError as exc:
            raise ToolError(str(exc)) from exc

    add_citations(server, backend.read_citation, caller=_caller)
    assert list_knowledge_bases
    assert retrieve_knowledge_base
    return server


class _KeyVerifier(TokenVerifier):
    """Checks API keys, and keeps whose they are for the tools."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._authenticate = backend.authenticate

    async def verify_token(self, token: str) -> AccessToken | None:
        scope = await self._authenticate(token)
        if scope is None:
            return None
        return AccessToken(
            token=token, client_id=str(scope.team_id), scopes=[], claims={"scope": scope}
        )


def _caller() -> TeamScope:
    """The scope that the request's key opened."""
    token = get_access_token()
    if token is None:
        raise ToolError("Send an API key as `Authorization: Bearer <key>`.")
    scope = token.claims["scope"]
    assert isinstance(scope, TeamScope)
    return scope

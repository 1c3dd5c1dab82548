"""Entries of `tools` that are run here, alike in all three APIs."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kb.api.text import JsonObject, Text
from kb.gateway.turn import (
    DEFAULT_PASSAGE_TOKENS,
    DEFAULT_RESULTS,
    McpTool,
    RetrievalTool,
)
from kb.gateway.wire.file_search_filters import FileSearchFilter
from retrieval.query import MAX_RESULTS, Expansion

MAX_KNOWLEDGE_BASES = 20
FILE_SEARCH_RESULTS = 20  # OpenAI's default
FunctionName = Annotated[str, Field(pattern="^[a-zA-Z0-9_.-]{1,128}$")]


class ToolBody(BaseModel):
    """An unknown field is an error: a filter that was left out would widen the search."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class RerankingSwitch(ToolBody):
    """As in a retrieve request."""

    enabled: bool = False


class RetrievalToolBody(ToolBody):
    """DigitalOcean's tool, and options of ours."""

    type: Literal["knowledge_base_retrieval"]
    knowledge_base_id: UUID
    num_results: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = DEFAULT_RESULTS
    """The most passages of one search."""
    alpha: Annotated[float, Field(ge=0, le=1)] | None = None
    """0 searches by words only, 1 by meaning only."""
    filters: JsonObject | None = None
    """What every search of this tool is narrowed to; the model cannot widen it."""
    reranking: RerankingSwitch | None = None
    expand: Expansion = "parent"
    max_tokens: Annotated[int, Field(ge=1)] = DEFAULT_PASSAGE_TOKENS
    """The most that the texts of one search may take."""
    max_uses: Annotated[int, Field(ge=1)] | None = None
    """The most searches in this turn."""

    def to_tool(self) -> RetrievalTool:
        """The neutral form."""
        return RetrievalTool(
            knowledge_base_ids=(self.knowledge_base_id,),
            num_results=self.num_results,
            alpha=self.alpha,
            filters=self.filters or {},
            reranking=self.reranking and self.reranking.enabled,
            expand=self.expand,
            max_tokens=self.max_tokens,
            max_uses=self.max_uses,
        )


class HybridWeights(ToolBody):
    """How much each way of searching counts."""

    embedding_weight: Annotated[float, Field(ge=0)]
    text_weight: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _weigh_something(self) -> Self:
        if self.embedding_weight + self.text_weight == 0:
            raise ValueError("one of the weights must be above 0")
        return self

    @property
    def alpha(self) -> float:
        """Ours."""
        return self.embedding_weight / (self.embedding_weight + self.text_weight)


class RankingOptions(ToolBody):
    """OpenAI's. Scores here are not from 0 to 1, so that there is no threshold."""

    ranker: Literal["auto", "default-2024-11-15", "none"] | None = None
    score_threshold: Literal[0] | None = None
    hybrid_search: HybridWeights | None = None


class FileSearchBody(ToolBody):
    """OpenAI's tool; its vector stores are knowledge bases here."""

    type: Literal["file_search"]
    vector_store_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_KNOWLEDGE_BASES)]
    """UUIDs of knowledge bases."""
    max_num_results: Annotated[int, Field(ge=1, le=MAX_RESULTS)] | None = None
    filters: FileSearchFilter | None = None
    ranking_options: RankingOptions | None = None

    def to_tool(self) -> RetrievalTool:
        """The neutral form."""
        ranking = self.ranking_options or RankingOptions()
        weights = ranking.hybrid_search
        return RetrievalTool(
            knowledge_base_ids=tuple(dict.fromkeys(self.vector_store_ids)),
            num_results=self.max_num_results or FILE_SEARCH_RESULTS,
            alpha=None if weights is None else weights.alpha,
            filters=self.filters.to_filter() if self.filters else {},
            reranking=False if ranking.ranker == "none" else None,
        )


class AllowedTools(ToolBody):
    """OpenAI's longer form of a list of names."""

    tool_names: list[Text]


class McpBody(ToolBody):
    """A remote MCP server, as OpenAI and DigitalOcean name one."""

    type: Literal["mcp"]
    server_label: FunctionName
    server_url: Text
    server_description: Text | None = None
    authorization: Annotated[Text | None, Field(repr=False)] = None
    """A token, with or without `Bearer` before it."""
    headers: Annotated[dict[Text, Text] | None, Field(repr=False)] = None
    allowed_tools: list[Text] | AllowedTools | None = None
    require_approval: Literal["never"] | None = None
    """Tools are called without asking; nothing else can be asked for."""

    def to_tool(self) -> McpTool:
        """The neutral form."""
        allowed = self.allowed_tools
        names = allowed.tool_names if isinstance(allowed, AllowedTools) else allowed
        return McpTool(
            label=self.server_label,
            url=self.server_url,
            authorization=self.authorization and bare_token(self.authorization),
            headers=self.headers or {},
            allowed_tools=None if names is None else tuple(names),
        )


def bare_token(authorization: str) -> str:
    """Without the word `Bearer`."""
    kind, _, token = authorization.partition(" ")
    return token.strip() if kind.lower() == "bearer" and token else authorization

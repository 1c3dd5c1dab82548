"""The retrieval door: `POST /v1/{knowledge_base_uuid}/retrieve`, and `/v1/retrieve` for several."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from kb.api.caller import EnteredKnowledgeBase, KeyAndIndexFirst, Team, TheService
from kb.api.text import JsonObject, Text
from kb.api.unset import OptionalUuid
from retrieval.query import (
    DEFAULT_RERANKED,
    DEFAULT_RESULTS,
    MAX_RERANKED,
    MAX_RESULTS,
    Expansion,
    FusionMode,
    Query,
)
from retrieval.query import Reranking as QueryReranking
from retrieval.results import RetrieveResponse
from retrieval.understanding.understanding import Turn as QueryTurn
from retrieval.understanding.understanding import Understanding as QueryUnderstanding
from retrieval.understanding.understanding import UnderstandingMode

router = APIRouter(tags=["retrieval"], route_class=KeyAndIndexFirst)
MAX_KNOWLEDGE_BASES = 20
MAX_TURNS = 200


class Reranking(BaseModel):
    """Per-request switch, as DigitalOcean's API has it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    enabled: bool = False
    candidates: Annotated[int, Field(ge=1, le=MAX_RERANKED)] = DEFAULT_RERANKED
    """How many of the best candidates the reranker reads."""


class Turn(BaseModel):
    """What was said before the question."""

    role: Literal["user", "assistant"]
    text: Text


class Understanding(BaseModel):
    """A language model reads the question first."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    mode: UnderstandingMode
    """`rewrite` makes a question of a conversation stand alone, `decompose` takes one apart that
    asks for several things, `hyde` imagines an answer and searches its meaning, too."""
    history: Annotated[list[Turn], Field(max_length=MAX_TURNS)] = []
    """What was said before, oldest first; of a long conversation the end is read."""


class RetrieveRequest(BaseModel):
    """A question to a knowledge base."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [{"query": "How long may a parcel wait?", "num_results": 3, "alpha": 0.5}]
        },
    )

    query: Text
    """What to look for, in plain words."""

    num_results: Annotated[int, Field(ge=0, le=MAX_RESULTS)] = DEFAULT_RESULTS
    """How many passages to return at most."""

    alpha: Annotated[float, Field(ge=0, le=1)] | None = None
    """0 searches by words only (BM25), 1 by meaning only; between, both are weighed. 0.5 unless
    given, or 0.35 for texts in languages that the embedding model was not trained to read."""

    fusion: FusionMode = "weighted"
    """How the two are put together: standardised scores summed, or reciprocal ranks."""

    filters: JsonObject | None = None
    """Operator objects (`equals`, `and_all`, ...) or `must`, `must_not` and `should` lists."""

    reranking: Reranking | None = None
    """Has a model read the best candidates again. Refused where no reranker is configured; one that
    fails leaves the fused order, and the response says so. As the knowledge base's
    `reranking_config` has it unless given."""

    understanding: Understanding | None = None
    """Has a language model read the question first. Refused where none is configured; where it
    fails the question is searched as it is, and the response says so."""

    expand: Expansion = "parent"
    """What comes with a passage as `parent_chunk_text`: the larger chunk it was cut from where
    there is one, its neighbours, its section, or nothing."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The most that all texts together may take, by the embedding model's tokens. What does not
    fit is named in `omitted`."""

    min_score: float | None = None
    """Passages with a lower score are left out."""

    max_per_document: Annotated[int, Field(ge=1)] | None = None
    """The most passages of one document."""

    collapse_duplicates: bool = False
    """Of passages that say nearly the same in the same words, only the best is returned."""

    cursor: Text | None = None
    """`next_cursor` of an earlier response to the same query."""

    explain: bool = False
    """Also tells of every candidate what it scored in each stage, and why it was left out."""

    index_version_uuid: OptionalUuid = None
    """Another index version than the live one, to compare the two."""

    def to_query(self) -> Query:
        """Raises `InvalidQuery`."""
        return Query(
            text=self.query,
            num_results=self.num_results,
            alpha=self.alpha,
            fusion=self.fusion,
            filters=self.filters or {},
            reranking=self.reranking
            and QueryReranking(
                candidates=self.reranking.candidates, enabled=self.reranking.enabled
            ),
            understanding=self.understanding
            and QueryUnderstanding(
                mode=self.understanding.mode,
                history=tuple(
                    QueryTurn(turn.role, turn.text) for turn in self.understanding.history
                ),
            ),
            expand=self.expand,
            max_tokens=self.max_tokens,
            min_score=self.min_score,
            max_per_document=self.max_per_document,
            collapse_duplicates=self.collapse_duplicates,
            cursor=self.cursor,
            explain=self.explain,
        )


class RetrieveFromRequest(RetrieveRequest):
    """A question to several knowledge bases."""

    knowledge_base_uuids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_KNOWLEDGE_BASES)]
    """Which; their passages come in one order."""


# Some clients' base URL already ends in /v1, others' does not.
@router.post("/v1/retrieve")
@router.post("/retrieve", include_in_schema=False)
async def retrieve_from(
    team: Team, request: RetrieveFromRequest, service: TheService
) -> RetrieveResponse:
    """The passages of several knowledge bases that answer best."""
    scopes = [team.knowledge_base(one) for one in dict.fromkeys(request.knowledge_base_uuids)]
    return RetrieveResponse.of(await service.retrieve_from(scopes, request.to_query()))


@router.post("/v1/{knowledge_base_uuid}/retrieve")
@router.post("/{knowledge_base_uuid}/retrieve", include_in_schema=False)
async def retrieve(entered: EnteredKnowledgeBase, request: RetrieveRequest) -> RetrieveResponse:
    """The passages that answer best, with scores and exact citations."""
    found = await entered.service.retrieve(
        entered.scope,
        request.to_query(),
        index_version_id=request.index_version_uuid,
        live=entered.live,
    )
    return RetrieveResponse.of(found)

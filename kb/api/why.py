"""`POST /v1/{knowledge_base_uuid}/why`: why is this document not among the answers?"""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, Field, model_validator

from kb import why as use_case
from kb.api.caller import KeyFirst, KnowledgeBaseScope, TheService
from kb.api.retrieve import RetrieveRequest
from kb.api.unset import OptionalText, OptionalUuid
from kb.why_body import WhyBody
from retrieval.query import DEFAULT_RESULTS, MAX_RESULTS

router = APIRouter(tags=["retrieval"], route_class=KeyFirst)


class WhyRequest(RetrieveRequest):
    """A question as it was asked, and the document that was expected."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"query": "How long may a parcel wait?", "document": "guide.pdf"}]
        }
    )

    num_results: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = DEFAULT_RESULTS
    """How many passages were asked for."""

    document: OptionalText = None
    """Its file name, relative path or URL."""

    document_uuid: OptionalUuid = None
    """Or its UUID."""

    @model_validator(mode="after")
    def _name_one(self) -> Self:
        if (self.document is None) == (self.document_uuid is None):
            raise ValueError("name either document or document_uuid")
        return self

    @property
    def named(self) -> UUID | str:
        """The document."""
        return self.document_uuid or self.document or ""


@router.post("/v1/{knowledge_base_uuid}/why")
async def why(scope: KnowledgeBaseScope, request: WhyRequest, service: TheService) -> WhyBody:
    """Why a document is not among the passages that answer a question, or where it is."""
    found = await use_case.why(
        service,
        scope,
        request.to_query(),
        request.named,
        index_version_id=request.index_version_uuid,
    )
    return WhyBody.of(found)

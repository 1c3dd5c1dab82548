"""Uploads for data sources: addresses that take a file each, and what is sent to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from kb.api.caller import KeyFirst, Team, TheUploads
from kb.api.request_id import request_id
from kb.api.text import Text
from kb.api.unset import Unset

router = APIRouter(tags=["data sources"], route_class=KeyFirst)
# Here the address itself is the key, as in other object stores.
signed = APIRouter(tags=["data sources"])


class File(BaseModel):
    """One that is to be sent."""

    file_name: Text
    file_size: Annotated[int | None, Field(ge=0), Unset] = None


class PresignRequest(BaseModel):
    """Which files are to be sent."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"files": [{"file_name": "guide.pdf", "file_size": 2048}]}]}
    )

    files: Annotated[list[File], Field(min_length=1)]


class PresignedBody(BaseModel):
    """Where to send one to, and what to call it in `file_upload_data_source`."""

    presigned_url: str
    object_key: str
    original_file_name: str
    expires_at: datetime


class PresignedList(BaseModel):
    """One for each file, in their order."""

    request_id: str
    uploads: list[PresignedBody]


@router.post("/v2/gen-ai/knowledge_bases/data_sources/file_upload_presigned_urls")
async def presign_uploads(
    team: Team, wanted: PresignRequest, request: Request, uploads: TheUploads
) -> PresignedList:
    """Addresses to PUT files to, without an API key and within the hour.

    A file then becomes a data source by its `object_key`; nothing is indexed before.
    """
    made = [
        uploads.presign(team, file_name=one.file_name, size=one.file_size) for one in wanted.files
    ]
    return PresignedList(
        request_id=request_id(request.scope),
        uploads=[
            PresignedBody(
                presigned_url=str(request.url_for(take_upload.__name__, token=one.token)),
                object_key=one.object_key,
                original_file_name=one.file_name,
                expires_at=one.expires_at,
            )
            for one in made
        ],
    )


@signed.put(
    "/v1/uploads/{token}",
    response_class=Response,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def take_upload(token: str, request: Request, uploads: TheUploads) -> Response:
    """Take a file at a presigned URL. Sent again, the last one counts; the ETag is its SHA-256."""
    blob = await uploads.take(token, request.stream())
    return Response(headers={"etag": f'"{blob.sha256.hex()}"'})

"""Index versions: built in the shadow of the live one, compared, promoted, gone back from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from ingest.indexing import PARSER_VERSION
from kb import index_builds
from kb.api.caller import KeyFirst, KnowledgeBaseScope, TheService
from kb.api.chunking_body import ChunkingBody, algorithm, options
from kb.api.chunking_request import ChunkingRequest
from kb.api.paging import Links, Meta, Page
from kb.api.unset import OptionalLanguage, OptionalUuid
from kb.index_builds import KeptIndex
from retrieval.analysis import Language
from retrieval.index import StoreName, VectorStorage

router = APIRouter(
    prefix="/v2/gen-ai/knowledge_bases/{knowledge_base_uuid}/index_versions",
    tags=["index versions"],
    route_class=KeyFirst,
)


class BuildRequest(ChunkingRequest):
    """What is to be otherwise than in the live index version; the rest is taken over."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    embedding_model_uuid: OptionalUuid = None
    embedding_dimensions: int | None = None
    """Fewer numbers in a vector than the embedding model gives, where it was trained for that."""
    store: StoreName | None = None
    vector_storage: VectorStorage | None = None
    """`float` and `half` are 4 and 2 bytes a number; `binary` finds by 1 bit of each."""
    language: OptionalLanguage = None
    """What all documents are written in; found out for each unless it is set."""
    promote_when_ready: bool = False
    """Let it answer as soon as it holds every document."""


class PromoteRequest(BaseModel):
    """How to promote."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    force: bool = False
    """Even though documents that are found now would no longer be."""


class SourceChunkingBody(ChunkingBody):
    """A data source that is cut otherwise than the rest."""

    data_source_uuid: UUID


class IndexVersionBody(ChunkingBody):
    """An index version and how far it is."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    uuid: UUID
    number: int
    """`index_version` in the answers it gives."""
    embedding_model_uuid: UUID
    embedding_dimensions: int
    parser: str
    store: StoreName
    vector_storage: VectorStorage
    language: Language | None
    """What its documents are taken to be written in; null where that is found out for each."""
    languages: list[Language]
    """What they turned out to be written in; questions are read as all of these."""
    data_sources: list[SourceChunkingBody]
    created_at: datetime
    promoted_at: datetime | None
    promote_when_ready: bool
    is_live: bool
    is_ready: bool
    """Promoting it would lose no answer."""
    documents: int
    documents_pending: int
    documents_indexed: int
    documents_failed: int
    documents_behind: int
    """Those that the live index version answers from and this one could not."""
    chunks: int
    embedded_chunks: int
    """Chunks whose vectors had to be computed; the others had theirs from elsewhere."""

    @classmethod
    def of(cls, kept: KeptIndex) -> IndexVersionBody:
        """One index version."""
        settings, state = kept.version.settings, kept.state
        return cls(
            uuid=kept.version.id,
            number=kept.version.number,
            embedding_model_uuid=settings.embedding_model.uuid,
            embedding_dimensions=settings.embedding_model.dimensions,
            parser=settings.parser,
            store=settings.store,
            vector_storage=settings.vector_storage,
            language=settings.language,
            languages=list(kept.version.languages),
            chunking_algorithm=algorithm(settings.chunking),
            chunking_options=options(settings.chunking),
            data_sources=[
                SourceChunkingBody(
                    data_source_uuid=source_id,
                    chunking_algorithm=algorithm(chunking),
                    chunking_options=options(chunking),
                )
                for source_id, chunking in kept.source_chunking.items()
            ],
            created_at=state.created_at,
            promoted_at=state.promoted_at,
            promote_when_ready=state.promote_when_ready,
            is_live=state.is_live,
            is_ready=state.is_ready,
            documents=state.documents,
            documents_pending=state.pending,
            documents_indexed=state.indexed,
            documents_failed=state.failed,
            documents_behind=state.behind,
            chunks=state.chunks,
            embedded_chunks=state.embedded_chunks,
        )


class OneIndexVersion(BaseModel):
    """The envelope of one."""

    index_version: IndexVersionBody


class IndexVersionList(BaseModel):
    """The envelope of a page."""

    index_versions: list[IndexVersionBody]
    links: Links
    meta: Meta


class DiscardedIndexVersion(BaseModel):
    """What is gone."""

    uuid: UUID
    knowledge_base_uuid: UUID


@router.post("")
async def build_index_version(
    scope: KnowledgeBaseScope, service: TheService, request: BuildRequest | None = None
) -> OneIndexVersion:
    """Build an index version beside the live one, which goes on answering.

    Without settings of its own it is the live one again, as today's parsers read the documents.
    Compare the two with `index_version_uuid` in retrieve, then promote it or delete it.
    """
    wanted = request or BuildRequest()
    live = (await service.index_version(scope)).settings
    models, given = service.embedders.models, wanted.embedding_model_uuid
    model = models.instead_of(
        live.embedding_model,
        models.by_uuid(given) if given else None,
        wanted.embedding_dimensions,
    )
    settings = replace(
        live,
        parser=PARSER_VERSION,
        embedding_model=model,
        chunking=wanted.chunking(model, live.chunking) or live.chunking,
        store=wanted.store or live.store,
        vector_storage=wanted.vector_storage or live.vector_storage,
        language=wanted.language or live.language,
    )
    kept = await index_builds.build(
        service, scope, settings, promote_when_ready=wanted.promote_when_ready
    )
    return OneIndexVersion(index_version=IndexVersionBody.of(kept))


@router.get("")
async def list_index_versions(
    scope: KnowledgeBaseScope, page: Page, service: TheService
) -> IndexVersionList:
    """The index versions that are kept, oldest first."""
    found = await index_builds.list_all(service, scope)
    return IndexVersionList(
        index_versions=[IndexVersionBody.of(one) for one in page.of(found)],
        links=page.links(len(found)),
        meta=page.meta(len(found)),
    )


@router.post("/rollback")
async def roll_back(scope: KnowledgeBaseScope, service: TheService) -> OneIndexVersion:
    """Let the index version answer again that was live before; it has been kept up to date."""
    return OneIndexVersion(
        index_version=IndexVersionBody.of(await index_builds.roll_back(service, scope))
    )


@router.get("/{index_version_uuid}")
async def get_index_version(
    scope: KnowledgeBaseScope, index_version_uuid: UUID, service: TheService
) -> OneIndexVersion:
    """One index version and how far it is."""
    kept = await index_builds.get(service, scope, index_version_uuid)
    return OneIndexVersion(index_version=IndexVersionBody.of(kept))


@router.post("/{index_version_uuid}/promote")
async def promote_index_version(
    scope: KnowledgeBaseScope,
    index_version_uuid: UUID,
    service: TheService,
    request: PromoteRequest | None = None,
) -> OneIndexVersion:
    """Let it answer from now on; refused while it lacks documents that are found now."""
    force = request is not None and request.force
    kept = await index_builds.promote(service, scope, index_version_uuid, force=force)
    return OneIndexVersion(index_version=IndexVersionBody.of(kept))


@router.delete("/{index_version_uuid}")
async def discard_index_version(
    scope: KnowledgeBaseScope, index_version_uuid: UUID, service: TheService
) -> DiscardedIndexVersion:
    """Discard an index version that is not the live one."""
    await index_builds.discard(service, scope, index_version_uuid)
    return DiscardedIndexVersion(
        uuid=index_version_uuid, knowledge_base_uuid=scope.knowledge_base_id
    )

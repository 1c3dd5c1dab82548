"""Knowledge bases, on DigitalOcean's paths and in its shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, StringConstraints

from kb import reranking
from kb.api.caller import KeyFirst, KnowledgeBaseScope, Team, TheService, TheSources
from kb.api.chunking import ChunkingOptions, chunking
from kb.api.paging import Links, Meta, Page
from kb.api.source_request import DataSourceRequest, Described, InvalidDataSource
from kb.api.text import Text
from kb.api.unset import OptionalLanguage, OptionalText, OptionalUuid, Unset
from kb.bodies import KnowledgeBaseBody
from kb.reranking import RerankingConfig
from kb.service import Service
from retrieval.index import DEFAULT_VECTOR_STORAGE, StoreName, VectorStorage

router = APIRouter(
    prefix="/v2/gen-ai/knowledge_bases", tags=["knowledge bases"], route_class=KeyFirst
)

# DigitalOcean's rule, less the lower bound of three characters that its Terraform provider breaks.
Name = Annotated[
    str, StringConstraints(min_length=2, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9.\-]*$")
]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:_\-]{1,255}$")]
OptionalName = Annotated[Name | None, Unset]


class RerankingConfigRequest(BaseModel):
    """Whether answers are reranked unless a query says otherwise."""

    enabled: bool = False
    model: OptionalText = None
    """Its `id` among `/v2/gen-ai/models?usecases=MODEL_USECASE_RERANKING`."""

    def checked(self, service: Service) -> RerankingConfig:
        """Raises `InvalidRerankingModel`."""
        return reranking.checked(service, enabled=self.enabled, model=self.model)


class CreateKnowledgeBase(BaseModel):
    """What a new knowledge base needs: a name."""

    name: Name
    embedding_model_uuid: OptionalUuid = None
    """The default model unless given; see `/v2/gen-ai/models`."""
    chunking_algorithm: Text | None = None
    """`CHUNKING_ALGORITHM_SECTION_BASED` unless given; `_SEMANTIC`, `_HIERARCHICAL`,
    `_FIXED_LENGTH`."""
    chunking_options: ChunkingOptions | None = None
    datasources: list[DataSourceRequest] | None = None
    """Indexed at once; more can be added later."""
    store: StoreName | None = None
    """Where chunks are kept; the installation's default unless given."""
    vector_storage: VectorStorage = DEFAULT_VECTOR_STORAGE
    """`float` and `half` are 4 and 2 bytes a number; `binary` finds by 1 bit of each."""
    language: OptionalLanguage = None
    """What all documents are written in, as `en` or `de`; found out for each unless given."""
    embedding_dimensions: int | None = None
    """Fewer numbers in a vector than the embedding model gives, where it was trained for that."""
    reranking_config: RerankingConfigRequest | None = None
    tags: list[Tag] | None = None
    project_id: Text | None = None
    region: Text | None = None


class UpdateKnowledgeBase(BaseModel):
    """What can be changed; absent fields stay."""

    name: OptionalName = None
    reranking_config: RerankingConfigRequest | None = None
    tags: list[Tag] | None = None
    project_id: OptionalText = None


class OneKnowledgeBase(BaseModel):
    """The envelope of one."""

    knowledge_base: KnowledgeBaseBody


class KnowledgeBaseWithStatus(OneKnowledgeBase):
    """The envelope of one that was asked for."""

    database_status: str = "ONLINE"


class KnowledgeBaseList(BaseModel):
    """The envelope of a page."""

    knowledge_bases: list[KnowledgeBaseBody]
    links: Links
    meta: Meta


class Deleted(BaseModel):
    """What is gone."""

    uuid: UUID


@router.post("")
async def create_knowledge_base(
    team: Team, request: CreateKnowledgeBase, service: TheService, sources: TheSources
) -> OneKnowledgeBase:
    """A knowledge base with these data sources; more of them and documents can be added at once.

    Where something is wrong with one of the data sources, nothing is created.
    """
    models = service.embedders.models
    given = request.embedding_model_uuid
    model = (models.by_uuid(given) if given else models.default).shortened(
        request.embedding_dimensions
    )
    index_chunking = chunking(model, request.chunking_algorithm, request.chunking_options)
    wanted = [
        (one.described(), one.chunking(model, index_chunking)) for one in request.datasources or ()
    ]
    _refuse_one_file_twice([described for described, _ in wanted])
    config = request.reranking_config and request.reranking_config.checked(service)
    for described, own_chunking in wanted:
        await sources.check(
            team,
            kind=described.kind,
            settings=described.settings,
            credentials=described.credentials,
            chunking=own_chunking,
        )
    overview = await service.create_knowledge_base(
        team,
        name=request.name,
        embedding_model=model,
        chunking=index_chunking,
        store=request.store,
        vector_storage=request.vector_storage,
        language=request.language,
        tags=request.tags or (),
        project_id=request.project_id or "",
        region=request.region or "",
    )
    scope = team.knowledge_base(overview.knowledge_base.id)
    try:
        if config:
            await reranking.configure(service, scope, config)
        for described, own_chunking in wanted:
            await sources.create(
                scope,
                kind=described.kind,
                settings=described.settings,
                credentials=described.credentials,
                chunking=own_chunking,
            )
        overview = await service.overview(scope)
    except BaseException:
        await service.delete_knowledge_base(scope)
        raise
    return OneKnowledgeBase(knowledge_base=KnowledgeBaseBody.of(overview))


@router.get("")
async def list_knowledge_bases(team: Team, page: Page, service: TheService) -> KnowledgeBaseList:
    """The team's knowledge bases, oldest first."""
    found, total = await service.list_knowledge_bases(team, limit=page.limit, offset=page.offset)
    return KnowledgeBaseList(
        knowledge_bases=[KnowledgeBaseBody.of(one) for one in found],
        links=page.links(total),
        meta=page.meta(total),
    )


@router.get("/{knowledge_base_uuid}")
async def get_knowledge_base(
    scope: KnowledgeBaseScope, service: TheService
) -> KnowledgeBaseWithStatus:
    """One knowledge base."""
    return KnowledgeBaseWithStatus(
        knowledge_base=KnowledgeBaseBody.of(await service.overview(scope))
    )


@router.put("/{knowledge_base_uuid}")
async def update_knowledge_base(
    scope: KnowledgeBaseScope, request: UpdateKnowledgeBase, service: TheService
) -> OneKnowledgeBase:
    """Change the name, tags, project or reranking."""
    config = request.reranking_config and request.reranking_config.checked(service)
    overview = await service.update_knowledge_base(
        scope, name=request.name, tags=request.tags, project_id=request.project_id
    )
    if config:
        overview = await reranking.configure(service, scope, config)
    return OneKnowledgeBase(knowledge_base=KnowledgeBaseBody.of(overview))


@router.delete("/{knowledge_base_uuid}")
async def delete_knowledge_base(scope: KnowledgeBaseScope, service: TheService) -> Deleted:
    """Remove the knowledge base, its documents and its indexes for good."""
    await service.delete_knowledge_base(scope)
    return Deleted(uuid=scope.knowledge_base_id)


def _refuse_one_file_twice(described: Sequence[Described]) -> None:
    """The first data source would take it, and the second find it gone."""
    keys = [one.settings["stored_object_key"] for one in described if one.kind == "file_upload"]
    if len(set(keys)) < len(keys):
        raise InvalidDataSource("Two of these have the same stored_object_key.")

"""The application: REST and MCP on one port, behind the same keys and the same `retrieve`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route

from kb import __version__
from kb import citations as cited_texts
from kb.api import (
    chat,
    chat_models,
    citations,
    data_sources,
    document_versions,
    documents,
    embeddings,
    evaluations,
    health,
    index_versions,
    indexing_jobs,
    knowledge_bases,
    messages,
    metadata,
    models,
    problems,
    regions,
    rerank,
    responses,
    retrieve,
    schedules,
    uploads,
    why,
)
from kb.api.request_id import RequestIds
from kb.auth import Authenticator
from kb.data_sources import DataSources
from kb.gateway.wire.serving import ChatGateway
from kb.indexing_jobs import IndexingJobs
from kb.live_sources import LiveSources
from kb.page_images import confined_renderer
from kb.playground.app import make_playground
from kb.playground.notebooks import PATH as PLAYGROUND_PATH
from kb.playground.notebooks import Notebooks
from kb.service import Service
from kb.uploads import Uploads
from kb_mcp.server import Backend, KnowledgeBaseEntry, make_app
from retrieval.citation_uri import CitationUri
from retrieval.scope import TeamScope

MCP_PATH = "/v1/mcp"
LISTED_KNOWLEDGE_BASES = 200


def create_app(
    service: Service,
    live_sources: LiveSources,
    gateway: ChatGateway,
    *,
    allowed_hosts: Sequence[str] = (),
    allowed_origins: Sequence[str] = (),
    own_url: str | None = None,
) -> FastAPI:
    """The app on an open service. Hosts and origins are what the MCP door accepts.

    `own_url` is where it will answer: the playground asks there. Without it there is none.
    """
    authenticator = Authenticator(service.pool)
    mcp = make_app(
        _mcp_backend(service, authenticator),
        version=__version__,
        path=MCP_PATH,
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
    )

    renderer = confined_renderer(max_bytes=live_sources.max_bytes)
    notebooks = Notebooks()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with renderer, notebooks, mcp.router.lifespan_context(mcp):
            yield

    app = FastAPI(
        title="kb",
        version=__version__,
        summary="A managed knowledge-base service: documents in, cited passages out.",
        lifespan=lifespan,
    )
    vault = live_sources.vault
    app.state.service = service
    app.state.gateway = gateway
    app.state.data_sources = DataSources(service, live_sources)
    app.state.indexing_jobs = IndexingJobs(service, vault)
    app.state.uploads = Uploads(service, vault, max_bytes=live_sources.max_bytes)
    app.state.page_renderer = renderer
    app.state.authenticator = authenticator
    problems.install(app)
    app.add_middleware(RequestIds)
    # A route rather than a mount: clients that are sent on to a trailing slash lose their POST.
    app.router.routes.append(Route(MCP_PATH, endpoint=mcp))
    # Routes are tried in this order, so the one asked most comes first.
    for router in (
        retrieve.router,
        chat.router,
        responses.router,
        messages.router,
        embeddings.router,
        rerank.router,
        health.router,
        knowledge_bases.router,
        uploads.router,
        uploads.signed,
        data_sources.router,
        documents.router,
        document_versions.router,
        metadata.router,
        citations.router,
        why.router,
        indexing_jobs.router,
        indexing_jobs.signed,
        schedules.router,
        index_versions.router,
        evaluations.router,
        models.router,
        regions.router,
        chat_models.router,
    ):
        app.include_router(router)
    if own_url is not None:
        playground = make_playground(
            notebooks,
            authenticator,
            vault,
            service.embedders,
            url=own_url,
            allowed_origins=allowed_origins,
        )
        app.mount(PLAYGROUND_PATH, playground)
    return app


def _mcp_backend(service: Service, authenticator: Authenticator) -> Backend:
    async def list_knowledge_bases(scope: TeamScope) -> list[KnowledgeBaseEntry]:
        found, _ = await service.list_knowledge_bases(scope, limit=LISTED_KNOWLEDGE_BASES, offset=0)
        return [
            KnowledgeBaseEntry(
                knowledge_base_id=one.knowledge_base.id,
                name=one.knowledge_base.name,
                documents=one.tally.documents,
            )
            for one in found
        ]

    async def read_citation(scope: TeamScope, cited: CitationUri) -> str:
        return await cited_texts.read(service, scope.knowledge_base(cited.knowledge_base_id), cited)

    return Backend(
        authenticate=authenticator.key,
        retrieve=service.retrieve_from,
        list_knowledge_bases=list_knowledge_bases,
        read_citation=read_citation,
    )

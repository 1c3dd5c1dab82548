"""An app with the chat APIs alone."""

from __future__ import annotations

from fastapi import FastAPI

from kb.api import (
    chat,
    chat_models,
    citations,
    embeddings,
    messages,
    problems,
    rerank,
    responses,
)
from kb.api.request_id import RequestIds
from kb.auth import Authenticator
from kb.gateway.wire.serving import ChatGateway
from kb.service import Service


def make_app(service: Service, gateway: ChatGateway) -> FastAPI:
    app = FastAPI()
    app.state.service = service
    app.state.authenticator = Authenticator(service.pool)
    app.state.gateway = gateway
    problems.install(app)
    app.add_middleware(RequestIds)
    for one in (chat, responses, messages, embeddings, rerank, chat_models, citations):
        app.include_router(one.router)
    return app

"""Which HTTP status each error is. The one table; every edge renders its own envelope from it."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from ingest.errors import IngestError
from ingest.parsing.errors import NoSuchPage, PageTooLarge
from kb.auth import Unauthorized
from kb.blobs import BlobTooLarge
from kb.catalog.errors import NameTaken, NotFound
from kb.citations import InvalidSpan
from kb.evaluations import NoLanguageModel, RunNotDone
from kb.gateway import errors as turns
from kb.gateway.upstream import errors as upstream
from kb.gateway.wire.errors import UnreadableArguments
from kb.index_builds import IndexIsLive, IndexNotReady, NothingToRollBackTo
from kb.item_names import InvalidItemName
from kb.page_images import NoPageImages
from kb.playground.app import PlaygroundNotInstalled
from kb.playground.gate import ForeignOrigin, PageForgotten
from kb.reranking import InvalidRerankingModel
from kb.schedules import InvalidSchedule
from kb.star_metric import InvalidStarMetric
from kb.store_migration import CountsDiffer
from kb.vault import LinkInvalid
from retrieval.analysis import UnknownLanguage
from retrieval.citation_uri import InvalidCitationUri
from retrieval.embedding.models import InvalidDimensions, UnknownModel
from retrieval.errors import RetrievalError, ServiceError
from retrieval.eval.errors import InvalidDataset, NotComparable, UnknownMetric
from retrieval.filters import InvalidFilter
from retrieval.metadata_schema import InvalidMetadata, InvalidSchema
from retrieval.path_pattern import InvalidPattern
from retrieval.query import InvalidQuery
from retrieval.store import IndexNotFound, StoreNotConfigured, TooManyDimensions


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as a caller of the API sees it."""

    status: int
    id: str
    message: str


# The first row that fits counts, so narrower classes come before wider ones.
TABLE: tuple[tuple[type[Exception], int, str], ...] = (
    (Unauthorized, 401, "unauthorized"),
    (NotFound, 404, "not_found"),
    (NameTaken, 409, "conflict"),
    (BlobTooLarge, 413, "payload_too_large"),
    (InvalidQuery, 400, "bad_request"),
    (InvalidFilter, 400, "bad_request"),
    (InvalidItemName, 400, "bad_request"),
    (InvalidSpan, 400, "bad_request"),
    (InvalidCitationUri, 400, "bad_request"),
    (NoPageImages, 400, "bad_request"),
    (PageTooLarge, 400, "bad_request"),
    (NoSuchPage, 404, "not_found"),
    (InvalidSchedule, 400, "bad_request"),
    (IndexNotReady, 409, "conflict"),
    (IndexIsLive, 409, "conflict"),
    (NothingToRollBackTo, 409, "conflict"),
    (CountsDiffer, 409, "conflict"),
    (LinkInvalid, 403, "forbidden"),
    (ForeignOrigin, 403, "forbidden"),
    (PlaygroundNotInstalled, 404, "not_found"),
    (PageForgotten, 404, "not_found"),
    (UnknownModel, 400, "bad_request"),
    (InvalidDimensions, 400, "bad_request"),
    (InvalidStarMetric, 400, "bad_request"),
    (UnknownLanguage, 400, "bad_request"),
    (IngestError, 400, "bad_request"),
    (StoreNotConfigured, 400, "bad_request"),
    (TooManyDimensions, 400, "bad_request"),
    (InvalidRerankingModel, 400, "bad_request"),
    (IndexNotFound, 404, "not_found"),
    (InvalidSchema, 400, "bad_request"),
    (InvalidMetadata, 400, "bad_request"),
    (InvalidPattern, 400, "bad_request"),
    (InvalidDataset, 400, "bad_request"),
    (UnknownMetric, 400, "bad_request"),
    (NotComparable, 400, "bad_request"),
    (NoLanguageModel, 400, "bad_request"),
    (RunNotDone, 409, "conflict"),
    (turns.NoModel, 404, "no_model"),
    (turns.NoMessages, 400, "no_messages"),
    (turns.TooManyTools, 400, "too_many_tools"),
    (turns.TooManyKnowledgeBases, 400, "too_many_knowledge_bases"),
    (turns.NoKnowledgeBase, 400, "no_knowledge_base"),
    (turns.ToolNameTaken, 400, "tool_name_taken"),
    (turns.UnknownToolChoice, 400, "unknown_tool_choice"),
    (turns.ExtractiveNeedsRetrieval, 400, "extractive_needs_retrieval"),
    (turns.InvalidTurn, 400, "invalid_request"),
    (upstream.UnknownChatModel, 404, "model_not_found"),
    (upstream.ContextOverflow, 400, "context_length_exceeded"),
    (upstream.RequestRefused, 400, "refused_by_model"),
    (upstream.UpstreamBusy, 429, "model_busy"),
    (upstream.UpstreamTimeout, 504, "model_timeout"),
    (upstream.UpstreamUnavailable, 503, "model_unavailable"),
    (upstream.UpstreamError, 502, "model_failed"),
    (UnreadableArguments, 502, "model_failed"),
    (RetrievalError, 503, "service_unavailable"),
    (ServiceError, 503, "service_unavailable"),
    (OperationalError, 503, "service_unavailable"),
    (PoolTimeout, 503, "service_unavailable"),
)
UNAVAILABLE = "The database does not answer; try again in a moment."


def problem(error: Exception) -> Problem:
    """What to tell the caller. What is not ours to explain is a plain 500."""
    for kind, status, problem_id in TABLE:
        if isinstance(error, kind):
            message = str(error) if isinstance(error, ServiceError) else UNAVAILABLE
            return Problem(status, problem_id, message)
    return Problem(500, "server_error", "Something went wrong here; the log says what.")

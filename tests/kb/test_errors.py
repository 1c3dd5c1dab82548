"""Errors: each says what to do, and each has the status that somebody chose for it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

import ingest
import kb
import kb_mcp
import retrieval
from ingest.errors import IngestError
from kb.errors import TABLE, UNAVAILABLE, problem
from retrieval.errors import ServiceError


def modules() -> Iterator[ModuleType]:
    for package in (kb, kb_mcp, ingest, retrieval):
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):  # importing that would run it
                yield importlib.import_module(found.name)


def kinds(base: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


OURS = tuple(module.__name__ for module in modules())  # imports them all
KINDS = sorted(
    {kind for kind in kinds() if kind.__module__ in OURS}, key=lambda kind: kind.__qualname__
)
STATUS = {
    "Unauthorized": 401,
    "ForeignOrigin": 403,
    "InvalidStarMetric": 400,
    "PlaygroundNotInstalled": 404,
    "PageForgotten": 404,
    "NotFound": 404,
    "IndexNotFound": 404,
    "NoSuchPage": 404,
    **dict.fromkeys(("NameTaken", "IndexNotReady", "IndexIsLive", "NothingToRollBackTo"), 409),
    **dict.fromkeys(("DatasetNameTaken", "RunNotDone", "CountsDiffer"), 409),
    "LinkInvalid": 403,
    "BlobTooLarge": 413,
    **dict.fromkeys(("NoModel", "UnknownChatModel"), 404),
    "UpstreamBusy": 429,
    "UpstreamTimeout": 504,
    # A model's server failed:
    **dict.fromkeys(("UpstreamError", "UpstreamRefused", "UpstreamUnauthorized"), 502),
    **dict.fromkeys(("BrokenStream", "UnreadableArguments", "NoAnswer"), 502),
    # What the caller can mend:
    **dict.fromkeys(
        (
            *("InvalidQuery", "InvalidFilter", "InvalidItemName", "InvalidSchedule"),
            *(
                "StoreNotConfigured",
                "TooManyDimensions",
                "UnknownLanguage",
                "UnknownModel",
                "InvalidDimensions",
                "InvalidRerankingModel",
            ),
            *("InvalidSchema", "InvalidMetadata", "InvalidPattern"),
            *("InvalidTurn", "NoMessages", "TooManyTools", "TooManyKnowledgeBases"),
            *("NoKnowledgeBase", "ToolNameTaken", "UnknownToolChoice", "ExtractiveNeedsRetrieval"),
            *("NothingIsStored", "UnsupportedToolset", "InputTooLong"),
            *("ContextOverflow", "RequestRefused"),
            *("InvalidDataset", "GoldNotFound", "UnknownMetric", "NotComparable"),
            *(
                "NoLanguageModel",
                "InvalidSpan",
                "InvalidCitationUri",
                "NoPageImages",
                "PageTooLarge",
            ),
        ),
        400,
    ),
}
"""All that is not a 503: there the service, not the caller, has a problem that may pass."""


def test_there_are_errors_to_look_at() -> None:
    assert len(KINDS) > 25
    assert STATUS.keys() <= {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_has_the_status_that_was_chosen_for_it(kind: type[ServiceError]) -> None:
    found = problem(kind("Particulars."))
    # What is wrong with a source, an address or chunking options is for whoever named them.
    others = 400 if issubclass(kind, IngestError) else 503
    assert found.status == STATUS.get(kind.__name__, others)
    assert found.message.endswith("Particulars.")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_its_docstring_is_its_message(kind: type[ServiceError]) -> None:
    assert kind.__doc__, "an error without a docstring says nothing"
    said = str(kind())
    assert said == " ".join(kind.__doc__.split())
    assert str(kind("Particulars.")) == f"{said} Particulars."


def test_no_row_of_the_table_is_hidden_by_a_wider_one_before_it() -> None:
    for number, (kind, status, name) in enumerate(TABLE):
        before = [row for row in TABLE[:number] if issubclass(kind, row[0])]
        assert all(row[1:] == (status, name) for row in before)


def test_statuses_and_ids_belong_together() -> None:
    assert len({(status, name) for _, status, name in TABLE}) == len({name for *_, name in TABLE})


def test_a_database_that_is_away_says_nothing_of_where_it_is() -> None:
    for error in (OperationalError("connection to 10.0.0.7 failed"), PoolTimeout("pool-1")):
        found = problem(error)
        assert (found.status, found.message) == (503, UNAVAILABLE)


def test_what_nobody_foresaw_is_a_500_that_tells_no_secrets() -> None:
    found = problem(RuntimeError("password is hunter2"))
    assert (found.status, found.id) == (500, "server_error")
    assert "hunter2" not in found.message

"""A candidate taken into the service: built beside the live index version, compared, promoted."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import Any
from uuid import UUID

from playground.bodies import IndexVersion
from playground.candidates import Candidate
from playground.client import Client
from playground.errors import PlaygroundError
from playground.long_work import LongWork, Tell
from playground.settings_file import build_body, retrieve_options
from playground.sweep import Step
from retrieval.results import RetrieveResponse

POLL_SECONDS = 0.5


class BuildFailed(PlaygroundError):
    """The new index version lacks documents that the live one has; see `kb index list`."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The live index version's answer and the new one's."""

    live: RetrieveResponse
    shadow: RetrieveResponse


@dataclass(frozen=True, slots=True)
class Promotion:
    """The way of one candidate into a knowledge base."""

    client: Client
    kb: UUID
    candidate: Candidate

    def build(self, model: UUID) -> IndexVersion:
        """Begin its index version, which answers nobody yet; one that is there already is taken.

        `model` is the embedding model's UUID.
        """
        body = build_body(self.candidate.index, model)
        for one in self.client.index_versions(self.kb):
            if _is_built_so(one, body):
                return one
        return self.client.build(self.kb, body)

    def ask(self, question: str, shadow: UUID) -> SideBySide:
        """Both answer, each in the candidate's way of asking."""
        options = {**retrieve_options(self.candidate.like), "query": question}
        return SideBySide(
            live=self.client.retrieve(self.kb, options),
            shadow=self.client.retrieve(self.kb, {**options, "index_version_uuid": str(shadow)}),
        )


def live(versions: list[IndexVersion]) -> IndexVersion:
    """The one that answers."""
    return next(one for one in versions if one.is_live)


def share_done(version: IndexVersion) -> float:
    """From 0 to 1, by documents."""
    if not version.documents:
        return 1.0
    return (version.documents_indexed + version.documents_failed) / version.documents


def _is_built_so(version: IndexVersion, body: dict[str, Any]) -> bool:
    options = {name: one for name, one in version.chunking_options.items() if one is not None}
    return (
        str(version.embedding_model_uuid) == body["embedding_model_uuid"]
        and version.chunking_algorithm == body["chunking_algorithm"]
        and {**options, "overlap": options.get("overlap") or 0}
        == {**body["chunking_options"], "overlap": body["chunking_options"].get("overlap") or 0}
        and body.get("embedding_dimensions") in (None, version.embedding_dimensions)
    )


def building(promotion: Promotion, model: UUID) -> LongWork[object]:
    """Build its index version and wait until it is ready; its result is the `IndexVersion`.

    Stopping only ends the waiting: the service goes on building.
    """
    stopped = Event()

    def build(tell: Tell) -> object:
        version = promotion.build(model)
        while not (version.is_ready or stopped.wait(POLL_SECONDS)):
            version = promotion.client.index_version(promotion.kb, version.uuid)
            tell(
                Step(
                    doing=f"{version.documents_indexed} of {version.documents} documents in index"
                    f" version {version.number}",
                    done=share_done(version),
                )
            )
            if not (version.documents_pending or version.is_ready):
                raise BuildFailed(f"{version.documents_failed} documents failed.")
        return version

    return LongWork(build, stopped.set)

"""The service's public API, call by call, for the playground's notebooks."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from ingest.parsing.document import ParsedDocument
from playground.bodies import (
    AnswerCitation,
    AnswerPart,
    ChatModel,
    CitedPlace,
    Dataset,
    Document,
    FilterField,
    IndexVersion,
    KnowledgeBase,
    Model,
    Run,
    StarMetric,
)
from playground.connection import Connection
from playground.errors import Refused
from retrieval.eval.compare import Comparison
from retrieval.eval.question import Question
from retrieval.eval.results import QuestionResult
from retrieval.results import RetrieveResponse

BASES = "/v2/gen-ai/knowledge_bases"
PARSED = TypeAdapter(ParsedDocument)

Options = Mapping[str, Any]
"""Fields of a request, as the API's documentation names them."""


class Client:
    """Blocks while the service works. Every call raises `KeyRefused`, `Refused` or `Unreachable`.

    Safe to use from many threads.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """No call may be under way."""
        self._connection.close()

    # Knowledge bases and what they are made with.

    def knowledge_bases(self) -> list[KnowledgeBase]:
        """All of the team's, oldest first."""
        return [KnowledgeBase(**one) for one in self._connection.pages(BASES, "knowledge_bases")]

    def knowledge_base(self, kb: UUID) -> KnowledgeBase:
        """One of them."""
        return KnowledgeBase(**self._get(f"{BASES}/{kb}")["knowledge_base"])

    def models(self) -> list[Model]:
        """Embedding models, the default first, and the reranking model where there is one."""
        return [Model(**one) for one in self._connection.pages("/v2/gen-ai/models", "models")]

    def chat_models(self) -> list[ChatModel]:
        """Those that can be asked, the default first; `extractive` is among them."""
        found = self._get("/v1/models")["data"]
        return [ChatModel(**one) for one in found if one["type"] == "chat"]

    def filter_fields(self, kb: UUID) -> list[FilterField]:
        """What a question can be narrowed by."""
        return [
            FilterField(**one) for one in self._get(f"{BASES}/{kb}/metadata")["metadata"]["fields"]
        ]

    # Documents.

    def documents(self, kb: UUID) -> list[Document]:
        """All of them, oldest first."""
        found = self._connection.pages(f"{BASES}/{kb}/documents", "documents")
        return [Document(**one) for one in found]

    def text(self, kb: UUID, document: UUID, version: UUID) -> str:
        """All that a document's version says: its canonical text."""
        return self._connection.send("GET", f"{_version(kb, document, version)}/text").text

    def parsed(self, kb: UUID, document: UUID, version: UUID) -> ParsedDocument:
        """The same with its blocks, as the chunker is given it."""
        body = self._get(f"{_version(kb, document, version)}/structure")
        return PARSED.validate_python(body["document"])

    def page_image(
        self, place: CitedPlace, *, page: int | None = None, scale: float | None = None
    ) -> bytes:
        """A page of a PDF as PNG with the cited span marked; the one that it begins on unless
        another is given. `Refused` where the document has no pages to show."""
        path = _version(place.knowledge_base_id, place.document_id, place.version_id)
        params = {"start": place.char_start, "end": place.char_end, "scale": scale}
        number = page or place.page or 1
        return self._connection.send("GET", f"{path}/pages/{number}.png", params=params).content

    def cited(self, uri: str) -> CitedPlace:
        """Where a `kb://` address leads."""
        body = self._get("/v1/citations", uri=uri)
        return CitedPlace(**body["citation"], item_name=body["item_name"])

    # Questions.

    def retrieve(self, kb: UUID, options: Options) -> RetrieveResponse:
        """Passages. `options` is the body of `POST /v1/{knowledge_base_uuid}/retrieve`."""
        response = self._connection.send("POST", f"/v1/{kb}/retrieve", json=options)
        return RetrieveResponse.model_validate_json(response.content)

    def chat(self, options: Options) -> Generator[AnswerPart]:
        """An answer as it is written. `options` is the body of `POST /v1/chat/completions`.

        Closing the iterator stops the answer. An answer that breaks off raises `Refused`.
        """
        streamed = {**options, "stream": True, "stream_options": {"include_usage": True}}
        for data in self._connection.events("/v1/chat/completions", streamed):
            if data == "[DONE]":
                return
            yield _part(json.loads(data))

    def rerank(self, question: str, passages: Sequence[str]) -> list[float]:
        """A score from 0 to 1 for each passage, in their order; `Refused` without a reranker."""
        body = {"query": question, "documents": list(passages), "return_documents": False}
        found = self._connection.send("POST", "/v1/rerank", json=body).json()["results"]
        scores = {one["index"]: float(one["relevance_score"]) for one in found}
        return [scores[place] for place in range(len(passages))]

    # Index versions.

    def index_versions(self, kb: UUID) -> list[IndexVersion]:
        """Those that are kept, oldest first."""
        found = self._connection.pages(f"{BASES}/{kb}/index_versions", "index_versions")
        return [IndexVersion(**one) for one in found]

    def index_version(self, kb: UUID, version: UUID) -> IndexVersion:
        """One of them and how far it is."""
        return IndexVersion(**self._get(f"{BASES}/{kb}/index_versions/{version}")["index_version"])

    def build(self, kb: UUID, options: Options) -> IndexVersion:
        """Begin one beside the live one. `options` is the body of `POST .../index_versions`."""
        return self._index_version(kb, "", options)

    def promote(self, kb: UUID, version: UUID) -> IndexVersion:
        """Let it answer from now on. `Refused` while it lacks documents."""
        return self._index_version(kb, f"/{version}/promote", None)

    def roll_back(self, kb: UUID) -> IndexVersion:
        """Let the one that was live before answer again."""
        return self._index_version(kb, "/rollback", None)

    def discard(self, kb: UUID, version: UUID) -> None:
        """Remove one that is not live."""
        self._connection.send("DELETE", f"{BASES}/{kb}/index_versions/{version}")

    # Evaluation.

    def datasets(self, kb: UUID) -> list[Dataset]:
        """All of them, oldest first."""
        found = self._connection.pages(f"{BASES}/{kb}/evaluation_datasets", "evaluation_datasets")
        return [Dataset(**one) for one in found]

    def questions(self, kb: UUID, dataset: UUID) -> list[Question]:
        """A dataset's questions with their gold."""
        body = self._get(f"{BASES}/{kb}/evaluation_datasets/{dataset}")["evaluation_dataset"]
        return [Question.model_validate(one) for one in body["items"]]

    def add_dataset(
        self, kb: UUID, name: str, questions: Sequence[Question], *, replace: bool = False
    ) -> Dataset:
        """Keep questions with gold; `replace` gives a dataset of that name these instead."""
        items = [one.model_dump(mode="json", exclude_none=True) for one in questions]
        body = {"name": name, "questions": items, "replace": replace}
        response = self._connection.send("POST", f"{BASES}/{kb}/evaluation_datasets", json=body)
        return Dataset(**response.json()["evaluation_dataset"])

    def delete_dataset(self, kb: UUID, dataset: UUID) -> None:
        """Forget one with its runs."""
        self._connection.send("DELETE", f"{BASES}/{kb}/evaluation_datasets/{dataset}")

    def start_run(self, kb: UUID, options: Options) -> Run:
        """Have a worker ask a dataset. `options` is the body of `POST .../evaluation_runs`."""
        response = self._connection.send("POST", f"{BASES}/{kb}/evaluation_runs", json=options)
        return Run(**response.json()["evaluation_run"])

    def runs(self, kb: UUID, dataset: UUID | None = None) -> list[Run]:
        """Of one dataset or of all, newest first."""
        params = {"evaluation_dataset_uuid": dataset}
        path = f"{BASES}/{kb}/evaluation_runs"
        return [
            Run(**one) for one in self._connection.pages(path, "evaluation_runs", params=params)
        ]

    def run(self, kb: UUID, run: UUID) -> Run:
        """One of them and how far it is."""
        return Run(**self._get(f"{BASES}/{kb}/evaluation_runs/{run}")["evaluation_run"])

    def results(self, kb: UUID, run: UUID) -> list[QuestionResult]:
        """What a run found for each question; nothing before it is done."""
        found = self._connection.pages(f"{BASES}/{kb}/evaluation_runs/{run}/questions", "questions")
        return [QuestionResult.model_validate(one) for one in found]

    def compare(
        self, kb: UUID, before: UUID, after: UUID, *, star: str | None = None
    ) -> Comparison:
        """What became better or worse from one run to another."""
        path = f"{BASES}/{kb}/evaluation_runs/compare"
        return Comparison.model_validate(self._get(path, a=before, b=after, star=star))

    def star_metric(self, kb: UUID) -> StarMetric:
        """What runs are judged by."""
        return StarMetric(**self._get(f"{BASES}/{kb}/star_metric")["star_metric"])

    def set_star_metric(self, kb: UUID, star: StarMetric) -> StarMetric:
        """Judge them by this one from now on."""
        path = f"{BASES}/{kb}/star_metric"
        response = self._connection.send("PUT", path, json=star.model_dump())
        return StarMetric(**response.json()["star_metric"])

    def _get(self, path: str, **params: object) -> Any:
        return self._connection.send("GET", path, params=params).json()

    def _index_version(self, kb: UUID, rest: str, options: Options | None) -> IndexVersion:
        path = f"{BASES}/{kb}/index_versions{rest}"
        response = self._connection.send("POST", path, json=options)
        return IndexVersion(**response.json()["index_version"])


def _version(kb: UUID, document: UUID, version: UUID) -> str:
    return f"/v1/{kb}/documents/{document}/versions/{version}"


def _part(chunk: Any) -> AnswerPart:
    if "error" in chunk:
        raise Refused(200, chunk["error"].get("code") or "", chunk["error"]["message"])
    usage = chunk.get("usage")
    if not chunk["choices"]:
        return AnswerPart(usage=usage)
    choice = chunk["choices"][0]
    delta = choice["delta"]
    return AnswerPart(
        text=delta.get("content") or "",
        citations=[_citation(one) for one in delta.get("annotations") or ()],
        finish_reason=choice["finish_reason"],
        usage=usage,
    )


def _citation(annotation: Any) -> AnswerCitation:
    span = annotation["url_citation"]
    return AnswerCitation(
        start=span["start_index"],
        end=span["end_index"],
        place=CitedPlace(**annotation["locator"]),
    )

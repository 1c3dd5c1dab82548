"""Evaluation: datasets of questions with gold, runs of them, and two runs compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from kb import evaluations, star_metric
from kb.api.caller import KeyFirst, KnowledgeBaseScope, TheService
from kb.api.paging import Links, Meta, Page
from kb.api.retrieve import Reranking, RetrieveRequest, Understanding
from kb.api.text import JsonObject, Text
from kb.api.unset import OptionalText, OptionalUuid
from kb.catalog.evaluations import Dataset, Run, RunStatus
from kb.star_metric import StarMetric
from retrieval.eval.compare import Comparison
from retrieval.eval.dataset import MAX_QUESTIONS
from retrieval.eval.question import Question
from retrieval.eval.results import Estimate, QuestionResult
from retrieval.query import DEFAULT_RESULTS, MAX_RESULTS, Expansion, FusionMode
from retrieval.query import Query as RetrievalQuery

router = APIRouter(
    prefix="/v2/gen-ai/knowledge_bases/{knowledge_base_uuid}",
    tags=["evaluation"],
    route_class=KeyFirst,
)


class DatasetRequest(BaseModel):
    """Questions, each with the places in the documents that answer it."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "help desk",
                    "questions": [
                        {
                            "question": "How long may a parcel wait?",
                            "gold": [{"document": "guide.md", "quote": "waits for seven days"}],
                        }
                    ],
                }
            ]
        },
    )

    name: Text
    questions: Annotated[list[Question], Field(min_length=1, max_length=MAX_QUESTIONS)]
    replace: bool = False
    """Give a dataset of that name these questions instead of its own. Its runs stay."""


class RunOptions(BaseModel):
    """How questions are asked: the options of `/v1/{knowledge_base_uuid}/retrieve`."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    num_results: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = DEFAULT_RESULTS
    alpha: Annotated[float, Field(ge=0, le=1)] | None = None
    fusion: FusionMode = "weighted"
    filters: JsonObject | None = None
    reranking: Reranking | None = None
    understanding: Understanding | None = None
    expand: Expansion = "parent"
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    min_score: float | None = None
    max_per_document: Annotated[int, Field(ge=1)] | None = None
    collapse_duplicates: bool = False

    def like(self) -> RetrievalQuery:
        """What each question is asked like. Raises `InvalidQuery`."""
        options = self.model_dump(include=set(RunOptions.model_fields))
        return RetrieveRequest.model_validate({**options, "query": "-"}).to_query()


class RunRequest(RunOptions):
    """Which dataset to ask, and how."""

    evaluation_dataset_uuid: UUID
    index_version_uuid: OptionalUuid = None
    """Another index version than the live one."""


class StarMetricBody(BaseModel):
    """What runs are judged by."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        extra="forbid",
        json_schema_extra={"examples": [{"name": "ndcg@10", "success_threshold": 0.7}]},
    )

    name: Text
    """A metric of the runs, as `ndcg@10` or `char_recall`."""

    success_threshold: float | None = None
    """The least that is good enough, or of `tokens` and `latency_ms` the most; null for none."""

    @classmethod
    def of(cls, star: StarMetric) -> StarMetricBody:
        """One of them."""
        return cls(name=star.name, success_threshold=star.success_threshold)


class DatasetBody(BaseModel):
    """A dataset without its questions."""

    uuid: UUID
    name: str
    questions: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, found: Dataset) -> DatasetBody:
        """One dataset."""
        return cls(
            uuid=found.id,
            name=found.name,
            questions=found.questions,
            created_at=found.created_at,
            updated_at=found.updated_at,
        )


class FullDatasetBody(DatasetBody):
    """A dataset with its questions, their gold as it was found in the documents."""

    items: Sequence[Question]


class RunBody(BaseModel):
    """A run and what it came to."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    uuid: UUID
    knowledge_base_uuid: UUID
    evaluation_dataset_uuid: UUID
    evaluation_dataset: str
    """Its name."""

    index_version_uuid: UUID | None
    """Null once it is discarded."""

    index_version: int
    index_settings: dict[str, Any]
    options: dict[str, Any]
    """How the questions were asked."""

    status: RunStatus
    error: str | None
    questions: int
    asked: int
    skipped: int
    """Questions that were not asked because their gold is no longer in the documents."""

    degraded: int
    """Questions that were answered without the reranker or language model, because it failed."""

    metrics: dict[str, Estimate]
    """Means over the questions with their 95 % intervals. `tokens` are those of all texts of an
    answer, `latency_ms` is the time until it was there."""

    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, found: Run) -> RunBody:
        """One run."""
        return cls(
            uuid=found.id,
            knowledge_base_uuid=found.knowledge_base_id,
            evaluation_dataset_uuid=found.dataset_id,
            evaluation_dataset=found.dataset,
            index_version_uuid=found.index_version_id,
            index_version=found.index_version_number,
            index_settings=found.index_settings,
            options=found.query,
            status=found.status,
            error=found.error,
            questions=found.questions,
            asked=found.asked,
            skipped=found.skipped,
            degraded=found.degraded,
            metrics=found.estimates,
            created_at=found.created_at,
            started_at=found.started_at,
            finished_at=found.finished_at,
        )


class OneDataset(BaseModel):
    """The envelope of one without its questions."""

    evaluation_dataset: DatasetBody


class OneFullDataset(BaseModel):
    """The envelope of one."""

    evaluation_dataset: FullDatasetBody


class DatasetList(BaseModel):
    """The envelope of a page."""

    evaluation_datasets: list[DatasetBody]
    links: Links
    meta: Meta


class DeletedDataset(BaseModel):
    """What is gone."""

    uuid: UUID
    knowledge_base_uuid: UUID


class OneRun(BaseModel):
    """The envelope of one."""

    evaluation_run: RunBody


class RunList(BaseModel):
    """The envelope of a page."""

    evaluation_runs: list[RunBody]
    links: Links
    meta: Meta


class OneStarMetric(BaseModel):
    """The envelope of one."""

    star_metric: StarMetricBody


class ResultList(BaseModel):
    """The envelope of a page."""

    questions: list[QuestionResult]
    links: Links
    meta: Meta


@router.post("/evaluation_datasets")
async def add_evaluation_dataset(
    scope: KnowledgeBaseScope, request: DatasetRequest, service: TheService
) -> OneDataset:
    """Keep questions with gold: spans, quotes that are looked for, or whole documents.

    The documents must be indexed. Gold is kept as spans of their text, so that it stays good
    however they are cut.
    """
    made = await evaluations.add_dataset(
        service,
        scope,
        name=request.name,
        questions=request.questions,
        replace=request.replace,
    )
    return OneDataset(evaluation_dataset=DatasetBody.of(made))


@router.get("/evaluation_datasets")
async def list_evaluation_datasets(
    scope: KnowledgeBaseScope, page: Page, service: TheService
) -> DatasetList:
    """The knowledge base's datasets, oldest first."""
    found = await evaluations.list_datasets(service, scope)
    return DatasetList(
        evaluation_datasets=[DatasetBody.of(one) for one in page.of(found)],
        links=page.links(len(found)),
        meta=page.meta(len(found)),
    )


@router.get("/evaluation_datasets/{evaluation_dataset_uuid}")
async def get_evaluation_dataset(
    scope: KnowledgeBaseScope, evaluation_dataset_uuid: UUID, service: TheService
) -> OneFullDataset:
    """One dataset with its questions."""
    found, questions = await evaluations.get_dataset(service, scope, evaluation_dataset_uuid)
    body = FullDatasetBody(**DatasetBody.of(found).model_dump(), items=questions)
    return OneFullDataset(evaluation_dataset=body)


@router.delete("/evaluation_datasets/{evaluation_dataset_uuid}")
async def delete_evaluation_dataset(
    scope: KnowledgeBaseScope, evaluation_dataset_uuid: UUID, service: TheService
) -> DeletedDataset:
    """Forget a dataset with its runs."""
    await evaluations.delete_dataset(service, scope, evaluation_dataset_uuid)
    return DeletedDataset(uuid=evaluation_dataset_uuid, knowledge_base_uuid=scope.knowledge_base_id)


@router.post("/evaluation_runs")
async def start_evaluation_run(
    scope: KnowledgeBaseScope, request: RunRequest, service: TheService
) -> OneRun:
    """Have a worker ask a dataset's questions, and measure the answers."""
    begun = await evaluations.queue_run(
        service,
        scope,
        request.evaluation_dataset_uuid,
        like=request.like(),
        index_version_id=request.index_version_uuid,
    )
    return OneRun(evaluation_run=RunBody.of(begun))


@router.get("/evaluation_runs")
async def list_evaluation_runs(
    scope: KnowledgeBaseScope,
    page: Page,
    service: TheService,
    evaluation_dataset_uuid: OptionalUuid = None,
) -> RunList:
    """The knowledge base's runs, of one dataset or of all, newest first."""
    found, total = await evaluations.list_runs(
        service, scope, limit=page.limit, offset=page.offset, dataset_id=evaluation_dataset_uuid
    )
    return RunList(
        evaluation_runs=[RunBody.of(one) for one in found],
        links=page.links(total),
        meta=page.meta(total),
    )


@router.get("/evaluation_runs/compare")
async def compare_evaluation_runs(
    scope: KnowledgeBaseScope,
    a: Annotated[UUID, Query(description="The run before.")],
    b: Annotated[UUID, Query(description="The run after.")],
    service: TheService,
    star: Annotated[
        OptionalText, Query(description="The metric to tell better from worse by.")
    ] = None,
) -> Comparison:
    """What became better or worse from one run to another, and whether that is more than noise."""
    return await evaluations.compare_runs(service, scope, a, b, star=star)


@router.get("/evaluation_runs/{evaluation_run_uuid}")
async def get_evaluation_run(
    scope: KnowledgeBaseScope, evaluation_run_uuid: UUID, service: TheService
) -> OneRun:
    """One run, how far it is, and its metrics once it is done."""
    found = await evaluations.get_run(service, scope, evaluation_run_uuid)
    return OneRun(evaluation_run=RunBody.of(found))


@router.get("/evaluation_runs/{evaluation_run_uuid}/questions")
async def list_questions_of_evaluation_run(
    scope: KnowledgeBaseScope, evaluation_run_uuid: UUID, page: Page, service: TheService
) -> ResultList:
    """What a run found for each question, in the dataset's order; nothing before it is done."""
    found, total = await evaluations.list_results(
        service, scope, evaluation_run_uuid, limit=page.limit, offset=page.offset
    )
    return ResultList(questions=found, links=page.links(total), meta=page.meta(total))


@router.get("/star_metric")
async def get_star_metric(scope: KnowledgeBaseScope, service: TheService) -> OneStarMetric:
    """What the knowledge base's runs are judged by; `ndcg@10` alone until it is set."""
    return OneStarMetric(star_metric=StarMetricBody.of(await star_metric.get(service, scope)))


@router.put("/star_metric")
async def set_star_metric(
    scope: KnowledgeBaseScope, request: StarMetricBody, service: TheService
) -> OneStarMetric:
    """Judge the knowledge base's runs by this metric; a gate compares them with its threshold."""
    star = StarMetric(name=request.name, success_threshold=request.success_threshold)
    return OneStarMetric(star_metric=StarMetricBody.of(await star_metric.put(service, scope, star)))

"""Tuning one knowledge base: its documents into a lab, a sweep's cost, the sweep itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from ingest.chunking.settings import chunk_settings
from ingest.parsing.document import ParsedDocument
from playground.bodies import IndexVersion
from playground.candidates import Candidate, Grid, IndexChoice
from playground.corpus import Corpus
from playground.cost import Cost, cost
from playground.errors import PlaygroundError
from playground.goal import Goal
from playground.lab import Lab, SweepStopped
from playground.long_work import LongWork
from playground.measured import Measured
from playground.promotion import live
from playground.saved import SavedSweep, save
from playground.service_models import ServiceReranker
from playground.sweep import Step, sweep
from playground.workplace import Workplace
from retrieval.embedding.embedder import Embedder
from retrieval.eval.errors import InvalidDataset
from retrieval.eval.question import Question
from retrieval.index import ChunkContext, ChunkStrategy
from retrieval.query import Query

STRATEGIES: dict[str, ChunkStrategy] = {
    "CHUNKING_ALGORITHM_SECTION_BASED": "section",
    "CHUNKING_ALGORITHM_SEMANTIC": "semantic",
    "CHUNKING_ALGORITHM_HIERARCHICAL": "hierarchical",
    "CHUNKING_ALGORITHM_SENTENCE_WINDOW": "sentence_window",
    "CHUNKING_ALGORITHM_FIXED_LENGTH": "fixed",
}

Tell = Callable[[Step], None]


class NothingToTune(PlaygroundError):
    """This knowledge base has no indexed documents yet; add some and come back."""


class NoReranker(PlaygroundError):
    """This installation reranks nothing until KB_RERANK_MODEL is set; leave reranking out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A sweep that may be started."""

    dataset: str
    goal: Goal
    halving: bool
    lab: Lab
    candidates: Sequence[Candidate]
    reference: Candidate
    """The knowledge base as it answers now."""

    cost: Cost


def planning(
    work: Workplace,
    kb: UUID,
    *,
    dataset: str,
    questions: Sequence[Question],
    grid: Grid,
    goal: Goal,
    halving: bool,
) -> LongWork[object]:
    """Read the documents and reckon what the sweep will cost; its result is a `Plan`.

    Raises what is wrong with the grid at once.
    """
    candidates = grid.candidates(work.model)
    reranker = None
    if any(one.like.reranking for one in candidates):
        named = [one.id for one in work.client.models() if one.type == "reranking"]
        if not named:
            raise NoReranker
        reranker = ServiceReranker(work.client, named[0])
    stopped = Stopped()

    def plan(tell: Tell) -> object:
        documents = read_documents(work, kb, tell, stopped)
        corpus = Corpus.of(documents, questions)
        tell(Step(doing="Chunking a sample in each way", done=0.9))
        reference = now(live(work.client.index_versions(kb)), work, num_results=grid.num_results)
        lab = Lab(corpus, embedder_of(work), reranker=reranker)
        everyone = list({one.name: one for one in (reference, *candidates)}.values())
        return Plan(
            dataset=dataset,
            goal=goal,
            halving=halving,
            lab=lab,
            candidates=everyone,
            reference=reference,
            cost=cost(lab, everyone, halving=halving),
        )

    return LongWork(plan, stopped.stop)


def sweeping(plan: Plan, path: Path) -> LongWork[object]:
    """The sweep of a plan, which keeps what it finds in a file as it goes."""
    saved = SavedSweep(
        dataset=plan.dataset,
        goal=plan.goal,
        reference=plan.reference.name,
        began=datetime.now(UTC),
        halving=plan.halving,
        found=[],
        left_out=list(plan.lab.corpus.left_out),
    )

    def keep(found: Sequence[Measured]) -> None:
        save(path, replace(saved, found=list(found)))

    def run(tell: Tell) -> object:
        found = asyncio.run(
            sweep(
                plan.lab,
                plan.candidates,
                plan.goal,
                reference=plan.reference,
                halving=plan.halving,
                tell=tell,
                keep=keep,
            )
        )
        save(path, replace(saved, found=found, is_over=True))
        return None

    return LongWork(run, plan.lab.stop)


def read_documents(
    work: Workplace, kb: UUID, tell: Tell, stopped: Stopped
) -> dict[str, ParsedDocument]:
    """The indexed ones by item name. Raises `NothingToTune` or `InvalidDataset`."""
    listed = [one for one in work.client.documents(kb) if one.status == "indexed"]
    if not listed:
        raise NothingToTune
    found: dict[str, ParsedDocument] = {}
    for number, one in enumerate(listed):
        stopped.check()
        tell(Step(doing=f"Reading {one.item_name}", done=0.9 * number / len(listed)))
        if one.item_name in found:
            raise InvalidDataset(f"Two documents are called {one.item_name!r}.")
        found[one.item_name] = work.client.parsed(kb, one.uuid, one.version_uuid)
    return found


def embedder_of(work: Workplace) -> Callable[[str, int | None], Embedder]:
    """The workplace's embedders, as a lab asks for them."""

    def find(model_id: str, dimensions: int | None) -> Embedder:
        return work.embedder(model_id, dimensions=dimensions)

    return find


def now(version: IndexVersion, work: Workplace, *, num_results: int) -> Candidate:
    """An index version as a candidate, asked in the usual way."""
    model = work.model(version.embedding_model_uuid)
    options = version.chunking_options
    dimensions = version.embedding_dimensions
    settings = chunk_settings(
        model,
        strategy=STRATEGIES[version.chunking_algorithm],
        max_chunk_size=options.get("max_chunk_size") or options.get("child_chunk_size"),
        parent_chunk_size=options.get("parent_chunk_size"),
        semantic_threshold=options.get("semantic_threshold"),
        overlap=options.get("overlap"),
        window_size=options.get("window_size"),
        min_chunk_size=options.get("min_chunk_size"),
        context=_without_lines(options.get("context")),
    )
    return Candidate(
        index=IndexChoice(
            model_id=model.id,
            chunking=settings,
            dimensions=None if dimensions == model.dimensions else dimensions,
        ),
        like=Query(text="-", num_results=num_results),
    )


def _without_lines(context: str | None) -> ChunkContext:
    """A language model's lines are the service's: here such an index is measured without them."""
    return "none" if context == "none" else "headers"


class Stopped:
    """Whether work that reads is to end."""

    def __init__(self) -> None:
        self._is_set = False

    def stop(self) -> None:
        """From any thread."""
        self._is_set = True

    def check(self) -> None:
        """Raises `SweepStopped`."""
        if self._is_set:
            raise SweepStopped

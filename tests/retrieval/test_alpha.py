"""How much meaning counts where a question does not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kb.service import Service
from kb.worker import Worker
from retrieval.alpha import DEFAULT_ALPHA, FOREIGN_ALPHA, alpha_of
from retrieval.embedding.embedder import Embedder
from retrieval.query import Query
from retrieval.stores.pgvector import PgVectorStore
from retrieval.target import Index, Target
from tests.kb.teams import new_base, new_team, parts
from tests.retrieval.stores.makers import make_index, make_scope

GERMAN = "Der Schlüssel für die Werkstatt liegt hinter der Tür und wird abends zurückgebracht. " * 4


@pytest.fixture
def german(service: Service, embedder: Embedder) -> Target:
    index = replace(make_index(), found_languages=("de",))
    return Target(
        scope=make_scope(),
        index=Index(version=index, store=PgVectorStore(service.pool), embedder=embedder),
    )


def also(target: Target, *languages: str) -> Target:
    version = replace(target.index.version, found_languages=languages)
    return replace(target, index=replace(target.index, version=version))


def test_it_is_lower_for_what_the_model_does_not_read(german: Target) -> None:
    assert alpha_of(Query(text="Werkstatt"), [german]) == FOREIGN_ALPHA
    assert alpha_of(Query(text="workshop"), [also(german, "en")]) == DEFAULT_ALPHA


def test_what_is_partly_read_counts_as_read(german: Target) -> None:
    assert alpha_of(Query(text="workshop"), [also(german, "de", "en")]) == DEFAULT_ALPHA
    assert alpha_of(Query(text="workshop"), [german, also(german, "en")]) == DEFAULT_ALPHA


def test_a_question_that_says_is_taken_at_its_word(german: Target) -> None:
    assert alpha_of(Query(text="Werkstatt", alpha=DEFAULT_ALPHA), [german]) == DEFAULT_ALPHA
    assert alpha_of(Query(text="Werkstatt", alpha=0), [german]) == 0


async def test_it_is_found_out_by_the_service(service: Service, worker: Worker) -> None:
    team, _ = await new_team(service)
    scope = await new_base(service, team)
    await service.add_document(scope, item_name="werkstatt.txt", data=parts(GERMAN))
    await worker.run(wait=False)
    query = Query(text="Wo liegt der Schlüssel?")
    target = await service.target(scope, query)
    assert target.index.version.languages == ("de",)
    assert alpha_of(query, [target]) == FOREIGN_ALPHA
    by_default = await service.retrieve(scope, query)
    so = await service.retrieve(scope, replace(query, alpha=FOREIGN_ALPHA))
    assert by_default.passages == so.passages
    assert so.passages[0].text == GERMAN.strip()

"""The quality benchmark against the real service: loaded once, asked in every way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from benchmarks.client import Client
from benchmarks.quality.data_set import Corpus, DataSet, File, Found, Question, Task
from benchmarks.quality.runner import measure
from benchmarks.quality.ways import TRIED, WAYS, WORDS
from benchmarks.terminal import progress_bars
from kb.api.app import create_app
from kb.gateway.gateway import Gateway
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_live_sources
from kb.worker import Worker
from retrieval.scope import TeamScope

FILES = {
    "pipe.txt": "The regulator keeps the pressure in the pipe.",
    "bell.txt": "The bell rings twice when a parcel arrives.",
    "tea.txt": "Tea is served at four in the kitchen.",
}


def first(name: str) -> Question:
    """What rings is answered where that document comes first."""

    def score(passages: Sequence[Found]) -> list[float]:
        return [float(bool(passages) and passages[0].item_name == name), float(len(passages))]

    return Question(text="When does the bell ring?", answers=frozenset([name]), score=score)


TASK = Task(
    title="house",
    corpus=Corpus(
        name="house",
        files=[File(name, text.encode) for name, text in FILES.items()],
        options={"chunking_options": {"context": "none"}},
    ),
    questions=[first("bell.txt"), first("tea.txt")],
    metrics=("first", "passages"),
    headline="first",
    num_results=2,
)
ONE_WAY = Task(
    title="again",
    corpus=TASK.corpus,
    questions=TASK.questions,
    metrics=TASK.metrics,
    headline="first",
    num_results=1,
    ways=(WORDS,),
)
HOUSE = DataSet(name="house", title="House", about="", tasks=[TASK, ONE_WAY])


@pytest.fixture
async def client(
    service: Service, settings: Settings, gateway: Gateway, worker: Worker, team: TeamScope
) -> AsyncIterator[Client]:
    """Of a team of its own, with a worker at work."""
    _, secret = await service.create_key(team, name="benchmark")
    app = create_app(service, make_live_sources(settings), gateway)
    working = asyncio.create_task(worker.run())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://kb.test",
        headers={"authorization": f"Bearer {secret}"},
    ) as http:
        yield Client(http)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_data_set_is_loaded_once_and_asked_in_every_way(client: Client) -> None:
    with progress_bars() as progress:
        found = await measure(client, HOUSE, stores=["pgvector"], limit=None, progress=progress)
        again = await measure(client, HOUSE, stores=["pgvector"], limit=None, progress=progress)
    task, one_way = found.tasks
    assert {way for _, way in task.scores} == {*WAYS, *TRIED}
    assert all(task.scores["pgvector", way] == [[1, 2], [0, 2]] for way in WAYS if way != WORDS)
    assert task.scores["pgvector", WORDS] == [[1, 1], [0, 1]]  # only one document has the words
    assert task.best in WAYS
    assert {way for _, way in one_way.scores} == {WORDS}
    assert one_way.best is None
    base = await client.require_knowledge_base("house")
    assert len(await client.documents(base)) == len(FILES)
    assert again.tasks[0].scores == task.scores
    assert len(await client.index_versions(base)) == 1

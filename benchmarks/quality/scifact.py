"""BEIR SciFact: scientific claims, and the abstracts that support or refute them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks import beir
from benchmarks.metrics import ndcg, recall
from benchmarks.quality.data_set import Corpus, DataSet, Demand, File, Found, Question, Task
from benchmarks.quality.model import default_embedder
from benchmarks.quality.ways import BOTH, MEANING, WORDS
from benchmarks.yardsticks import SCIFACT, Range

READ_TOKENS = 256  # what the published figure's model reads of a document
ABOUT = """\
5,183 abstracts, each a document; 300 test queries. Passages become a ranking of documents, each at
its first passage; 100 passages are asked for, so recall@100 sees somewhat fewer documents."""


def load(folder: Path | None) -> DataSet:
    """Raises `CollectionMissing`."""
    collection = beir.load(folder)
    whole = Task(
        title="abstracts in chunks",
        corpus=Corpus(name="scifact", files=_files(collection.documents)),
        questions=[
            Question(
                text=text,
                answers=frozenset(f"{one}.md" for one in collection.judgements[query_id]),
                score=partial(_score, collection.judgements[query_id]),
            )
            for query_id, text in collection.queries.items()
        ],
        metrics=("nDCG@10", "recall@100"),
        headline="nDCG@10",
        num_results=100,
        demands=(
            Demand(way=WORDS, metric="nDCG@10", range=Range(0.675)),
            Demand(way=WORDS, metric="recall@100", range=Range(0.91)),
            Demand(way=MEANING, metric="nDCG@10", range=Range(0.635)),
            Demand(way=BOTH, metric="nDCG@10", range=Range(0.725)),
        ),
    )
    tokenizer = default_embedder().tokenizer
    cut = replace(
        whole,
        title=f"their first {READ_TOKENS} tokens, as published",
        corpus=Corpus(
            name=f"scifact-{READ_TOKENS}",
            files=_files([one.first(READ_TOKENS, tokenizer) for one in collection.documents]),
        ),
        ways=(MEANING,),
        demands=(Demand(way=MEANING, metric="nDCG@10", range=Range(0.635, 0.655)),),
    )
    return DataSet(
        name="scifact",
        title="BEIR SciFact",
        about=ABOUT,
        tasks=[whole, cut],
        published=SCIFACT,
        hybrid_wins=True,
    )


def _files(documents: Sequence[beir.Document]) -> list[File]:
    return [File(one.item_name, one.markdown.encode) for one in documents]


def _score(judged: Mapping[str, int], passages: Sequence[Found]) -> tuple[float, float]:
    ranking = list(dict.fromkeys(one.item_name.removesuffix(".md") for one in passages))
    return ndcg(ranking, judged, depth=10), recall(ranking, judged, depth=100)

"""`kb eval` and its help; what each command does is in `kb.cli.evaluations`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from kb.cli import parameters as given

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Evaluation: questions with gold, runs of them, runs compared.",
)

Dataset = Annotated[
    str | None, typer.Argument(help="Name of a dataset; the newest unless it is named.")
]
Name = Annotated[str | None, typer.Option(help="What to call the dataset; the file's own name.")]
Star = Annotated[str | None, typer.Option(help="Metric to judge by, as recall@5; ndcg@10.")]


@app.command(
    epilog="""A line of the file, with a quote, a span or the document alone as gold:

    \b
      {"question": "How long?", "gold": [{"document": "a.md", "quote": "waits for seven days"}]}
      {"question": "How long?", "gold": [{"document": "a.md", "start": 120, "end": 140}]}
      {"question": "How long?", "gold": [{"document": "a.md"}], "id": "7", "tags": ["parcels"]}
    """
)
def add(
    knowledge_base: given.KnowledgeBase,
    questions: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON lines, a question each.")
    ],
    *,
    name: Name = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put them in the place of a dataset of that name.")
    ] = False,
) -> None:
    """Keep questions with what answers them, to run as often as you like.

    Gold is found in the documents' text, and stays good however they are cut later.
    """
    from kb.cli import evaluations
    from kb.cli.session import run

    run(evaluations.add(knowledge_base, questions, name=name, replace=replace))


@app.command("list")
def list_all(knowledge_base: given.KnowledgeBase, json: given.Json = False) -> None:
    """List the datasets and the newest runs."""
    from kb.cli import evaluations
    from kb.cli.session import run

    run(evaluations.list_all(knowledge_base, as_json=json))


@app.command()
def delete(
    knowledge_base: given.KnowledgeBase,
    dataset: Annotated[str, typer.Argument(help="Name of a dataset.")],
    yes: given.Yes = False,
) -> None:
    """Remove a dataset with its runs, for good."""
    from kb.cli import evaluations
    from kb.cli.session import run

    if not yes:
        typer.confirm(f"Remove dataset {dataset!r} with its runs for good?", abort=True)
    run(evaluations.delete(knowledge_base, dataset))


@app.command(
    "run",
    epilog="""Examples:

    \b
      kb eval run handbook
      kb eval run handbook "help desk" --alpha 0.3 --rerank
      kb eval run handbook --index-version 2
      kb eval run handbook --gate ndcg@10:0.7
      kb eval run handbook --gate star
    """,
)
def run_dataset(
    knowledge_base: given.KnowledgeBase,
    dataset: Dataset = None,
    *,
    alpha: given.Alpha = None,
    num_results: given.NumResults = 10,
    fusion: Annotated[
        given.FusionMode, typer.Option(help="How words and meaning are put together.")
    ] = "weighted",
    filters: Annotated[str | None, typer.Option(help="A JSON object.")] = None,
    rerank: Annotated[
        bool | None,
        typer.Option("--rerank/--no-rerank", help="Have a model read the best candidates again."),
    ] = None,
    understand: Annotated[
        given.UnderstandingMode | None,
        typer.Option(help="Have the language model take the question apart, or imagine an answer."),
    ] = None,
    expand: Annotated[
        given.Expansion, typer.Option(help="What is returned around each passage.")
    ] = "parent",
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="The most that all texts together may take.")
    ] = None,
    min_score: Annotated[float | None, typer.Option(help="Leave out what scores less.")] = None,
    max_per_document: Annotated[
        int | None, typer.Option(min=1, help="The most passages of one document.")
    ] = None,
    collapse_duplicates: Annotated[
        bool, typer.Option("--collapse-duplicates", help="Return what is nearly the same once.")
    ] = False,
    index_version: Annotated[
        int | None, typer.Option(help="Number of an index version; the live one.")
    ] = None,
    gate: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC[:LEAST]",
            help="Exit with 1 when the metric is under LEAST, or worse than in the run before;"
            " `star` is the knowledge base's star metric with its threshold.",
        ),
    ] = None,
    settings: given.SettingsFile = None,
    json: given.Json = False,
) -> None:
    """Ask a dataset's questions and measure the answers, beside those of the run before.

    --settings takes the place of the options that say how questions are asked.

    With --gate it exits with 1 when the metric is worse by more than noise: when the 95 % interval
    of the difference, question by question, does not hold 0.
    """
    from kb.cli import evaluations
    from kb.cli.search import read_filters
    from kb.cli.session import run
    from retrieval.query import Query, Reranking
    from retrieval.understanding.understanding import Understanding

    async def work() -> int:  # in there, a wrong option is one sentence
        if settings is not None:
            from kb.cli.settings_file import read_settings

            return await evaluations.run(
                knowledge_base,
                dataset,
                like=read_settings(settings).like,
                number=index_version,
                gate=gate,
                as_json=json,
            )
        like = Query(
            text="-",
            alpha=alpha,
            num_results=num_results,
            fusion=fusion,
            filters=read_filters(filters),
            reranking=None if rerank is None else Reranking(enabled=rerank),
            understanding=None if understand is None else Understanding(mode=understand),
            expand=expand,
            max_tokens=max_tokens,
            min_score=min_score,
            max_per_document=max_per_document,
            collapse_duplicates=collapse_duplicates,
        )
        return await evaluations.run(
            knowledge_base, dataset, like=like, number=index_version, gate=gate, as_json=json
        )

    run(work())


@app.command(epilog="Example: kb eval star handbook recall@5 --threshold 0.8")
def star(
    knowledge_base: given.KnowledgeBase,
    metric: Annotated[
        str | None, typer.Argument(help="Metric, as recall@5; shows the one that is set.")
    ] = None,
    *,
    threshold: Annotated[
        float | None,
        typer.Option(help="The least that is good enough; of tokens and milliseconds the most."),
    ] = None,
    json: given.Json = False,
) -> None:
    """Set what the knowledge base's runs are judged by: its star metric, for `--gate star`."""
    from kb.cli import evaluations
    from kb.cli.session import run

    run(evaluations.star(knowledge_base, metric, threshold=threshold, as_json=json))


@app.command(epilog="Example: kb eval compare 0192e4a7-... 0192e4b1-... --star recall@5")
def compare(
    before: Annotated[UUID, typer.Argument(help="Id of a run, as `kb eval list` shows.")],
    after: Annotated[UUID, typer.Argument(help="Id of the run to hold against it.")],
    *,
    star: Star = None,
    json: given.Json = False,
) -> None:
    """Show what became better or worse from one run to another, question by question."""
    from kb.cli import evaluations
    from kb.cli.session import run

    run(evaluations.compare(before, after, star=star, as_json=json))


@app.command(epilog="Example: kb eval generate handbook --questions 50")
def generate(
    knowledge_base: given.KnowledgeBase,
    *,
    questions: Annotated[int, typer.Option(min=1, max=1000, help="How many to write.")] = 50,
    name: Annotated[str, typer.Option(help="What to call the dataset.")] = "synthetic",
    seed: Annotated[int, typer.Option(help="Another one takes other passages.")] = 0,
) -> None:
    """Have a language model write questions about the documents, each with a quote as its gold.

    Needs KB_LLM_URL and KB_LLM_MODEL. Quotes that are not in the text and questions much alike are
    left out. Read them before you trust them.
    """
    from kb.cli import evaluations
    from kb.cli.session import run

    run(evaluations.generate(knowledge_base, count=questions, name=name, seed=seed))


@app.command(epilog="Example: kb eval beir data/scifact --knowledge-base scifact")
def beir(
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="Holds corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv.",
        ),
    ],
    *,
    knowledge_base: Annotated[
        str | None, typer.Option(help="Name of an empty one, or of a new one; the folder's name.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which judgements.")] = "test",
) -> None:
    """Load a collection in BEIR's format: its documents and, as a dataset, its questions."""
    from kb.cli import evaluations
    from kb.cli.session import run

    run(evaluations.load_beir(folder.resolve(), knowledge_base=knowledge_base, split=split))

"""Arguments and options that several commands take. Those of `kb create` name other defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

KnowledgeBase = Annotated[str, typer.Argument(help="Name or id of a knowledge base.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="See it through here, or only queue it.")
]
Alpha = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="0 matches words only, 1 meaning only; 0.5 by default, and 0.35 for texts in languages"
        " that the embedding model was not trained to read.",
        show_default=False,
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        exists=True,
        dir_okay=False,
        help="A settings file of the playground, JSON or TOML.",
    ),
]
NumResults = Annotated[
    int, typer.Option("--num-results", "--top-k", "-n", min=1, max=100, help="Passages at most.")
]
Filters = Annotated[str | None, typer.Option(help="A JSON object.")]
Rerank = Annotated[
    bool | None,
    typer.Option("--rerank/--no-rerank", help="Have a model read the best candidates again."),
]
Also = Annotated[
    list[str] | None, typer.Option(help="Another knowledge base; may be given several times.")
]
ChatModel = Annotated[
    str | None, typer.Option(help="Who answers; the first model configured, else extractive.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Name the sentences that no passage supports.")
]

# Those of `retrieval.query` and `retrieval.index`, which would load numpy for the sake of `--help`.
FusionMode = Literal["weighted", "reciprocal_rank"]
Expansion = Literal["parent", "neighbours", "section", "none"]
UnderstandingMode = Literal["decompose", "hyde"]  # a single question has no history to rewrite
Strategy = Literal["section", "semantic", "hierarchical", "sentence_window", "fixed"]
Context = Literal["none", "headers", "llm"]

Store = Literal["pgvector", "weaviate"]
OptionalStore = Annotated[Store | None, typer.Option(help="Where chunks are kept.")]
VectorStorage = Literal["float", "half", "binary"]
OptionalVectorStorage = Annotated[
    VectorStorage | None,
    typer.Option(help="4 or 2 bytes a number, or found by 1 bit of each and ranked by 2 bytes."),
]
Dimensions = Annotated[
    int | None,
    typer.Option(help="Numbers in a vector, of a model that was trained to be cut; all of them."),
]
OptionalLanguage = Annotated[
    str | None,
    typer.Option(help="What all documents are written in, as en or de; found out for each."),
]

ChunkStrategy = Annotated[Strategy | None, typer.Option(help="How documents are cut.")]
MaxChunkSize = Annotated[int | None, typer.Option(help="Tokens a chunk holds at most.")]
ParentChunkSize = Annotated[
    int | None, typer.Option(help="Hierarchical: tokens of the larger chunk returned.")
]
SemanticThreshold = Annotated[
    float | None, typer.Option(help="Semantic: 0 to 1, higher cuts more often.")
]
Overlap = Annotated[int | None, typer.Option(help="Fixed: tokens repeated in the next chunk.")]
WindowSize = Annotated[
    int | None, typer.Option(help="Sentence window: sentences returned on either side.")
]
MinChunkSize = Annotated[
    int | None, typer.Option(help="Section, semantic: tokens below which a chunk joins another.")
]
ChunkContext = Annotated[
    Context | None,
    typer.Option(help="Indexed before each chunk: titles, or an LLM's line as well."),
]

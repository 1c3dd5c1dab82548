"""What others publish for the data sets of the quality benchmark, and ranges of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ANSERINI = "castorini/anserini@81e34145, BEIR fusion page"
MTEB = "embeddings-benchmark/results@f4cc6c8b"
ANTHROPIC = "anthropics/anthropic-cookbook@4b36a1e1, skills/contextual-embeddings"
CHROMA = "Smith and Troynikov, Evaluating Chunking Strategies for Retrieval, Chroma 2024"
CHUNKR = "chunkr's benchmarks on Chroma's data"


@dataclass(frozen=True, slots=True)
class Published:
    """Somebody else's figures for the same questions, by the names of our metrics."""

    what: str
    source: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Range:
    """What a figure has to lie in."""

    low: float = 0.0
    high: float = 1.0

    def __contains__(self, figure: float) -> bool:
        return self.low <= figure <= self.high

    def __str__(self) -> str:
        return f"≥ {self.low:g}" if self.high == 1 else f"{self.low:g} to {self.high:g}"


SCIFACT = (
    Published("BM25, k1 0.9, b 0.4", ANSERINI, {"nDCG@10": 0.6789, "recall@100": 0.9253}),
    Published("BM25 (bm25s)", MTEB, {"nDCG@10": 0.68736, "recall@100": 0.91267}),
    Published(
        "all-MiniLM-L6-v2, first 256 tokens", MTEB, {"nDCG@10": 0.64508, "recall@100": 0.925}
    ),
    # Nobody publishes a fusion with our model; this one is five times its size.
    Published("BM25 + bge-base-en-v1.5", ANSERINI, {"nDCG@10": 0.7472, "recall@100": 0.97}),
)

XQUAD_EN = (
    Published("BM25 (bm25s)", MTEB, {"nDCG@10": 0.96494}),
    Published("all-MiniLM-L6-v2", MTEB, {"nDCG@10": 0.94357}),
    Published("bge-base-en-v1.5", MTEB, {"nDCG@10": 0.96139}),
    Published("text-embedding-3-large", MTEB, {"nDCG@10": 0.96994}),
)

XQUAD_DE = (
    Published("BM25 (bm25s)", MTEB, {"nDCG@10": 0.92521}),
    Published("all-MiniLM-L6-v2, an English model", MTEB, {"nDCG@10": 0.70324}),
    Published("multilingual-e5-base", MTEB, {"nDCG@10": 0.95837}),
    Published("text-embedding-3-large", MTEB, {"nDCG@10": 0.96023}),
)

CONTEXTUAL_RETRIEVAL = (
    Published("voyage-2", ANTHROPIC, {"Pass@5": 0.8092, "Pass@10": 0.8715, "Pass@20": 0.9006}),
    Published(
        "voyage-2, context by an LLM",
        ANTHROPIC,
        {"Pass@5": 0.8637, "Pass@10": 0.9281, "Pass@20": 0.9378},
    ),
    Published(
        "voyage-2 + BM25, context by an LLM",
        ANTHROPIC,
        {"Pass@5": 0.8643, "Pass@10": 0.9321, "Pass@20": 0.9499},
    ),
    Published(
        "the same, reranked by Cohere",
        ANTHROPIC,
        {"Pass@5": 0.9124, "Pass@10": 0.9479, "Pass@20": 0.963},
    ),
)


def _chunking(what: str, source: str, *figures: float) -> Published:
    """Five retrieved."""
    names = ("recall", "precision", "PrecisionOmega", "IoU")
    return Published(what, source, dict(zip(names, figures, strict=True)))


CHUNKING = (
    _chunking("Recursive 200, all-MiniLM-L6-v2", CHROMA, 0.757, 0.065, 0.312, 0.065),
    _chunking("Cluster 200, all-MiniLM-L6-v2", CHROMA, 0.752, 0.072, 0.336, 0.072),
    _chunking("Recursive 200, text-embedding-3-large", CHROMA, 0.881, 0.07, 0.299, 0.069),
    _chunking("Cluster 200, text-embedding-3-large", CHROMA, 0.873, 0.08, 0.34, 0.08),
    _chunking("chunkr, 1,000 characters, all-MiniLM-L6-v2", CHUNKR, 0.792, 0.057, 0.255, 0.057),
)

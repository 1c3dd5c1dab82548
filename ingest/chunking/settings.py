"""Which chunk settings go with an embedding model, and what is taken where none are given."""

from __future__ import annotations

from ingest.errors import ChunkSizeOutOfRange, InvalidChunking
from retrieval.embedding.models import EmbeddingModel
from retrieval.index import (
    CHUNK_CONTEXTS,
    CHUNK_STRATEGIES,
    ChunkContext,
    ChunkSettings,
    ChunkStrategy,
)

MIN_CHUNK_TOKENS = 100  # DigitalOcean's documented minimum
DEFAULT_CHUNK_TOKENS = 800  # of models that read more: a vector of several pages says little
MAX_PARENT_TOKENS = 4000  # a chat model is given several of them
PARENT_CHUNKS = 5  # a parent of 1,500 to a child of 300, as DigitalOcean recommends
DEFAULT_THRESHOLD = 0.5
MAX_OVERLAP_SHARE = 2  # half a chunk: more would index everything more than twice
DEFAULT_WINDOW, MAX_WINDOW = 3, 10  # sentences on either side
MAX_MINIMUM_SHARE = 2  # half a chunk: of two that are shorter, both fit one


def chunk_settings(
    model: EmbeddingModel,
    *,
    strategy: ChunkStrategy = "section",
    max_chunk_size: int | None = None,
    parent_chunk_size: int | None = None,
    semantic_threshold: float | None = None,
    overlap: int | None = None,
    window_size: int | None = None,
    min_chunk_size: int | None = None,
    context: ChunkContext = "headers",
) -> ChunkSettings:
    """The settings asked for, with defaults for what was not.

    Raises `ChunkSizeOutOfRange` or `InvalidChunking`, each with the range that would do.
    """
    if strategy not in CHUNK_STRATEGIES:
        raise InvalidChunking(f"The strategy is one of {', '.join(CHUNK_STRATEGIES)}.")
    if context not in CHUNK_CONTEXTS:
        raise InvalidChunking(f"The context is one of {', '.join(CHUNK_CONTEXTS)}.")
    size = default_chunk_size(model) if max_chunk_size is None else max_chunk_size
    require_fit(model, size)
    _refuse_foreign(strategy, "hierarchical", parent_chunk_size=parent_chunk_size)
    _refuse_foreign(strategy, "semantic", semantic_threshold=semantic_threshold)
    _refuse_foreign(strategy, "fixed", overlap=overlap)
    _refuse_foreign(strategy, "sentence_window", window_size=window_size)
    _refuse_foreign(strategy, "section", "semantic", min_chunk_size=min_chunk_size or None)
    return ChunkSettings(
        strategy=strategy,
        max_chunk_size=size,
        parent_chunk_size=_parent(size, parent_chunk_size) if strategy == "hierarchical" else None,
        semantic_threshold=_threshold(semantic_threshold) if strategy == "semantic" else None,
        overlap=_overlap(size, overlap or 0),
        window_size=_window(window_size) if strategy == "sentence_window" else None,
        min_chunk_size=_minimum(size, min_chunk_size or 0),
        context=context,
    )


def default_chunk_size(model: EmbeddingModel) -> int:
    """Of a chunk at most, unless it is said: as much as the model reads, within reason."""
    return min(model.max_tokens, DEFAULT_CHUNK_TOKENS)


def require_fit(model: EmbeddingModel, max_chunk_size: int) -> None:
    """Raises `ChunkSizeOutOfRange`."""
    if not MIN_CHUNK_TOKENS <= max_chunk_size <= model.max_tokens:
        raise ChunkSizeOutOfRange(
            f"For {model.id} it is from {MIN_CHUNK_TOKENS} to {model.max_tokens},"
            f" not {max_chunk_size}."
        )


def _parent(child: int, asked: int | None) -> int:
    size = min(PARENT_CHUNKS * child, MAX_PARENT_TOKENS) if asked is None else asked
    if not child < size <= MAX_PARENT_TOKENS:
        raise InvalidChunking(
            f"parent_chunk_size must be over the child's {child} tokens and at most"
            f" {MAX_PARENT_TOKENS}, not {size}."
        )
    return size


def _threshold(asked: float | None) -> float:
    threshold = DEFAULT_THRESHOLD if asked is None else asked
    if not 0 <= threshold <= 1:
        raise InvalidChunking(f"semantic_threshold is from 0 to 1, not {threshold}.")
    return threshold


def _overlap(size: int, asked: int) -> int:
    if not 0 <= asked <= size // MAX_OVERLAP_SHARE:
        raise InvalidChunking(
            f"overlap is from 0 to {size // MAX_OVERLAP_SHARE} tokens for chunks of {size},"
            f" not {asked}."
        )
    return asked


def _window(asked: int | None) -> int:
    window = DEFAULT_WINDOW if asked is None else asked
    if not 1 <= window <= MAX_WINDOW:
        raise InvalidChunking(f"window_size is from 1 to {MAX_WINDOW} sentences, not {window}.")
    return window


def _minimum(size: int, asked: int) -> int:
    if not 0 <= asked <= size // MAX_MINIMUM_SHARE:
        raise InvalidChunking(
            f"min_chunk_size is from 0 to {size // MAX_MINIMUM_SHARE} tokens for chunks of up to"
            f" {size}, not {asked}."
        )
    return asked


def _refuse_foreign(strategy: ChunkStrategy, *owners: ChunkStrategy, **option: object) -> None:
    """An option of another strategy would do nothing: say so rather than ignore it."""
    ((name, value),) = option.items()
    if value is not None and strategy not in owners:
        raise InvalidChunking(
            f"{name} belongs to the strategy {' or '.join(owners)}, not to {strategy}."
        )

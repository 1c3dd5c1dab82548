"""A parsed document cut into chunks, by one of five strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.chunking.draft import Draft
from ingest.chunking.fixed import fixed_chunks
from ingest.chunking.hierarchical import hierarchical_chunks
from ingest.chunking.section import section_chunks
from ingest.chunking.semantic import Embed, semantic_chunks
from ingest.chunking.sentence_window import sentence_window_chunks

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ingest.chunking.tokens import TokenMeter
    from ingest.parsing.document import ParsedDocument
    from retrieval.chunk import Chunk
    from retrieval.index import ChunkSettings

__all__ = ["chunk"]


def chunk(
    document: ParsedDocument,
    settings: ChunkSettings,
    tokenizer: Tokenizer,
    embed: Embed,
    *,
    meter: TokenMeter | None = None,
) -> list[Chunk]:
    """Every chunk of a document, in order.

    `settings` come from `ingest.chunking.settings.chunk_settings`. `tokenizer` must neither
    truncate nor pad; `embed` gives texts their unit vectors, and only semantic chunking calls it.

    Whoever cuts the same document again and again gives its `meter`: counting its tokens takes most
    of the time.

    Under the context `llm` the chunks have room for lines that `ingest.context.situated` adds.
    """
    size, context = settings.max_chunk_size, settings.context
    draft = Draft(document, tokenizer, size, context=context, meter=meter)
    match settings.strategy:
        case "section":
            return list(section_chunks(draft, min_size=settings.min_chunk_size))
        case "semantic":
            assert settings.semantic_threshold is not None
            return list(
                semantic_chunks(
                    draft,
                    embed,
                    threshold=settings.semantic_threshold,
                    min_size=settings.min_chunk_size,
                )
            )
        case "hierarchical":
            assert settings.parent_chunk_size is not None
            parents = Draft(document, tokenizer, settings.parent_chunk_size, meter=draft.meter)
            return list(hierarchical_chunks(draft, parents))
        case "sentence_window":
            assert settings.window_size is not None
            return list(sentence_window_chunks(draft, window=settings.window_size))
        case "fixed":
            return list(fixed_chunks(draft, overlap=settings.overlap))

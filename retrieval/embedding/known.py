"""What well-known models want of their texts, by their names on the hub.

From the models' own cards and their config_sentence_transformers.json and
sentence_bert_config.json; a prefix ends where the text begins, spaces included. A matryoshka size
is here only where cutting the finished vector is what the card does: nomic-embed-text applies a
layer norm before it cuts, so that its sizes are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """What need not be configured."""

    dimensions: int
    max_tokens: int
    query_prefix: str = ""
    passage_prefix: str = ""
    languages: tuple[str, ...] = ()
    """Empty for a model of many."""
    matryoshka_dimensions: tuple[int, ...] = ()


_SEARCHING = "Represent this sentence for searching relevant passages: "
_SEARCHING_ZH = "为这个句子生成表示以用于检索相关文章："  # noqa: RUF001 its colon is a wide one
_E5 = ("query: ", "passage: ")
_NOMIC = ("search_query: ", "search_document: ")
_QWEN3 = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
)
_STELLA = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query.\nQuery: "
)


def _model(
    dimensions: int,
    max_tokens: int,
    query_prefix: str = "",
    passage_prefix: str = "",
    *,
    cut_to: tuple[int, ...] = (),
    languages: tuple[str, ...] = (),
) -> KnownModel:
    return KnownModel(
        dimensions=dimensions,
        max_tokens=max_tokens,
        query_prefix=query_prefix,
        passage_prefix=passage_prefix,
        languages=languages,
        matryoshka_dimensions=cut_to,
    )


_english = partial(_model, languages=("en",))

KNOWN: Mapping[str, KnownModel] = {
    "sentence-transformers/all-MiniLM-L6-v2": _english(384, 256),
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": _model(384, 128),
    "sentence-transformers/paraphrase-multilingual-mpnet-base-v2": _model(768, 128),
    "BAAI/bge-small-en": _english(384, 512, _SEARCHING),
    "BAAI/bge-base-en": _english(768, 512, _SEARCHING),
    "BAAI/bge-small-en-v1.5": _english(384, 512, _SEARCHING),
    "BAAI/bge-base-en-v1.5": _english(768, 512, _SEARCHING),
    "BAAI/bge-large-en-v1.5": _english(1024, 512, _SEARCHING),
    "BAAI/bge-small-zh-v1.5": _model(512, 512, _SEARCHING_ZH),
    "BAAI/bge-m3": _model(1024, 8192),
    "mixedbread-ai/mxbai-embed-large-v1": _english(1024, 512, _SEARCHING, cut_to=(512,)),
    "Snowflake/snowflake-arctic-embed-xs": _english(384, 512, _SEARCHING),
    "Snowflake/snowflake-arctic-embed-s": _english(384, 512, _SEARCHING),
    "Snowflake/snowflake-arctic-embed-m": _english(768, 512, _SEARCHING),
    "Snowflake/snowflake-arctic-embed-m-long": _english(768, 2048, _SEARCHING),
    "Snowflake/snowflake-arctic-embed-l": _english(1024, 512, _SEARCHING),
    "Snowflake/snowflake-arctic-embed-m-v1.5": _english(768, 512, _SEARCHING, cut_to=(256,)),
    "Snowflake/snowflake-arctic-embed-m-v2.0": _model(768, 8192, "query: ", cut_to=(256,)),
    "Snowflake/snowflake-arctic-embed-l-v2.0": _model(1024, 8192, "query: ", cut_to=(256,)),
    "intfloat/e5-large-v2": _english(1024, 512, *_E5),
    "intfloat/multilingual-e5-small": _model(384, 512, *_E5),
    "intfloat/multilingual-e5-base": _model(768, 512, *_E5),
    "intfloat/multilingual-e5-large": _model(1024, 512, *_E5),
    "nomic-ai/nomic-embed-text-v1": _english(768, 8192, *_NOMIC),
    "nomic-ai/nomic-embed-text-v1.5": _english(768, 8192, *_NOMIC),
    "nomic-ai/nomic-embed-text-v1.5-Q": _english(768, 8192, *_NOMIC),
    "thenlper/gte-base": _english(768, 512),
    "thenlper/gte-large": _english(1024, 512),
    "Alibaba-NLP/gte-large-en-v1.5": _english(1024, 8192),
    "jinaai/jina-embeddings-v2-small-en": _english(512, 8192),
    "jinaai/jina-embeddings-v2-base-en": _english(768, 8192),
    "jinaai/jina-embeddings-v2-base-de": _model(768, 8192),
    "jinaai/jina-embeddings-v2-base-es": _model(768, 8192),
    "jinaai/jina-embeddings-v2-base-zh": _model(768, 8192),
    "jinaai/jina-embeddings-v2-base-code": _model(768, 8192),
    "google/embeddinggemma-300m": _model(
        768,
        2048,
        "task: search result | query: ",
        "title: none | text: ",
        cut_to=(128, 256, 512),
    ),
    "ibm-granite/granite-embedding-small-english-r2": _english(384, 8192),
    "Qwen/Qwen3-Embedding-0.6B": _model(1024, 32_768, _QWEN3, cut_to=(32, 64, 128, 256, 512, 768)),
    "Qwen/Qwen3-Embedding-0.6B-Q": _model(
        1024, 32_768, _QWEN3, cut_to=(32, 64, 128, 256, 512, 768)
    ),
    "Qdrant/stella-en-400M-v5-doc-onnx": _english(1024, 512, _STELLA),
    "minishlab/potion-base-8M": _english(256, 512),
    "minishlab/potion-retrieval-32M": _english(512, 512),
    "minishlab/potion-multilingual-128M": _model(256, 512),
    # https://platform.openai.com/docs/guides/embeddings: 8,192 tokens, and any smaller size.
    "text-embedding-3-small": _model(1536, 8192, cut_to=(256, 512, 768, 1024)),
    "text-embedding-3-large": _model(3072, 8192, cut_to=(256, 512, 768, 1024, 1536, 2048)),
}


def known_model(name: str) -> KnownModel | None:
    """By name, whatever its capitals: fastembed writes some names otherwise than the hub."""
    return _BY_LOWER.get(name.lower())


_BY_LOWER = {name.lower(): model for name, model in KNOWN.items()}

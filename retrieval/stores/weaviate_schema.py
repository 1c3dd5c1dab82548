"""The collections that Weaviate keeps indexes in; each index is a tenant of two of them.

`Kb<dimensions>` holds chunks, as does `Kb<dimensions>Bits` where they are found by single bits, and
`KbDocuments` one object a document, which says which of its chunks count. None depends on what a
knowledge base declares, so that no tenant pays for another.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from retrieval.bm25 import K1, B
from retrieval.index import IndexVersion
from retrieval.scope import Scope

Schema = dict[str, Any]
"""As Weaviate's REST API takes it."""

DOCUMENTS = "KbDocuments"
RESCORED = 800  # of those that are near by their bits
MAX_RESULTS = 10_000  # of one query, and of one deletion: QUERY_MAXIMUM_RESULTS


def chunks_collection(index: IndexVersion) -> str:
    """The collection of chunks with such vectors."""
    bits = "Bits" if index.settings.vector_storage == "binary" else ""
    return f"Kb{index.settings.embedding_model.dimensions}{bits}"


def tenant_name(scope: Scope, index: IndexVersion) -> str:
    """What the index is called there. Whoever does not have its scope cannot name it."""
    ids = (scope.team_id, scope.knowledge_base_id, index.id)
    return sha256(b"".join(one.bytes for one in ids)).hexdigest()


def chunks_schema(index: IndexVersion) -> Schema:
    """Of its collection of chunks. We analyse the words and compute the vectors ourselves."""
    by_bits = {"bq": {"enabled": True, "rescoreLimit": RESCORED}}
    return {
        **_collection(chunks_collection(index)),
        "properties": [
            {**_kept("terms", "text"), "tokenization": "whitespace", "indexSearchable": True},
            {**_kept("facts", "text[]"), "tokenization": "field", "indexFilterable": True},
            {**_kept("document_id", "text"), "tokenization": "field", "indexFilterable": True},
            {**_kept("generation", "text"), "tokenization": "field", "indexFilterable": True},
            {**_kept("begun_at", "int"), "indexFilterable": True},
            *(_kept(name, "text") for name in ("version_id", "item_name", "ingested_at")),
            *(_kept(name, "text") for name in ("source", "language", "metadata")),
            *(_kept(name, "text") for name in ("text", "context", "category", "content_hash")),
            *(_kept(name, "int") for name in ("version_number", "position", "token_count")),
            *(_kept(name, "int") for name in ("char_start", "char_end", "page")),
            *(_kept(name, "int") for name in ("parent_start", "parent_end")),
            _kept("section_path", "text[]"),
        ],
        "vectorIndexType": "hnsw",
        "vectorIndexConfig": {
            "distance": "dot",
            "skipDefaultQuantization": True,
            # As in pgvector's graph; the defaults, 32 and 128, take twice as long to write.
            "maxConnections": 16,
            "efConstruction": 64,
            # How many are looked at for each that is wanted, from 100 to 500; the default is 8.
            "dynamicEfFactor": 2,
            **(by_bits if index.settings.vector_storage == "binary" else {}),
        },
    }


def documents_schema() -> Schema:
    """Of the collection of documents."""
    return {
        **_collection(DOCUMENTS),
        "properties": [
            {**_kept("version_id", "text"), "tokenization": "field", "indexFilterable": True},
            *(_kept(name, "text") for name in ("document_id", "generation", "item_name")),
            *(_kept(name, "text") for name in ("ingested_at", "source", "language", "metadata")),
            *(_kept(name, "int") for name in ("version_number", "chunks", "written_at")),
        ],
        "vectorIndexType": "flat",
        "vectorIndexConfig": {"distance": "dot", "skipDefaultQuantization": True},
    }


def _collection(name: str) -> Schema:
    return {
        "class": name,
        "vectorizer": "none",
        "multiTenancyConfig": {"enabled": True, "autoTenantActivation": True},
        "invertedIndexConfig": {
            "bm25": {"k1": K1, "b": B},
            "stopwords": {"preset": "none"},
        },
    }


def _kept(name: str, kind: str) -> Schema:
    """A property that is stored and no more."""
    text = {"indexSearchable": False} if kind.startswith("text") else {}
    return {"name": name, "dataType": [kind], "indexFilterable": False, **text}

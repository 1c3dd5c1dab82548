"""Haystack's PostgreSQL store: both its retrievers, joined by reciprocal rank fusion."""
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import sys
from pathlib import Path

from material import TOP, measure, read


def main(folder: str, host: str, database: str, user: str, wanted: str) -> None:
    """Fill a table of its own, then search it."""
    from haystack import Document, Pipeline
    from haystack.components.joiners import DocumentJoiner
    from haystack.utils import Secret
    from haystack_integrations.components.retrievers.pgvector import (
        PgvectorEmbeddingRetriever,
        PgvectorKeywordRetriever,
    )
    from haystack_integrations.document_stores.pgvector import PgvectorDocumentStore

    ids, texts, vectors, questions, asked = read(Path(folder))
    store = PgvectorDocumentStore(
        connection_string=Secret.from_token(f"host={host} dbname={database} user={user}"),
        create_extension=False,
        embedding_dimension=vectors.shape[1],
        vector_function="inner_product",
        search_strategy="hnsw",
        hnsw_index_creation_kwargs={"m": 16, "ef_construction": 64},
        hnsw_ef_search=100,
        recreate_table=True,
    )
    documents = [
        Document(id=one, content=text, embedding=vector.tolist())
        for one, text, vector in zip(ids, texts, vectors, strict=True)
    ]
    store.write_documents(documents)
    pipeline = Pipeline()
    top = int(wanted)
    pipeline.add_component("meaning", PgvectorEmbeddingRetriever(document_store=store, top_k=top))
    pipeline.add_component("words", PgvectorKeywordRetriever(document_store=store, top_k=top))
    pipeline.add_component("join", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=TOP))
    pipeline.connect("meaning", "join")
    pipeline.connect("words", "join")

    def search(question: str, vector: list[float]) -> list[str]:
        found = pipeline.run({"meaning": {"query_embedding": vector}, "words": {"query": question}})
        return [document.id for document in found["join"]["documents"]]

    measure(search, questions, asked, host=host, database=database, user=user)


if __name__ == "__main__":
    main(*sys.argv[1:])

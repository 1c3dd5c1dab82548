"""LlamaIndex's PostgreSQL store in its hybrid mode, on texts whose vectors are given."""
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
from material import measure, read


def main(folder: str, host: str, database: str, user: str, wanted: str) -> None:
    """Fill a table of its own, then search it."""
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores import VectorStoreQuery
    from llama_index.core.vector_stores.types import VectorStoreQueryMode
    from llama_index.vector_stores.postgres import PGVectorStore

    ids, texts, vectors, questions, asked = read(Path(folder))
    with psycopg.connect(host=host, dbname=database, user=user) as connection:
        connection.execute("DROP TABLE IF EXISTS data_peer")  # it would only be added to
    address = f"{user}@/{database}?host={host}"
    store = PGVectorStore.from_params(
        connection_string=f"postgresql+psycopg2://{address}",
        async_connection_string=f"postgresql+asyncpg://{address}",
        table_name="peer",
        hybrid_search=True,
        text_search_config="english",
        embed_dim=vectors.shape[1],
        hnsw_kwargs={
            "hnsw_m": 16,
            "hnsw_ef_construction": 64,
            "hnsw_ef_search": 100,
            "hnsw_dist_method": "vector_cosine_ops",
        },
    )
    nodes = [
        TextNode(id_=one, text=text, embedding=vector.tolist())
        for one, text, vector in zip(ids, texts, vectors, strict=True)
    ]
    for start in range(0, len(nodes), 500):
        store.add(nodes[start : start + 500])

    def search(question: str, vector: list[float]) -> list[str]:
        found = store.query(
            VectorStoreQuery(
                query_embedding=vector,
                query_str=question,
                similarity_top_k=int(wanted),
                sparse_top_k=int(wanted),
                mode=VectorStoreQueryMode.HYBRID,
            )
        )
        return list(found.ids or [])

    measure(search, questions, asked, host=host, database=database, user=user)


if __name__ == "__main__":
    main(*sys.argv[1:])

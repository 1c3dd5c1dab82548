"""LlamaIndex's ingestion as its documentation shows it, on the files given."""
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import monotonic

from meter import meter


def main(log: str, model: str, folder: str, chunk_size: str, *files: str) -> None:
    """Print when it began, when it ended, and how many chunks there are."""
    meter(Path(log))
    from llama_index.core import SimpleDirectoryReader
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.vector_stores import SimpleVectorStore
    from llama_index.embeddings.fastembed import FastEmbedEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    pipeline = IngestionPipeline(
        transformations=[
            SentenceSplitter(
                chunk_size=int(chunk_size),
                chunk_overlap=0,
                tokenizer=lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
            ),
            FastEmbedEmbedding(model_name=model, specific_model_path=folder),
        ],
        vector_store=SimpleVectorStore(),
    )
    began = monotonic()
    nodes = pipeline.run(documents=SimpleDirectoryReader(input_files=list(files)).load_data())
    print(json.dumps({"began": began, "ended": monotonic(), "chunks": len(nodes)}))


if __name__ == "__main__":
    main(*sys.argv[1:])

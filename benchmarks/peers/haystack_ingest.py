"""Haystack's indexing pipeline as its documentation shows it, on the files given."""
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import monotonic

from meter import meter


def main(log: str, model: str, folder: str, chunk_size: str, *files: str) -> None:
    """Print when it began, when it ended, and how many chunks there are."""
    meter(Path(log))
    from haystack import Pipeline
    from haystack.components.converters import PyPDFToDocument
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.components.writers import DocumentWriter
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack_integrations.components.embedders.fastembed import FastembedDocumentEmbedder
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def split(text: str) -> list[str]:
        """Its own `token` splitting knows OpenAI's tokens only."""
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        starts = [0, *(start for start, _ in offsets[int(chunk_size) :: int(chunk_size)])]
        return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]

    store = InMemoryDocumentStore()
    pipeline = Pipeline()
    pipeline.add_component("converter", PyPDFToDocument())
    pipeline.add_component(
        "splitter", DocumentSplitter(split_by="function", splitting_function=split)
    )
    embedder = FastembedDocumentEmbedder(
        model=model, progress_bar=False, model_kwargs={"specific_model_path": folder}
    )
    pipeline.add_component("embedder", embedder)
    pipeline.add_component("writer", DocumentWriter(store))
    pipeline.connect("converter", "splitter")
    pipeline.connect("splitter", "embedder")
    pipeline.connect("embedder", "writer")
    pipeline.warm_up()
    began = monotonic()
    pipeline.run({"converter": {"sources": list(files)}})
    print(json.dumps({"began": began, "ended": monotonic(), "chunks": store.count_documents()}))


if __name__ == "__main__":
    main(*sys.argv[1:])

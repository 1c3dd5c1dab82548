"""An embedder that runs a model folder on this machine, through fastembed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from retrieval.cores import usable_cores
from retrieval.embedding.embedder import Vectors, to_unit_length
from retrieval.embedding.fastembed_names import name_in_fastembed
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.tokenizer import read_tokenizer
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class UnloadableModel(RetrievalError):
    """The embedding model's files could not be loaded; delete their folder to have it rebuilt."""


class FastEmbedEmbedder:
    """Embeds on the CPU with onnxruntime. The promises are those of `Embedder`.

    Everything is loaded here, in about half a second after fastembed's import, so a broken folder
    stops the service at its start and not at its first upload. A run is of one text on one core:
    a query's few tokens gain nothing from a second one, which the search beside it needs, and as
    many passages run at a time as there are cores. A batch would be no faster here, takes memory
    and, in int8, makes a vector depend on its neighbours. Passages take turns, whoever's document
    they are of: more at once would only take time from queries. A query takes no turn.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        folder: Path,
        *,
        threads: int | None = None,
    ) -> None:
        """`folder` with the files that fastembed reads; `threads` for passages, else all cores.

        Raises UnloadableModel and UnknownPooling.
        """
        from fastembed import TextEmbedding
        from fastembed.text.onnx_text_model import OnnxTextModel

        self._model = model
        self._threads = threads or usable_cores()
        self._next, self._running = Lock(), Semaphore(self._threads)
        name = name_in_fastembed(model, folder)
        try:
            self._runtime = TextEmbedding(
                name,
                cache_dir=str(folder),  # unused, but fastembed makes a folder of its own otherwise
                specific_model_path=str(folder),
            )
            runtime = cast(Any, self._runtime.model)
            if isinstance(self._runtime.model, OnnxTextModel):  # the others compute with numpy
                runtime.model = _session(folder / runtime.model_description.model_file)
            # An export's own limit may be another one, such as the length of its position table.
            runtime.tokenizer.enable_truncation(model.max_tokens)
            size = self.embed_query("").size
            self._tokenizer = read_tokenizer(folder / "tokenizer.json")
        except Exception as exc:  # onnxruntime's and tokenizers' errors share no other base
            raise UnloadableModel(f"{folder}: {exc}") from exc
        if size != model.dimensions:
            raise UnloadableModel(
                f"{folder} gives vectors of {size} numbers; {model.id} has {model.dimensions}."
            )

    @property
    def model(self) -> EmbeddingModel:
        return self._model

    @property
    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), self._model.dimensions), np.float32)

        def embed(row: int) -> None:
            with self._turn():
                # Never `parallel`: its worker processes import the caller's main module again.
                found = self._runtime.passage_embed([self._model.passage_prefix + texts[row]])
                vectors[row] = to_unit_length(next(iter(found)))

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(embed, range(len(texts))))
        return vectors

    def embed_query(self, text: str) -> Vectors:
        found = self._runtime.query_embed(self._model.query_prefix + text)
        return to_unit_length(next(iter(found)))

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(self._model.passage_prefix + text))

    @contextmanager
    def _turn(self) -> Generator[None]:
        """One passage's turn. The second lock makes it fair: who has run cannot pass who waits."""
        with self._next:
            self._running.acquire()
        try:
            yield
        finally:
            self._running.release()


def _session(graph: Path) -> Any:
    """A session that computes on the thread it is called on; fastembed's has threads of its own."""
    onnxruntime: Any = import_module("onnxruntime")  # it has no types
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

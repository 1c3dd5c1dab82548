"""An embedder that runs a prepared model folder on this machine, through fastembed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.embedding.embedder import Vectors
from retrieval.embedding.models import EmbeddingModel
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class UnloadableModel(RetrievalError):
    """The embedding model's files could not be loaded; delete their folder to have it rebuilt."""


class FastEmbedEmbedder:
    """Embeds on the CPU with onnxruntime. The promises are those of `Embedder`.

    Everything is loaded here, in about half a second after fastembed's import, so a broken folder
    stops the service at its start and not at its first upload. onnxruntime's session may be run
    from many threads. Passages take turns all the same, batch by batch: one batch uses all cores,
    so more at once would only take memory, and time from queries. A query takes no turn, it runs
    beside the batch. With four ingesting threads on two busy cores the median query took 24 to
    35 ms, without turns 64 to 72 ms, at the same throughput; a query that waits for its turn
    waits for a whole batch, 0.8 s and more.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        folder: Path,
        *,
        threads: int | None = None,
        batch_size: int = 16,
    ) -> None:
        """`folder` as `weights.find_model_folder` gives it; `threads` per batch, all cores if None.

        Raises UnloadableModel.
        """
        from fastembed import TextEmbedding
        from fastembed.text.onnx_text_model import OnnxTextModel
        from tokenizers import Tokenizer

        self._model = model
        self._batch_size = batch_size
        self._next, self._running = Lock(), Lock()
        try:
            self._runtime = TextEmbedding(
                model.hub_id,
                cache_dir=str(folder),  # unused, but fastembed makes a folder of its own otherwise
                threads=threads,
                specific_model_path=str(folder),
            )
            assert isinstance(self._runtime.model, OnnxTextModel)
            self._runtime.model.model = _session(folder / "model.onnx", threads)
            # An export's own limit may be another one, such as the length of its position table.
            assert self._runtime.model.tokenizer is not None
            self._runtime.model.tokenizer.enable_truncation(  # pyright: ignore[reportUnknownMemberType] its **kwargs have no type
                model.max_tokens
            )
            size = self.embed_query("").size
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as exc:  # onnxruntime's and tokenizers' errors share no other base
            raise UnloadableModel(f"{folder}: {exc}") from exc
        if size != model.dimensions:
            raise UnloadableModel(
                f"{folder} gives vectors of {size} numbers; {model.id} has {model.dimensions}."
            )
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @property
    def model(self) -> EmbeddingModel:
        return self._model

    @property
    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Batches hold texts of similar length: a batch is padded to its longest."""
        prefixed = [self._model.passage_prefix + text for text in texts]
        lengths = [len(encoding) for encoding in self._tokenizer.encode_batch_fast(prefixed)]
        longest_first = sorted(range(len(prefixed)), key=lengths.__getitem__, reverse=True)
        vectors = np.empty((len(prefixed), self._model.dimensions), np.float32)
        for start in range(0, len(prefixed), self._batch_size):
            rows = longest_first[start : start + self._batch_size]
            with self._turn():
                vectors[rows] = self._embed([prefixed[row] for row in rows])
        return vectors

    def embed_query(self, text: str) -> Vectors:
        return self._embed([self._model.query_prefix + text])[0]

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(self._model.passage_prefix + text))

    @contextmanager
    def _turn(self) -> Generator[None]:
        """One batch's turn. Two locks make it fair: who has just run cannot pass who waits."""
        with self._next:
            self._running.acquire()
        try:
            yield
        finally:
            self._running.release()

    def _embed(self, batch: list[str]) -> Vectors:
        # Never `parallel`: its worker processes import the caller's main module again.
        return np.asarray(list(self._runtime.embed(batch, len(batch))), np.float32)


def _session(graph: Path, threads: int | None) -> Any:
    """A session whose idle threads sleep.

    onnxruntime's own wait for the next batch in a busy loop. After a query's few milliseconds that
    keeps the processors from the database, whose turn it is. fastembed has no switch for it.
    """
    onnxruntime: Any = import_module("onnxruntime")  # it has no types
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

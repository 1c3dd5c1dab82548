"""What is tried out in the Tune view, and what is wanted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from playground.candidates import Grid
from playground.errors import PlaygroundError
from playground.goal import Goal
from retrieval.eval.results import STAR
from retrieval.index import ChunkContext, ChunkStrategy
from retrieval.query import MAX_RESULTS, Expansion, FusionMode

SIZES = (128, 256)
ALPHAS = (0.0, 0.3, 0.5, 0.7, 1.0)


class NotNumbers(PlaygroundError):
    """Sizes, overlaps and alphas are numbers with commas between, as 128, 256."""


class TuneSettings(BaseModel):
    """All of the form."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    strategies: list[ChunkStrategy] = ["section", "fixed"]
    sizes: list[int] = list(SIZES)
    overlaps: list[int] = [0]
    contexts: list[ChunkContext] = ["headers"]
    model_ids: list[str] = []
    """Those of the live index version where there is none."""
    alphas: list[float] = [0.3, 0.5, 0.7]
    fusions: list[FusionMode] = ["weighted"]
    reranking: list[bool] = [False]
    expansions: list[Expansion] = ["parent"]
    num_results: int = Field(default=10, ge=1, le=MAX_RESULTS)
    star: str = STAR
    limited: str = ""
    """Another metric that has to be kept."""
    limit: float | None = None
    halving: bool = True
    price: float = Field(default=0.0, ge=0)
    """Of a million tokens to embed."""

    def grid(self, model_id: str) -> Grid:
        """What is combined; `model_id` is taken where none is chosen."""
        return Grid(
            model_ids=self.model_ids or [model_id],
            strategies=self.strategies,
            sizes=self.sizes,
            overlaps=self.overlaps,
            contexts=self.contexts,
            alphas=self.alphas,
            fusions=self.fusions,
            reranking=self.reranking,
            expansions=self.expansions,
            num_results=self.num_results,
        )

    @property
    def goal(self) -> Goal:
        """What is best."""
        limits = {} if not self.limited or self.limit is None else {self.limited: self.limit}
        return Goal(star=self.star, limits=limits)


def whole_numbers(text: str) -> list[int]:
    """Those written with commas between. Raises `NotNumbers`."""
    try:
        return [int(one) for one in text.replace(",", " ").split()]
    except ValueError as exc:
        raise NotNumbers(f"{text!r} is not.") from exc


def numbers(text: str) -> list[float]:
    """Those written with commas between. Raises `NotNumbers`."""
    try:
        return [float(one) for one in text.replace(",", " ").split()]
    except ValueError as exc:
        raise NotNumbers(f"{text!r} is not.") from exc

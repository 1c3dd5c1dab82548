"""The star metric: what evaluation runs are judged by, and what of it is good enough."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from kb.catalog import evaluations, knowledge_bases
from kb.service import Service
from retrieval.errors import ServiceError
from retrieval.eval.results import COSTS, STAR
from retrieval.eval.run import METRICS
from retrieval.postgres import scoped
from retrieval.scope import Scope


class InvalidStarMetric(ServiceError):
    """No run can be judged by this; name one of the metrics, with a number or no threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StarMetric:
    """A metric and its threshold."""

    name: str = STAR
    success_threshold: float | None = None
    """The least that is good enough, or of tokens and milliseconds the most."""

    def passes(self, mean: float) -> bool:
        """Whether a run of that mean is good enough."""
        if self.success_threshold is None:
            return True
        if self.name in COSTS:
            return mean <= self.success_threshold
        return mean >= self.success_threshold


async def get(service: Service, scope: Scope) -> StarMetric:
    """The usual one where none was set. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        await knowledge_bases.get(scope, conn)
        found = await evaluations.star_metric(scope, conn)
    return StarMetric() if found is None else StarMetric(name=found[0], success_threshold=found[1])


async def put(service: Service, scope: Scope, star: StarMetric) -> StarMetric:
    """From now on it is this one. Raises `NotFound` or `InvalidStarMetric`."""
    if star.name not in METRICS:
        raise InvalidStarMetric(f"{star.name!r}, only {', '.join(METRICS)}.")
    if star.success_threshold is not None and not isfinite(star.success_threshold):
        raise InvalidStarMetric(f"The threshold is {star.success_threshold}.")
    async with scoped(service.pool, scope) as conn:
        await knowledge_bases.get(scope, conn)
        await evaluations.set_star_metric(
            scope, conn, name=star.name, success_threshold=star.success_threshold
        )
    return star

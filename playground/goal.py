"""What is wanted of a setting: the most of one figure, with enough of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from playground.measured import Measured
from retrieval.eval.results import COSTS, STAR, star_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The star metric, and limits that have to be kept."""

    star: str = STAR
    limits: Mapping[str, float] = field(default_factory=dict[str, float])
    """The least of a metric, and the most of a cost."""

    def ranked(
        self, found: Sequence[Measured], *, limits: Mapping[str, float] | None = None
    ) -> list[Measured]:
        """Best first: those within the limits by the star metric, then the others by how far off.

        Raises `UnknownMetric` for a figure that the questions do not have.
        """
        kept = self.limits if limits is None else limits
        for one in found:
            for name in (self.star, *kept):
                star_of(one.figures, name)
        return sorted(found, key=lambda one: (self._excess(one, kept), -self._gain(one)))

    def keeps(self, one: Measured) -> bool:
        """Whether it is within the limits."""
        return self._excess(one, self.limits) == 0

    def _gain(self, one: Measured) -> float:
        value = one.figures[self.star]
        return -value if self.star in COSTS else value

    def _excess(self, one: Measured, limits: Mapping[str, float]) -> float:
        """How far it is outside, in shares of the limits."""
        return sum(
            max(0.0, (one.figures[name] - limit) if name in COSTS else (limit - one.figures[name]))
            / max(abs(limit), 1e-9)
            for name, limit in limits.items()
        )

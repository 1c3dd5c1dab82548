"""How index versions stand: what answers, what did before, what is being built."""

from __future__ import annotations

from collections.abc import Sequence

from kb.index_builds import KeptIndex


def standings(found: Sequence[KeptIndex]) -> dict[int, str]:
    """A word on each, by number."""
    promoted = {
        one.state.promoted_at: one.version.number
        for one in found
        if one.state.promoted_at and not one.state.is_live
    }
    previous = promoted[max(promoted)] if promoted else None

    def word(one: KeptIndex) -> str:
        state = one.state
        if state.is_live:
            return "live"
        if one.version.number == previous:
            return "previous"
        if state.pending:
            return "building, then live" if state.promote_when_ready else "building"
        return "ready" if state.is_ready else f"lacks {state.behind:,}"

    return {one.version.number: word(one) for one in found}

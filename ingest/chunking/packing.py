"""Units into groups: as evenly as they can be packed, and cut where cutting costs least."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import inf

# In shares of a full chunk, squared. A group costs its squared share and this: two groups are
# joined where that is cheaper, so at half a chunk each they just are, and where nothing else tells
# chunks fill about 0.7 of the limit.
GROUP = 0.5
SHORT = 0.25  # a chunk that fills less says too little by itself,
TOO_SHORT = 2.0  # which costs this much for every share that is missing
UNDER_MINIMUM = 10.0  # outweighs where sections, meanings and methods end, but parts no heading


def pack(
    fits: Callable[[int, int], bool],
    share: Callable[[int, int], float],
    joints: Sequence[float],
    *,
    minimum: float = 0.0,
) -> list[tuple[int, int]]:
    """The cheapest way to cut `len(joints)` units into groups of neighbours, as index ranges.

    `fits(i, j)` says whether units i to j-1 go into one chunk and `share(i, j)` how full they make
    it; a group of one unit always goes. `joints[k]` is what it costs that unit k stands in one
    group with the unit before it. The sum of squared shares makes groups even: a span that is asked
    for then stands in as little else as possible. A group under the `minimum` share is left only
    where it fits with neither neighbour, however they are cut.
    """
    inside = [0.0, *accumulate(joints)]
    costs, ends = [inf] * len(joints) + [0.0], [0] * len(joints)
    for first in reversed(range(len(joints))):
        for end in range(first + 1, len(joints) + 1):
            if end > first + 1 and not fits(first, end):
                break
            cost = costs[end] + _cost(share(first, end), minimum) + inside[end] - inside[first + 1]
            if cost < costs[first]:
                costs[first], ends[first] = cost, end
    groups: list[tuple[int, int]] = []
    first = 0
    while first < len(joints):
        groups.append((first, ends[first]))
        first = ends[first]
    return groups


def _cost(share: float, minimum: float) -> float:
    cost = share**2 + GROUP + TOO_SHORT * max(0.0, SHORT - share)
    return cost + UNDER_MINIMUM if share < minimum else cost

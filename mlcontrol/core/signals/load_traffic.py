"""What a server's use of its machine has to do with what it is asked: only use that its traffic does not explain is unusual."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import inf

import numpy as np

from mlcontrol.core.signals.noise import Floats, median

BLOCKS = 12
FEWEST_IN_BLOCK = 4
EDGES = (0.02, 0.98)
LEAST_PART = 0.1
"""Of the usual use: what is expected to be less than that is no scale."""


@dataclass(frozen=True, slots=True)
class ByTraffic:
    """``base`` + ``slope`` times the queries a second, as it was between ``least`` and ``most`` of them. Beyond them, use may go
    on as it did or in proportion to the queries: both are usual there, and what lies between. ``usual``: at the middle traffic.
    ``limit``: more than that cannot be used."""

    base: float
    slope: float
    least: float
    most: float
    usual: float
    limit: float = inf

    def between(self, per_s: Floats) -> tuple[Floats, Floats]:
        """The lowest and the highest use that so much traffic explains; equal where it has been seen."""
        inside = np.clip(per_s, self.least, self.most)
        at_edge = self.base + self.slope * inside
        share = np.divide(per_s, inside, out=np.ones(per_s.shape), where=inside > 0)
        other = np.where((inside <= 0) & (per_s > 0), np.inf, at_edge * share)
        return np.minimum(np.minimum(at_edge, other), self.limit), np.minimum(np.maximum(at_edge, other), self.limit)

    def scale(self, per_s: Floats) -> Floats:
        """How much wider than at usual traffic the use scatters: of queries that come by chance, with the root of the use."""
        lowest, _ = self.between(per_s)
        if self.usual <= 0:
            return np.ones(per_s.shape)
        return np.asarray(np.sqrt(np.maximum(lowest / self.usual, LEAST_PART)), dtype=np.float64)

    def unexplained(self, per_s: Floats, use: Floats) -> Floats:
        """Use beyond what the traffic explains, as if at usual traffic; in the unit of the use."""
        lowest, highest = self.between(per_s)
        return np.asarray((use - np.clip(use, lowest, highest)) / self.scale(per_s), dtype=np.float64)

    def knows(self, per_s: float) -> bool:
        return self.least <= per_s <= self.most


def by_traffic(per_s: Floats, use: Floats, limit: float | None = None) -> ByTraffic:
    """From means over a while, both finite and of equal length, at least one: the median of the slopes between any two of twelve
    blocks of those with about as much traffic (Theil 1950, Sen 1968), so that an incident among them hardly counts."""
    least, most = (float(edge) for edge in np.quantile(per_s, EDGES))
    middle, usual = median(per_s), median(use)
    order = np.argsort(per_s, kind="stable")
    blocks = np.array_split(order, max(1, min(BLOCKS, per_s.size // FEWEST_IN_BLOCK)))
    at = np.array([median(per_s[block]) for block in blocks])
    level = np.array([median(use[block]) for block in blocks])
    far = 0.05 * (most - least)
    slopes = [
        (level[b] - level[a]) / (at[b] - at[a])
        for a, b in combinations(range(len(blocks)), 2)
        if at[b] - at[a] > max(far, 1e-9)
    ]
    # No query makes its server use less, nor does a server without queries use less than nothing.
    steepest = usual / middle if middle > 0 else inf
    slope = min(max(median(np.array(slopes)), 0.0), steepest) if slopes else 0.0
    base = max(0.0, median(use - slope * per_s))
    return ByTraffic(base, slope, least, most, base + slope * middle, inf if limit is None else limit)

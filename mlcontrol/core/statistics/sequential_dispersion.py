"""Overdispersion of a two-arm event stream: do the events scatter more between buckets than independent requests would?

Neighbouring buckets are compared with each other, so that one lasting change (which the comparison of rates must find)
hardly adds to it, while noise that comes and goes adds everywhere. The statistic is Pearson's, on the split of events
between the arms.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from mlcontrol.core.statistics.sequential import Floats

LEAST_EVENTS = 0.7  # expected in the smaller arm of a merged bucket
LEAST_PAIRS = 3
_Z_90 = 1.281551566


@dataclass(frozen=True, slots=True)
class Dispersion:
    """``phi``: variance over that of independent requests (1 = as expected), from ``pairs``; `None` while too little is
    known."""

    phi: float | None
    pairs: int

    @property
    def excessive(self) -> bool:
        """More scatter than chance gives in one case of ten: noticed early, as missing it costs more than a delay."""
        return self.phi is not None and self.phi > chance_limit(self.pairs)


def chance_limit(pairs: int) -> float:
    """The 90 % quantile of ``phi`` without overdispersion: chi-square over its degrees (Wilson & Hilferty 1931).

    Neighbouring differences share a bucket: their mean is 1.5 times as variable as one of independent pairs (von Neumann
    1941). Small counts add 1 / (2 expected events), the excess of a Poisson variable's fourth moment.
    """
    spread = 2.0 * 1.5 * (1.0 + 0.5 / LEAST_EVENTS) / (9.0 * pairs)
    return (1.0 - spread + _Z_90 * sqrt(spread)) ** 3


def dispersion(events_a: Floats, events_b: Floats, exposure_a: Floats, exposure_b: Floats) -> Dispersion:
    """Shapes (buckets,). Buckets are merged until each expects `LEAST_EVENTS` in its smaller arm; the largest pair is left
    out."""
    merged = _merged(events_a, events_b, exposure_a, exposure_b)
    if merged.shape[1] < LEAST_PAIRS + 2:
        return Dispersion(None, max(0, merged.shape[1] - 2))
    a, b, n, m = merged
    expected = _expected_shares(a, b, n, m)
    left, right = slice(0, -1), slice(1, None)
    # Pearson's residuals of neighbours differ by a variance of 2 if requests are independent.
    residual = (a - expected * (a + b)) / np.sqrt(np.maximum(1e-9, (a + b) * expected * (1.0 - expected)))
    squares = np.sort((residual[right] - residual[left]) ** 2 / 2.0)[:-1]  # one lasting change is no noise
    return Dispersion(float(squares.mean()), len(squares))


def _expected_shares(a: Floats, b: Floats, n: Floats, m: Floats) -> Floats:
    ratio = (a.sum() + 0.5) / (b.sum() + 0.5) * (m.sum() / n.sum())
    shares: Floats = ratio * n / (ratio * n + m)
    return shares


def _merged(events_a: Floats, events_b: Floats, exposure_a: Floats, exposure_b: Floats) -> Floats:
    """Rows: events a, b, exposures n, m; columns: merged buckets."""
    share = float(np.sum(exposure_a)) / max(1.0, float(np.sum(exposure_a) + np.sum(exposure_b)))
    smaller = min(share, 1.0 - share)
    merged, open_bucket = [], np.zeros(4)
    for column in np.stack([events_a, events_b, exposure_a, exposure_b]).T:
        if column[2] <= 0 or column[3] <= 0:
            continue
        open_bucket = open_bucket + column
        if (open_bucket[0] + open_bucket[1]) * smaller >= LEAST_EVENTS:
            merged.append(open_bucket)
            open_bucket = np.zeros(4)
    return np.array(merged).T if merged else np.zeros((4, 0))

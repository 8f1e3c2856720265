"""Overdispersion of a two-arm event stream: do the events scatter more between buckets than independent requests would?

Neighbouring buckets are compared with each other, so that one lasting change (which the comparison of rates must find)
hardly adds to it, while noise that comes and goes adds everywhere. The statistic is Pearson's, on the split of events
between the arms.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from mlcontrol.core.statistics.sequential import Floats

LEAST_EVENTS = 0.7  # expected in the smaller arm of a merged bucket
LEAST_PAIRS = 3
_Z_90 = 1.281551566
ASSUMED_CV2, ASSUMED_GROUPS = 1.0, 2.0
LEAST_OLD_EVENTS = 1.0  # expected in a group of buckets, so that its scatter says something
CAP_EVENTS, CAP_SIGMAS, CAP_TIMES = 3.0, 2.5, 3.0


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


def rate_noise(events: Floats, exposure: Floats) -> float:
    """Squared coefficient of variation of an arm's own rate from bucket to bucket, shapes (buckets,).

    By the squared differences of neighbouring groups of buckets over what independent requests would make them (von Neumann
    1941), so that a drifting rate hardly adds to it. Until it has been seen, `ASSUMED_CV2` counts, as if in `ASSUMED_GROUPS`
    differences: what is not measured yet is not taken for calm.
    """
    rate = (float(events.sum()) + 0.5) / max(1.0, float(exposure.sum()))
    per_bucket = rate * max(1.0, float(exposure.sum())) / max(1, len(events))
    size = max(1, ceil(LEAST_OLD_EVENTS / per_bucket))
    groups = len(events) // size
    if groups < 3:
        return ASSUMED_CV2
    start = len(events) - groups * size
    y, m = (x[start:].reshape(groups, size).sum(axis=1) for x in (events, exposure))
    y, m = y[m > 0], m[m > 0]
    if len(y) < 3:
        return ASSUMED_CV2
    squares = (y[1:] / m[1:] - y[:-1] / m[:-1]) ** 2 / (rate * (1.0 / m[1:] + 1.0 / m[:-1]))
    seen = max(0.0, (float(squares.mean()) - 1.0) / (per_bucket * size))
    return len(squares) * seen / (len(squares) + ASSUMED_GROUPS) + assumed_noise(len(squares))


def assumed_noise(differences: float) -> float:
    """What is still assumed after so many differences without any noise in them."""
    return ASSUMED_GROUPS * ASSUMED_CV2 / (differences + ASSUMED_GROUPS)


def split_dispersion(events_a: Floats, events_b: Floats, exposure_a: Floats, exposure_b: Floats) -> float:
    """The dispersion of the split between the arms that arm b's own noise lets one expect, were arm a as restless: at least 1.

    b is the arm with the traffic, so that its noise is known long before the noise of the few events of arm a is. With noise of
    squared variation c in both arms, the split of T events at share p has the variance T p (1 - p) (1 + 2 c T p (1 - p)).
    """
    total = float(events_a.sum() + events_b.sum())
    share = float(exposure_a.sum()) / max(1.0, float(exposure_a.sum() + exposure_b.sum()))
    mean = total * share / max(1, len(events_a))
    return 1.0 + 2.0 * rate_noise(events_b, exposure_b) * mean * (1.0 - share)


def winsorized(events_a: Floats, events_b: Floats, exposure_a: Floats, exposure_b: Floats, ratio: float) -> Floats:
    """Events of arm a, each bucket's limited to what an ordinary one could hold: one burst is no evidence of a rate.

    Fewer events of arm a are less evidence against it in every bucket, so that the test stays valid whatever the limit is.
    """
    pooled = np.cumsum(events_a + events_b) / np.maximum(1.0, np.cumsum(exposure_a + exposure_b))
    mean = exposure_a * pooled * max(1.0, ratio)
    limit = np.maximum(np.maximum(CAP_EVENTS, CAP_TIMES * mean), mean + CAP_SIGMAS * np.sqrt(mean))
    limited: Floats = np.minimum(events_a, limit)
    return limited


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

"""Overdispersion of a two-arm event stream: do the events scatter more between buckets than independent requests would?

Neighbouring buckets are compared with each other, so that one lasting change (which the comparison of rates must find)
hardly adds to it, while noise that comes and goes adds everywhere. The statistic is Pearson's, on the split of events
between the arms.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, lgamma, log, sqrt

import numpy as np

from mlcontrol.core.statistics.sequential import Floats

LEAST_EVENTS = 0.7  # expected in the smaller arm of a merged bucket
LEAST_PAIRS = 3
_Z_90 = 1.281551566
NOISES = np.array([0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0])  # squared variations of a rate
SOME_GROUPS = 2.0  # the measured noise counts as if so many groups without any had come before
LEAST_OLD_EVENTS = 1.0  # expected in a group of buckets, so that its scatter says something
STEADY_GROUPS = 12  # neighbours over which a common rate hardly drifts
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

    The larger of two estimates. The mean over `NOISES`, each as likely beforehand, by the likelihood of the counts were the rate
    of each group of buckets gamma distributed around that of its neighbourhood (negative binomial): what has not been seen yet
    is not taken for calm. And the squared differences of neighbouring groups over what independent requests would make them
    (von Neumann 1941), which need no distribution. A drifting rate hardly adds to either.
    """
    rate = (float(events.sum()) + 0.5) / max(1.0, float(exposure.sum()))
    per_bucket = rate * max(1.0, float(exposure.sum())) / max(1, len(events))
    size = max(1, ceil(LEAST_OLD_EVENTS / per_bucket))
    groups = len(events) // size
    start = len(events) - groups * size
    y, m = (x[start:].reshape(groups, size).sum(axis=1) for x in (events, exposure))
    y, m = y[m > 0], m[m > 0]
    likelihood = np.zeros(len(NOISES))
    for first in range(len(y) % STEADY_GROUPS - STEADY_GROUPS, len(y), STEADY_GROUPS):
        near = slice(max(0, first), first + STEADY_GROUPS)
        likelihood += _log_likelihoods(y[near], m[near])
    likely = _mean_noise(likelihood)
    if len(y) < 3:
        return likely
    squares = (y[1:] / m[1:] - y[:-1] / m[:-1]) ** 2 / (rate * (1.0 / m[1:] + 1.0 / m[:-1]))
    seen = max(0.0, (float(squares.mean()) - 1.0) / (per_bucket * size))
    return max(likely, len(squares) * seen / (len(squares) + SOME_GROUPS))


def calm_noise(buckets: float, events: float) -> float:
    """What `rate_noise` typically says after so many buckets of an arm that has none; ``events`` expected in each."""
    if events <= 0.0:
        return _mean_noise(np.zeros(len(NOISES)))
    size = max(1, ceil(LEAST_OLD_EVENTS / events))
    mean = events * size
    counts = np.arange(ceil(mean + 8.0 * sqrt(mean) + 8.0) + 1, dtype=np.float64)
    chance = np.exp(counts * log(mean) - mean - np.array([lgamma(n + 1.0) for n in counts]))
    expected = [float(chance @ _of_each(counts, np.full(len(counts), mean), float(noise))) for noise in NOISES]
    return _mean_noise(buckets / size * np.array(expected))


def _log_likelihoods(y: Floats, m: Floats) -> Floats:
    """Of each of `NOISES`, around the common rate of these groups; without a difference to look at nothing is said."""
    if len(y) < 2 or y.sum() == 0:
        return np.zeros(len(NOISES))
    mean = m * float(y.sum()) / float(m.sum())
    return np.array([_of_each(y, mean, float(noise)).sum() for noise in NOISES])


def _of_each(y: Floats, mean: Floats, noise: float) -> Floats:
    """ln of the negative binomial's chance of each count, less what does not depend on ``noise``."""
    if noise == 0.0:
        return -mean
    k = 1.0 / noise
    rising = np.array([lgamma(n + k) for n in y]) - lgamma(k) - y * log(k)
    told: Floats = rising - (y + k) * np.log1p(noise * mean)
    return told


def _mean_noise(likelihood: Floats) -> float:
    weights = np.exp(likelihood - likelihood.max())
    return float(weights @ NOISES / weights.sum())


def split_dispersion(events_a: Floats, events_b: Floats, exposure_a: Floats, exposure_b: Floats) -> float:
    """The dispersion of the split between the arms that arm b's own noise lets one expect, were arm a as restless: at least 1.

    b is the arm with the traffic, so that its noise is known long before the noise of the few events of arm a is. With noise of
    squared variation c in both arms, the split of T events at share p has the variance T p (1 - p) (1 + 2 c T p (1 - p)). T p is
    taken half way to the events of a where a has more: a b that was quiet by its noise must not make that noise look small.
    """
    total, of_a = float(events_a.sum() + events_b.sum()), float(events_a.sum())
    share = float(exposure_a.sum()) / max(1.0, float(exposure_a.sum() + exposure_b.sum()))
    return split_variance(rate_noise(events_b, exposure_b), total * share, of_a, share, len(events_a))


def split_variance(noise: float, expected: float, seen: float, share: float, buckets: float) -> float:
    """Of the split, over that of independent requests: ``expected`` and ``seen`` events of arm a in so many buckets."""
    mean = max(expected, 0.5 * (expected + seen)) / max(1.0, buckets)
    return 1.0 + 2.0 * noise * mean * (1.0 - share)


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

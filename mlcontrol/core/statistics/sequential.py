"""The always-valid comparison of two rates: a stratified rate-ratio e-process, to be looked at as often as one likes.

In each bucket of time two arms have exposures (requests) and events (errors). Given the events of a bucket, each fell into the
first arm with a chance that depends on the ratio of the rates and on the bucket's own exposures only: a drifting common rate
and a changing split therefore cancel out. Sources: Lindon & Malek, NeurIPS 2022 (arXiv 2011.03567); Turner & Grünwald,
AISTATS 2023; that the factor is conservative for Bernoulli events at any rate: Hoeffding 1963, theorem 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_GRID = 24
RATIO_FIRST, RATIO_LAST = 1.05, 6.0
_BOUND_RATIOS = np.exp(np.linspace(log(0.02), log(50.0), 157))  # where a confidence bound may lie; 5 % apart


@dataclass(frozen=True, slots=True)
class Mixture:
    """Alternatives, as multiples of the ratio of the null hypothesis, and their weights (sum 1)."""

    ratios: Floats
    weights: Floats

    @classmethod
    def of(cls, *ratios: float) -> Mixture:
        """Equal weights on ``ratios``."""
        return cls(np.array(ratios, dtype=np.float64), np.full(len(ratios), 1.0 / len(ratios)))

    @classmethod
    def around(cls, ratio: float, spread: float) -> Mixture:
        """The grid of `STANDARD`, log-normally weighted around ``ratio``; ``spread``: of its logarithm."""
        ratios = np.exp(np.linspace(log(RATIO_FIRST), log(RATIO_LAST), _GRID))
        weights = np.exp(-0.5 * ((np.log(ratios) - log(ratio)) / spread) ** 2)
        return cls(ratios, weights / weights.sum())


STANDARD = Mixture.around(1.0, log(2.0))


def log_e_rate_ratio(
    events_a: Floats,
    events_b: Floats,
    exposure_a: Floats,
    exposure_b: Floats,
    null_ratio: float = 1.0,
    mixture: Mixture = STANDARD,
    restart_weight: float = 0.0,
) -> Floats:
    """ln E after each bucket, against "the rate of arm a is at most ``null_ratio`` times the rate of arm b".

    All arrays have shape (..., buckets) or broadcast to it; the last axis is time. Events may be fractions (discounted counts).
    A bucket in which an arm has no exposure says nothing. ``restart_weight``: how much of the bet is kept for a change that
    begins later than the first bucket, so that a long good past does not hide it (Shin, Ramdas & Rinaldo 2024, e-detectors).
    Reject at level alpha when ln E >= ln(1/alpha) at any bucket (Ville).
    """
    events_a, events_b, exposure_a, exposure_b = _both_exposed(events_a, events_b, exposure_a, exposure_b)
    odds = np.where(exposure_b > 0, exposure_a / np.where(exposure_b > 0, exposure_b, 1.0), 1.0)
    base_a, base_b = _log_shares(null_ratio, odds)
    terms = []
    for ratio, weight in zip(mixture.ratios, mixture.weights, strict=True):
        share_a, share_b = _log_shares(null_ratio * ratio, odds)
        factors = events_a * (share_a - base_a) + events_b * (share_b - base_b)
        terms.append(_log_products(factors, restart_weight) + log(weight))
    return _log_sum(np.stack(terms))


def _log_products(log_factors: Floats, restart_weight: float) -> Floats:
    """ln of the product so far; with restarts, of the average over products begun at bucket 0, 1, 2, ... (again an
    e-process)."""
    whole = np.cumsum(log_factors, axis=-1)
    if restart_weight == 0.0:
        return whole
    buckets = np.arange(1.0, log_factors.shape[-1])
    begun = np.concatenate([[log(1.0 - restart_weight)], log(restart_weight) - np.log(buckets * (buckets + 1.0))])
    before = np.concatenate([np.zeros((*whole.shape[:-1], 1)), whole[..., :-1]], axis=-1)
    summed: Floats = whole + np.logaddexp.accumulate(begun - before, axis=-1)
    return summed


def always_valid_p(log_e: Floats) -> Floats:
    """The p-value after each bucket, valid at any moment: 1 / the largest E so far, at most 1."""
    return np.minimum(1.0, np.exp(-np.maximum.accumulate(log_e, axis=-1)))


def ratio_interval(
    events_a: Floats, events_b: Floats, exposure_a: Floats, exposure_b: Floats, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """The confidence sequence of the ratio of rates a / b: (lower, upper) after each bucket, valid at any moment together.

    Each bound is the edge of the ratios not rejected at alpha/2 so far, on a grid from 0.02 to 50 (5 % apart, outward); 0 or
    infinity where nothing in the grid is excluded. Shapes (buckets,).
    """
    threshold = log(2.0 / alpha)
    lower = np.zeros(np.shape(events_a)[-1])
    upper = np.full(np.shape(events_a)[-1], np.inf)
    arms_ab = (events_a, events_b, exposure_a, exposure_b)
    arms_ba = (events_b, events_a, exposure_b, exposure_a)
    for ratio in _BOUND_RATIOS:
        above = np.maximum.accumulate(log_e_rate_ratio(*arms_ab, null_ratio=ratio)) >= threshold
        if not above.any():
            break
        lower = np.where(above, ratio, lower)
    for ratio in _BOUND_RATIOS[::-1]:
        below = np.maximum.accumulate(log_e_rate_ratio(*arms_ba, null_ratio=1.0 / ratio)) >= threshold
        if not below.any():
            break
        upper = np.where(below, ratio, upper)
    return lower, upper


def ratio_bounds(
    events_a: Floats, events_b: Floats, exposure_a: Floats, exposure_b: Floats, alpha: float = 0.05
) -> tuple[float, float]:
    """The last entry of `ratio_interval`, found by bisection."""
    threshold = log(2.0 / alpha)

    def excluded(ratio: float, swapped: bool) -> bool:
        if swapped:
            log_e = log_e_rate_ratio(events_b, events_a, exposure_b, exposure_a, null_ratio=1.0 / ratio)
        else:
            log_e = log_e_rate_ratio(events_a, events_b, exposure_a, exposure_b, null_ratio=ratio)
        return bool(log_e.max() >= threshold)

    below = _last_true(lambda i: excluded(_BOUND_RATIOS[i], swapped=False))
    above = _last_true(lambda i: excluded(_BOUND_RATIOS[-1 - i], swapped=True))
    return (0.0 if below < 0 else float(_BOUND_RATIOS[below])), (inf if above < 0 else float(_BOUND_RATIOS[-1 - above]))


def _last_true(holds: Callable[[int], bool]) -> int:
    """The last grid index at which ``holds`` is true, true ones coming first; -1: none."""
    low, high = -1, len(_BOUND_RATIOS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def average_log_e(*log_e: Floats) -> Floats:
    """ln of the average of e-values: again an e-value, whatever their dependence (their maximum is none)."""
    return _log_sum(np.stack(log_e)) - log(len(log_e))


def _both_exposed(
    events_a: Floats, events_b: Floats, exposure_a: Floats, exposure_b: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    a, b, n, m = (np.asarray(x, dtype=np.float64) for x in (events_a, events_b, exposure_a, exposure_b))
    both = (n > 0) & (m > 0)
    return np.where(both, a, 0.0), np.where(both, b, 0.0), np.where(both, n, 1.0), np.where(both, m, 1.0)


def _log_shares(ratio: float, odds: Floats) -> tuple[Floats, Floats]:
    """ln of the chance that an event falls into arm a, and into arm b."""
    whole = np.log1p(ratio * odds)
    return np.log(ratio * odds) - whole, -whole


def _log_sum(terms: Floats) -> Floats:
    top = terms.max(axis=0)
    summed: Floats = top + np.log(np.exp(terms - top).sum(axis=0))
    return summed

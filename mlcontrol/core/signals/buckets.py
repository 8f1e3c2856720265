"""A quantile from the cumulative buckets of a histogram, and what they cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite, nan


def bound_of(text: str) -> float:
    """The label ``le``; what is no number bounds nothing."""
    try:
        return float(text)
    except ValueError:
        return nan


def quantile(counted: Mapping[float, float], share: float, limit: float | None = None) -> float:
    """``counted``: by upper bound, how many observations were at or below it; the last bound is infinite. ``limit``: what the
    quantile is held against.

    Between two bounds it is interpolated, as Prometheus does. NaN where that would be a guess on the wrong side: without a bound
    at infinity or without an observation; beyond the highest finite bound, unless that alone is above ``limit``; and where
    ``limit`` lies inside the same bucket.
    """
    bounds = sorted(bound for bound in counted if bound == bound)
    if not bounds or bounds[-1] != inf or not counted[inf] > 0:
        return nan
    wanted, below, low = share * counted[inf], 0.0, 0.0
    for bound in bounds:
        # Buckets are read one after the other while the server counts: a later one may lag behind.
        upto = max(below, counted[bound])
        if upto >= wanted and upto > below:
            break
        below, low = upto, bound
    if not isfinite(bound):
        return low if limit is not None and low > limit else nan
    if limit is not None and low < limit < bound:
        return nan
    return low + (bound - low) * (wanted - below) / (upto - below)

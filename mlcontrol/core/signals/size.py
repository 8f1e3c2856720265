"""How large a change is, with its 95 % interval: of means as a ratio or a difference, of shares as a difference."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isfinite, log, sqrt

import numpy as np

from mlcontrol.core.review.judging import Z95, wilson
from mlcontrol.core.signals.noise import Floats


@dataclass(frozen=True, slots=True)
class Size:
    """``low``..``high``: 95 %."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def times_the_mean(before: Floats, now: Floats) -> Size | None:
    """The mean of now over that of before; `None` where a ratio says nothing: values below nought, or nothing but noughts.

    The interval is the delta method's on the logarithm. Finite values, two or more of each.
    """
    if min(before.size, now.size) < 2 or min(float(before.min()), float(now.min())) < 0:
        return None
    was, is_now = float(before.mean()), float(now.mean())
    if not (was > 0 and is_now > 0 and isfinite(is_now / was)):
        return None
    spread = sqrt(_variance_of_mean(before) / was**2 + _variance_of_mean(now) / is_now**2)
    middle = log(is_now / was)
    if middle + Z95 * spread > 700:
        return None
    return Size(exp(middle), exp(middle - Z95 * spread), exp(middle + Z95 * spread))


def moved_mean(before: Floats, now: Floats) -> Size:
    """The mean of now less that of before, with Welch's standard error. Finite values, two or more of each."""
    moved = float(now.mean()) - float(before.mean())
    half = Z95 * sqrt(_variance_of_mean(before) + _variance_of_mean(now))
    return Size(moved, moved - half, moved + half)


def moved_share(had: int, n: int, has: int, m: int) -> Size:
    """``has`` of ``m`` less ``had`` of ``n``, both of at least one: Newcombe's interval (1998, Stat. Med. 17:873, no. 10)."""
    q, p = had / n, has / m
    (q_low, q_high), (low, high) = wilson(had, n), wilson(has, m)
    below, above = sqrt((p - low) ** 2 + (q_high - q) ** 2), sqrt((high - p) ** 2 + (q - q_low) ** 2)
    return Size(p - q, p - q - below, p - q + above)


def _variance_of_mean(values: Floats) -> float:
    return float(np.var(values, ddof=1)) / values.size

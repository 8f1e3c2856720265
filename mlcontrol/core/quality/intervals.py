"""Intervals that stay honest where few cases are known, or all of them are right.

A bootstrap of ten right answers draws ten right answers, and DeLong's variance of an area of 1 is nought: both would promise
certainty. So shares have Wilson's limits, areas Newcombe's beside DeLong's, and means Student's quantile.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt

import numpy as np
import numpy.typing as npt

from mlcontrol.core.quality.report import Measure
from mlcontrol.core.review import Z95, wilson

Floats = npt.NDArray[np.float64]
Limits = tuple[float, float, float]
"""Value, low, high."""


def mean_measure(
    name: str, values: Floats, higher: bool | None, least: float | None = None, most: float | None = None
) -> Measure:
    """A mean with Student's limits, held within what it can be (``least``, ``most``); one value alone has none."""
    value, n = float(values.mean()), values.size
    if n < 2 or not isfinite(value):
        note = "one case alone has no interval" if n == 1 else "something logged is no number that can be added up"
        return Measure(name, value if isfinite(value) else None, n=n, higher=higher, note=note, share=False)
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) / sqrt(n)
    low, high = value - half, value + half
    low, high = low if least is None else max(least, low), high if most is None else min(most, high)
    return Measure(name, value, low, high, n, higher, "Student", share=False)


def share_limits(hits: float, of: float) -> Limits:
    """Of nothing, as scikit-learn counts it: 0, and nobody knows."""
    return (hits / of if of else 0.0, *wilson(hits, of))


def f1_limits(hits: float, true: float, told: float) -> Limits:
    """F1 = 2 J / (1 + J), and J = hits / (true + told - hits) is a share: its limits are those of J."""
    return tuple(2 * j / (1 + j) for j in share_limits(hits, true + told - hits))  # type: ignore[return-value]


def mean_of(parts: Sequence[Limits]) -> Limits:
    """The mean of independent parts: each side's distances add up as squares (Zou & Donner 2008, Stat. Med. 27:1693)."""
    value, low, high = np.asarray(parts, dtype=np.float64).T
    middle, k = float(value.mean()), value.size
    below, above = sqrt(float(np.sum((value - low) ** 2))) / k, sqrt(float(np.sum((high - value) ** 2))) / k
    return middle, max(0.0, middle - below), min(1.0, middle + above)


def auc_limits(area: float, positive: int, negative: int) -> Limits:
    """Newcombe's pseudo-score limits of an area under a ROC curve (2006, Stat. Med. 25:559, method 5): where the area lies Z95 of
    the deviation that Hanley & McNeil's formula gives there. They hold for an area of 1, too."""
    each = (positive + negative) / 2 - 1

    def beyond(at: float) -> bool:
        spread = at * (1 - at) * (1 + each * (1 - at) / (2 - at) + each * at / (1 + at)) / (positive * negative)
        return abs(area - at) > Z95 * sqrt(max(0.0, spread))

    def edge(outer: float) -> float:
        inner = area
        for _ in range(50):
            middle = (outer + inner) / 2
            outer, inner = (middle, inner) if beyond(middle) else (outer, middle)
        return (outer + inner) / 2

    return area, edge(0.0) if area > 0 else 0.0, edge(1.0) if area < 1 else 1.0

"""Shares estimated from samples, each with the interval that its design allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from mlcontrol.core.review.judging import Z95, wilson


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its 95 % interval. ``value`` `None`: nothing was judged. ``n``: judged items; ``design``: in words."""

    value: float | None
    low: float
    high: float
    n: int
    design: str

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


NOTHING = Estimate(None, 0.0, 1.0, 0, "nothing judged")


def simple(right: int, n: int) -> Estimate:
    """Simple random sample: Wilson (1927)."""
    if n == 0:
        return NOTHING
    low, high = wilson(right, n)
    return Estimate(right / n, low, high, n, "simple random sample")


def stratified(strata: Mapping[str, tuple[int, int]], sizes: Mapping[str, int]) -> Estimate:
    """Share over the population of all strata. ``strata``: (right, judged) by stratum; ``sizes``: candidates by stratum.

    p = sum W_h p_h, var = sum W_h^2 (1 - n_h/N_h) q_h (1 - q_h) / (n_h - 1) (Cochran 1977, 5.3), with q_h = (x + 1/2)/(n + 1) so
    that a stratum without an error still has a variance. A stratum nobody judged makes the answer `NOTHING`: its share is
    not known, and leaving it out would be a lie.
    """
    population = sum(size for size in sizes.values() if size > 0)
    n = sum(judged for _, judged in strata.values())
    if population == 0 or n == 0:
        return NOTHING
    value = variance = 0.0
    for name, size in sizes.items():
        if size <= 0:
            continue
        right, judged = strata.get(name, (0, 0))
        if judged == 0:
            return Estimate(None, 0.0, 1.0, n, f"stratum {name or 'all'} not judged yet")
        weight = size / population
        q = (right + 0.5) / (judged + 1)
        unseen = max(0.0, 1 - judged / size)
        value += weight * right / judged
        variance += weight**2 * unseen * q * (1 - q) / max(1, judged - 1)
    half = Z95 * sqrt(variance)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), n, "stratified sample")


post_stratified = stratified
"""A simple sample weighted to known slice sizes has the same form, conditional on what was drawn (Holt & Smith 1979)."""


def weighted(values: Sequence[tuple[float, float] | tuple[float, float, int]]) -> Estimate:
    """(value in 0..1, inclusion probability[, how many such]) of judged items: Horvitz & Thompson (1952) in Hajek's ratio form,
    with the with-replacement variance of a ratio, sum w_i^2 (y_i - p)^2 n/(n-1) / (sum w_i)^2. Smoothed by half a right and
    half a wrong answer of mean weight, so that a run without errors keeps an interval.

    Raises `ValueError` for a probability of 0."""
    cells = [(one[0], one[1], one[2] if len(one) == 3 else 1) for one in values]
    n = sum(count for _, _, count in cells)
    if n == 0:
        return NOTHING
    if any(not 0 < p <= 1 for _, p, _ in cells):
        raise ValueError("an inclusion probability lies in (0, 1]")
    total = sum(count / p for _, p, count in cells)
    value = sum(count * y / p for y, p, count in cells) / total
    mean = total / n
    smooth = (value * total + 0.5 * mean) / (total + mean)
    spread = sum(count * ((y - smooth) / p) ** 2 for y, p, count in cells)
    spread += 0.5 * mean**2 * ((1 - smooth) ** 2 + smooth**2)
    variance = spread * (n / max(1, n - 1)) / (total + mean) ** 2
    half = Z95 * sqrt(variance)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), n, "weighted by inclusion probability")

"""A mean from few human labels and many model scores (PPI++, Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from mlcontrol.core.review.judging import Z95

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LEAST_LABELS = 30


@dataclass(frozen=True, slots=True)
class PredictionPowered:
    """``weight``: how much the model's scores are trusted, 0 (not at all: the classical mean) to 1. ``width_ratio``: width of the
    interval over the classical one."""

    value: float
    low: float
    high: float
    weight: float
    n: int
    unlabelled: int
    width_ratio: float


@dataclass(frozen=True, slots=True)
class Moments:
    """Of the model's own scores on items that nobody judged. ``variance``: divided by n."""

    n: int
    mean: float
    variance: float


def moments_of(values: Sequence[float]) -> Moments:
    """Zero of everything for no value."""
    n = len(values)
    mean = math.fsum(values) / n if n else 0.0
    return Moments(n, mean, math.fsum((v - mean) ** 2 for v in values) / n if n else 0.0)


def ppi_mean(human: ArrayLike, scores: ArrayLike, unlabelled_scores: ArrayLike) -> PredictionPowered | None:
    """`ppi_of_moments` with the unlabelled scores themselves."""
    import numpy as np

    rest = np.asarray(unlabelled_scores, dtype=float)
    if len(rest) == 0:
        return None
    return ppi_of_moments(human, scores, Moments(len(rest), float(rest.mean()), float(np.var(rest))))


def ppi_of_moments(human: ArrayLike, scores: ArrayLike, rest: Moments) -> PredictionPowered | None:
    """Mean of the human label. ``scores``: the model's own score of the same items; ``rest``: of items nobody judged.

    lambda = clip(cov(y, f) / ((1 + n/N) var f), 0, 1). `None` below `LEAST_LABELS` labels (the normal interval undercovers),
    without unlabelled scores, or where a value is not finite. The labelled items must be a simple random sample of the traffic.
    """
    import numpy as np

    y, f = (np.asarray(x, dtype=float) for x in (human, scores))
    if y.shape != f.shape or y.ndim != 1:
        raise ValueError("human labels and scores must be of the same items")
    n, unlabelled = len(y), rest.n
    finite = np.isfinite(y).all() and np.isfinite(f).all() and math.isfinite(rest.mean) and math.isfinite(rest.variance)
    if n < LEAST_LABELS or unlabelled == 0 or not finite:
        return None
    both = (n * float(f.mean()) + unlabelled * rest.mean) / (n + unlabelled)
    spread = n * (float(np.var(f)) + (float(f.mean()) - both) ** 2) + unlabelled * (
        rest.variance + (rest.mean - both) ** 2
    )
    variance_f = spread / (n + unlabelled)
    covariance = float(np.mean((y - y.mean()) * (f - f.mean())))
    weight = min(1.0, max(0.0, covariance / ((1 + n / unlabelled) * variance_f))) if variance_f > 0 else 0.0
    value = float(y.mean() + weight * (rest.mean - f.mean()))
    variance = float(np.var(y - weight * f, ddof=1)) / n + weight**2 * rest.variance / unlabelled
    classical = float(np.var(y, ddof=1)) / n
    half = Z95 * sqrt(variance)
    ratio = sqrt(variance / classical) if classical > 0 else 1.0
    return PredictionPowered(value, value - half, value + half, weight, n, unlabelled, ratio)

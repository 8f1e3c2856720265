"""A mean from few human labels and many model scores (PPI++, Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453)."""

from __future__ import annotations

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


def ppi_mean(human: ArrayLike, scores: ArrayLike, unlabelled_scores: ArrayLike) -> PredictionPowered | None:
    """Mean of the human label. ``scores``: the model's own score of the same items; ``unlabelled_scores``: of items nobody judged.

    lambda = clip(cov(y, f) / ((1 + n/N) var f), 0, 1). `None` below `LEAST_LABELS` labels (the normal interval undercovers),
    without unlabelled scores, or where a value is not finite. The labelled items must be a simple random sample of the traffic.
    """
    import numpy as np

    y, f, rest = (np.asarray(x, dtype=float) for x in (human, scores, unlabelled_scores))
    if y.shape != f.shape or y.ndim != 1:
        raise ValueError("human labels and scores must be of the same items")
    n, unlabelled = len(y), len(rest)
    if n < LEAST_LABELS or unlabelled == 0 or not all(np.isfinite(x).all() for x in (y, f, rest)):
        return None
    variance_f = float(np.var(np.concatenate([f, rest])))
    covariance = float(np.mean((y - y.mean()) * (f - f.mean())))
    weight = min(1.0, max(0.0, covariance / ((1 + n / unlabelled) * variance_f))) if variance_f > 0 else 0.0
    value = float(y.mean() + weight * (rest.mean() - f.mean()))
    variance = float(np.var(y - weight * f, ddof=1)) / n + weight**2 * float(np.var(rest)) / unlabelled
    classical = float(np.var(y, ddof=1)) / n
    half = Z95 * sqrt(variance)
    ratio = sqrt(variance / classical) if classical > 0 else 1.0
    return PredictionPowered(value, value - half, value + half, weight, n, unlabelled, ratio)

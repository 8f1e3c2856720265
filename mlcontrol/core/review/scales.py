"""What the scales of a rubric came to: a mean per version with its interval, and how far raters agree on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from mlcontrol.core.review.agreement import Level, krippendorff
from mlcontrol.core.review.judging import Judgement, counts
from mlcontrol.core.review.rubric import Scale


@dataclass(frozen=True, slots=True)
class ScaleMean:
    """Over items, of the mean of each item's raters, weighted by inclusion probability. ``low``/``high``: 95 %, Student's t,
    `None` below two items. ``alpha``: Krippendorff's for intervals, over all versions; `None`: undefined."""

    scale: str
    version: str
    n: int
    mean: float
    low: float | None
    high: float | None
    alpha: float | None


def scale_means(scales: Sequence[Scale], judgements: Iterable[Judgement]) -> tuple[ScaleMean, ...]:
    """One per scale and version that was judged on it."""
    known = list(judgements)
    result = []
    for scale in scales:
        items: dict[tuple[str, str, float], list[float]] = {}
        units: dict[str, dict[str, float]] = {}
        for one in known:
            value = one.scales.get(scale.name)
            if value is None or one.withdrawn or one.adjudicated:
                continue
            if counts(one):
                items.setdefault((one.version, one.item, one.probability), []).append(value)
            units.setdefault(one.item, {})[one.rater] = value
        shared = [unit for unit in units.values() if len(unit) >= 2]
        alpha = krippendorff(shared, Level.INTERVAL) if shared else None
        for version in sorted({name for name, _, _ in items}):
            pairs = [(sum(v) / len(v), p) for (name, _, p), v in items.items() if name == version]
            result.append(_mean(scale.name, version, pairs, alpha))
    return tuple(result)


def _mean(scale: str, version: str, pairs: Sequence[tuple[float, float]], alpha: float | None) -> ScaleMean:
    n, total = len(pairs), sum(1 / p for _, p in pairs)
    mean = sum(y / p for y, p in pairs) / total
    if n < 2:
        return ScaleMean(scale, version, n, mean, None, None, alpha)
    from scipy.stats import t

    variance = n / (n - 1) * sum(((y - mean) / p) ** 2 for y, p in pairs) / total**2
    half = float(t.ppf(0.975, n - 1)) * sqrt(variance)
    return ScaleMean(scale, version, n, mean, mean - half, mean + half, alpha)

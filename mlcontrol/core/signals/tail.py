"""How high a limit must be for a given rate of false alarms: the tail of what was seen, extended beyond it."""

from __future__ import annotations

from math import expm1, log, sqrt

import numpy as np

from mlcontrol.core.signals.noise import Floats

FEWEST_PEAKS = 10
HEAVIEST = 0.4
MOST_INCIDENTS = 6
PEAKS_PER_INCIDENT = 40
STANDS_OUT = 1.45


def pareto_fit(excess: Floats) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto law by probability-weighted moments (Hosking & Wallis 1987, Technometrics 29:339).

    ``excess``: over the threshold, not negative. The shape is held to 0..0.4: a shape below 0 would promise a highest value.
    """
    ordered = np.sort(excess)
    n = ordered.size
    mean = float(ordered.mean())
    weighted = float(np.mean((1.0 - (np.arange(1, n + 1) - 0.35) / n) * ordered))
    if mean <= 0:
        return 0.0, 0.0
    shape = 2.0 - mean / max(mean - 2.0 * weighted, 1e-12)
    if not 0.0 < shape < HEAVIEST:
        shape = min(max(shape, 0.0), HEAVIEST)
        return shape, mean * (1.0 - shape)
    return shape, 2.0 * mean * weighted / (mean - 2.0 * weighted)


def limit_for(peaks: Floats, readings: float, per_reading: float) -> float:
    """The limit that peaks exceed ``per_reading`` times a reading.

    ``peaks``: the highest score of every stretch of readings, so that one incident counts once; ``readings``: how many they
    were. The highest one is left out of the fit, and so are a few that stand far above what the rest would set as their limit: a
    few incidents must not hide the next. What comes oftener than that is a habit and counts.
    """
    ordered = np.sort(peaks)[::-1]
    left_out = 1 + ordered.size // 500
    few = min(MOST_INCIDENTS, ordered.size // PEAKS_PER_INCIDENT)
    if few > left_out:
        rest = _limit(ordered[few:], readings, per_reading)
        left_out = max(left_out, int(np.count_nonzero(ordered[:few] > STANDS_OUT * rest)))
    return _limit(ordered[left_out:], readings, per_reading)


def _limit(ordered: Floats, readings: float, per_reading: float) -> float:
    count = int(min(max(FEWEST_PEAKS, ordered.size // 4), ordered.size))
    if count < FEWEST_PEAKS:
        return float("inf")
    threshold = float(ordered[count - 1])
    shape, scale = pareto_fit(ordered[:count] - threshold)
    ratio = max(1.0, count / readings / per_reading)
    if shape < 1e-3:
        return threshold + scale * log(ratio)
    return threshold + scale * expm1(shape * log(ratio)) / shape


def normal_limit(per_reading: float) -> float:
    """Two-sided limit of a standard normal law by a short series (Abramowitz & Stegun 26.2.23, error below 4.5e-4)."""
    t = sqrt(-2.0 * log(min(max(per_reading, 1e-300), 0.9) / 2.0))
    return t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t**3)


def share_above(rate_per_week: float, rows_per_week: float) -> float:
    """The chance per reading that spends this budget; never more than one in 500, however seldom is measured."""
    return min(rate_per_week / rows_per_week, 1 / 500) if rows_per_week > 0 else 1 / 500

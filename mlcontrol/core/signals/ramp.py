"""A slow climb that a segmentation cut into steps: one change, where it began."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mlcontrol.core.signals.noise import Floats

GRID = 16


@dataclass(frozen=True, slots=True)
class Ramp:
    """``start``, ``stop``: indices between which it climbs or falls. ``last_cut``: position of the last cut it explains."""

    start: int
    stop: int
    last_cut: int


def find_ramp(values: Floats, bounds: list[int], i: int, penalty: float) -> Ramp | None:
    """Whether the cuts from number ``i`` on are one slope: at least two steps in one direction which flat-slope-flat fits better,
    where every step beyond the second costs ``penalty``.

    ``bounds``: 0, the cuts, the length. ``penalty``: squared rest that a corner must save to be believed. A slope without a
    corner at its beginning is a trend: ``start`` is then 0 where the series begins with it.
    """
    means = [float(np.mean(values[a:b])) for a, b in pairwise(bounds)]
    steps = np.sign(np.diff(means))
    last = i
    while last + 1 < len(steps) and steps[last + 1] == steps[i]:
        last += 1
    if last == i:
        return None
    begin, end = bounds[i], bounds[last + 2]
    part = values[begin:end]
    stairs = sum(float(np.sum((values[a:b] - m) ** 2)) for a, b, m in _pieces(bounds, means, i, last + 1))
    start, stop, rest = _best_slope(part)
    if rest >= stairs + max(0, last - i - 1) * penalty:
        return None
    from_the_beginning = begin == 0 and _rest(part, 0, stop) <= rest + penalty
    return Ramp(0 if from_the_beginning else begin + start, begin + stop, last)


def _pieces(bounds: list[int], means: list[float], first: int, last: int) -> list[tuple[int, int, float]]:
    return [(bounds[k], bounds[k + 1], means[k]) for k in range(first, last + 1)]


def _best_slope(part: Floats) -> tuple[int, int, float]:
    """Least squares of flat, slope, flat over a grid of its two corners, refined once: start, stop, squared rest."""
    n = part.size
    best = (0, n - 1, float("inf"))
    starts, stops = np.linspace(0, n - 1, GRID).astype(int), np.linspace(0, n - 1, GRID).astype(int)
    for _ in range(2):
        for start in starts:
            for stop in stops:
                if stop - start >= 2 and (rest := _rest(part, int(start), int(stop))) < best[2]:
                    best = (int(start), int(stop), rest)
        reach = max(1, n // GRID)
        starts = np.unique(np.clip(np.linspace(best[0] - reach, best[0] + reach, GRID).astype(int), 0, n - 1))
        stops = np.unique(np.clip(np.linspace(best[1] - reach, best[1] + reach, GRID).astype(int), 0, n - 1))
    return best


def _rest(part: Floats, start: int, stop: int) -> float:
    shape = np.clip((np.arange(part.size) - start) / (stop - start), 0.0, 1.0)
    centred = shape - shape.mean()
    power = float(centred @ centred)
    if power <= 0:
        return float("inf")
    slope = float(centred @ part) / power
    rest = part - part.mean() - slope * centred
    return float(rest @ rest)

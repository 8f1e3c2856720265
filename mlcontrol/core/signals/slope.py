"""The steady slope of a series on which its changes stand, where it has one: cut into steps it would be many changes, not one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from mlcontrol.core.signals.noise import Floats, median

BLOCKS = 24
STRETCHES = ((0.0, 1.0), (0.0, 0.4), (0.6, 1.0))
"""Of the series: a slope may have been there before a change, or only since."""
FEWEST_CLIMBING = 6
LEAST_THIRD = 0.1
"""Of a climb, from one third to the next; a straight one has half."""


def steady_slope(values: Floats, cost: Callable[[Floats], float], dearer: float) -> float:
    """Per reading; 0 where no slope makes the series cheaper to tell by ``dearer`` at least. ``cost``: of a series as steps."""
    best, least = 0.0, cost(values) - dearer
    places = np.arange(values.size, dtype=np.float64)
    for begin, end in STRETCHES:
        part = values[int(begin * values.size) : int(end * values.size)]
        slope = theil_sen(part)
        if slope and (told := cost(values - slope * places)) < least:
            best, least = slope, told
    return best


def theil_sen(values: Floats) -> float:
    """The median of the slopes between any two of 24 block medians (Theil 1950, Sen 1968): one step hardly moves it."""
    size = values.size // BLOCKS
    if size < 2:
        return 0.0
    level = np.median(values[: size * BLOCKS].reshape(BLOCKS, size), axis=1)
    return median(np.array([(level[b] - level[a]) / (b - a) for a, b in combinations(range(BLOCKS), 2)])) / size


def steady_climb(values: Floats, least: float) -> float:
    """Per reading, where it still climbs (falls: negative) steadily by ``least`` in all: every third further than the one before.
    0: it does not, or there are too few to tell."""
    if values.size < FEWEST_CLIMBING:
        return 0.0
    first, second, third = (median(part) for part in np.array_split(values, 3))
    whole = third - first
    if abs(whole) < least or min((second - first) / whole, (third - second) / whole) < LEAST_THIRD:
        return 0.0
    return whole / (2 / 3 * values.size)

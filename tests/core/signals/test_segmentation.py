"""The segmentation against the library that is known for it, and against every segmentation there is."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from ruptures import KernelCPD

from mlcontrol.core.signals.segmentation import best_cuts


@pytest.mark.parametrize("n", [40, 300, 1500])
@pytest.mark.parametrize("steps", [0, 1, 3, 8])
def test_the_cuts_are_those_of_ruptures(n: int, steps: int) -> None:
    rng = np.random.default_rng(n + steps)
    values = rng.normal(size=n)
    for _ in range(steps):
        values[rng.integers(n) :] += 3 * rng.normal()
    penalty = 3 * np.log(n)
    theirs = KernelCPD(kernel="linear", min_size=5).fit((values - values.mean()).reshape(-1, 1)).predict(pen=penalty)
    assert best_cuts(values, 5, penalty) == theirs[:-1]


@pytest.mark.parametrize("seed", range(5))
def test_no_other_segmentation_is_better(seed: int) -> None:
    values, penalty, shortest = np.random.default_rng(seed).normal(size=12) * 2, 3.0, 2
    values[7:] += 4

    def cost(cuts: tuple[int, ...]) -> float:
        parts = [values[a:b] for a, b in pairwise((0, *cuts, 12))]
        if min(part.size for part in parts) < shortest:
            return float("inf")
        return sum(float(np.sum((part - part.mean()) ** 2)) for part in parts) + penalty * len(cuts)

    every = [cuts for count in range(5) for cuts in combinations(range(1, 12), count)]
    assert tuple(best_cuts(values, shortest, penalty)) == min(every, key=cost)

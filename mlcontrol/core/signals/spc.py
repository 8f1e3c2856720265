"""Statistical process control: Shewhart, EWMA and CUSUM charts, Nelson's rules, and the average run length of each.

Formulae: Montgomery, Introduction to Statistical Quality Control, ch. 6-9; Nelson 1984 (J. Quality Technology 16:237). Run
lengths by the Markov chain of Brook & Evans 1972 (Biometrika 59:539).
All charts take standardised readings z = (x - centre) / sigma.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import erfc, inf, sqrt

import numpy as np

from mlcontrol.core.signals.noise import Floats

EWMA_WEIGHT = 0.2
CUSUM_SLACK = 0.5


@dataclass(frozen=True, slots=True)
class Chart:
    """``value``: what the chart plots, by reading; ``low``, ``high``: its limits; ``out``: where it signals. ``run``: of so many
    in a row on one side it signals, too; 0: of none."""

    value: Floats
    low: Floats
    high: Floats
    out: np.ndarray
    run: int = 0


def shewhart(z: Floats, limit: float = 3.0) -> Chart:
    return Chart(z, np.full(z.size, -limit), np.full(z.size, limit), np.abs(z) > limit)


def ewma(z: Floats, weight: float = EWMA_WEIGHT, limit: float = 2.962) -> Chart:
    """z_i = weight·x_i + (1-weight)·z_{i-1}; limits widen from the start as its variance does. NaN readings change nothing."""
    value, last = np.empty(z.size), 0.0
    for i, x in enumerate(z):
        if x == x:
            last = weight * x + (1 - weight) * last
        value[i] = last
    width = limit * np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * np.arange(1, z.size + 1))))
    return Chart(value, -width, width, np.abs(value) > width)


def cusum(z: Floats, slack: float = CUSUM_SLACK, limit: float = 5.0) -> Chart:
    """Two one-sided sums; plotted is the larger, negative when it is the lower one's."""
    value, up, down = np.empty(z.size), 0.0, 0.0
    for i, x in enumerate(z):
        if x == x:
            up, down = max(0.0, up + x - slack), max(0.0, down - x - slack)
        value[i] = up if up >= down else -down
    return Chart(value, np.full(z.size, -limit), np.full(z.size, limit), np.abs(value) > limit)


NELSON = {
    1: "one beyond 3 sigma",
    2: "nine in a row on one side",
    3: "six in a row rising or falling",
    4: "fourteen in a row alternating",
    5: "two of three beyond 2 sigma on one side",
    6: "four of five beyond 1 sigma on one side",
    7: "fifteen in a row within 1 sigma",
    8: "eight in a row beyond 1 sigma, on both sides",
}
NELSON_ARL0 = {(1,): 370.4, (1, 2): 217.6, (1, 5): 226.0, (1, 6): 166.0, (1, 2, 5, 6): 109.1, tuple(range(1, 9)): 73.4}
"""Readings between false alarms, where it has been computed: with all rules on at one reading a minute, 73 minutes."""


def nelson(z: Floats, rules: tuple[int, ...] = (1, 2)) -> dict[int, np.ndarray]:
    """By rule, the readings at which it is met. A NaN breaks every run."""
    n = z.size
    side = np.where(np.isnan(z), 0, np.sign(z))
    steps = np.sign(np.diff(z, prepend=np.nan))
    found = {
        1: np.abs(z) > 3,
        2: _run(side == 1, 9) | _run(side == -1, 9),
        3: _run(steps == 1, 5) | _run(steps == -1, 5),
        4: _run(np.concatenate([[False], steps[1:] * steps[:-1] == -1])[:n], 12),
        5: _of(z > 2, 2, 3) | _of(z < -2, 2, 3),
        6: _of(z > 1, 4, 5) | _of(z < -1, 4, 5),
        7: _run(np.abs(z) < 1, 15),
        8: _run(np.abs(z) > 1, 8) & ~_run(z > 1, 8) & ~_run(z < -1, 8),
    }
    return {rule: found[rule] for rule in rules}


def nelson_chart(z: Floats, arl0: float) -> Chart:
    """Rules 1 and 2, both widened so that together they are quiet for ``arl0`` independent readings on average."""
    run = run_of_budget(arl0)
    limit = shewhart_limit(1 / (1 / arl0 - 1 / run_arl(run)))
    plain = shewhart(z, limit)
    return Chart(z, plain.low, plain.high, plain.out | one_sided_runs(z, run), run)


def one_sided_runs(z: Floats, length: int) -> np.ndarray:
    """Where ``length`` readings in a row, this one included, are on one side of nought. NaN and nought break a run."""
    return np.asarray(_run(z > 0, length) | _run(z < 0, length))


def run_arl(length: int) -> float:
    """Independent readings, as often on either side, until so many in a row are on one side (Feller 1968, XIII.7)."""
    return 2.0**length - 1


def run_of_budget(arl0: float) -> int:
    """The shortest run that takes no more than half of the false alarms."""
    return next(length for length in range(2, 64) if run_arl(length) >= 2 * arl0)


def _run(hit: np.ndarray, length: int) -> np.ndarray:
    return _of(hit, length, length)


def _of(hit: np.ndarray, many: int, among: int) -> np.ndarray:
    """At least ``many`` of the last ``among``, the last one itself included."""
    sums = np.cumsum(np.concatenate([[0], hit.astype(int)]))
    ends = np.arange(1, hit.size + 1)
    return np.asarray(hit & (sums[ends] - sums[np.maximum(ends - among, 0)] >= many))


def shewhart_arl(limit: float, shift: float = 0.0) -> float:
    """1 / P(|z + shift| > limit)."""
    beyond = (erfc((limit - shift) / sqrt(2)) + erfc((limit + shift) / sqrt(2))) / 2
    return 1 / beyond if beyond > 0 else inf


def cusum_arl(slack: float, limit: float, shift: float = 0.0, states: int = 500) -> float:
    """Two-sided: 1/ARL = 1/ARL(up) + 1/ARL(down) (Kemp 1961), each by the Markov chain, extended to infinitely many states."""

    def both(count: int) -> float:
        return 1 / (1 / _one_sided(slack, limit, shift, count) + 1 / _one_sided(slack, limit, -shift, count))

    # The chain's error falls with the square of its width (Brook & Evans): two sizes give the limit.
    return (4 * both(states) - both(states // 2)) / 3


def _one_sided(slack: float, limit: float, shift: float, states: int) -> float:
    width = 2 * limit / (2 * states - 1)
    at = np.arange(states) * width
    upper = _normal(at[None, :] - at[:, None] + width / 2 + slack - shift)
    lower = _normal(at[None, :] - at[:, None] - width / 2 + slack - shift)
    moves = upper - lower
    moves[:, 0] = upper[:, 0]
    return float(np.linalg.solve(np.eye(states) - moves, np.ones(states))[0])


def ewma_arl(weight: float, limit: float, shift: float = 0.0, states: int = 401) -> float:
    """Two-sided, with the limits of a chart that has run for long (Lucas & Saccucci 1990, Technometrics 32:1)."""

    def chain(count: int) -> float:
        bound = limit * sqrt(weight / (2 - weight))
        width = 2 * bound / count
        at = -bound + width * (np.arange(count) + 0.5)
        upper = _normal((at[None, :] + width / 2 - (1 - weight) * at[:, None]) / weight - shift)
        lower = _normal((at[None, :] - width / 2 - (1 - weight) * at[:, None]) / weight - shift)
        return float(np.linalg.solve(np.eye(count) - (upper - lower), np.ones(count))[count // 2])

    return chain(states)


def _normal(z: Floats) -> Floats:
    """Standard normal distribution function."""
    from scipy.special import ndtr

    return np.asarray(ndtr(z), dtype=np.float64)


@lru_cache(maxsize=64)
def ewma_limit(arl0: float, weight: float = EWMA_WEIGHT) -> float:
    """The limit with which a chart is quiet for ``arl0`` readings on average: an alert budget as a limit."""
    return _limit(arl0, lambda limit: ewma_arl(weight, limit, states=151), 1.5, 6.0)


@lru_cache(maxsize=64)
def cusum_limit(arl0: float, slack: float = CUSUM_SLACK) -> float:
    return _limit(arl0, lambda limit: cusum_arl(slack, limit, states=100), 1.0, 15.0)


@lru_cache(maxsize=64)
def shewhart_limit(arl0: float) -> float:
    return _limit(arl0, shewhart_arl, 1.0, 8.0)


def _limit(arl0: float, arl: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if arl(middle) < arl0 else (low, middle)
    return (low + high) / 2


def arl_of_budget(false_alarms_per_week: float, series: int, step_s: float) -> float:
    """Readings that each of ``series`` charts must run without a false alarm, when together they may have so many a week."""
    return series * 7 * 86_400 / step_s / false_alarms_per_week

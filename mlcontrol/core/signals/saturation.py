"""What a service can carry, from its own history: the traffic at which latency passes its objective."""

from __future__ import annotations

import numpy as np

from mlcontrol.core.capacity import Capacity
from mlcontrol.core.signals.noise import Floats

FEWEST = 60
FEWEST_SLOW = 10
CHANCE = 0.001
_DRAWS = 200


def saturation(per_s: Floats, p99_ms: Floats, objective_ms: float) -> Capacity:
    """``per_s``, ``p99_ms``: traffic and latency of the same buckets.

    Latency is fitted as a function that only rises with traffic (isotonic regression); the capacity is where it passes the
    objective, its interval from 200 draws of the buckets with replacement. That slow buckets are busier must be no chance
    (Mann-Whitney), else a slow day would pass for a full one.
    """
    known = np.isfinite(per_s) & np.isfinite(p99_ms) & (per_s > 0)
    load, latency = per_s[known], p99_ms[known]
    n = load.size
    if n < FEWEST:
        return Capacity(n=n, why=f"{n} of {FEWEST} readings of traffic with latency that are needed to measure it")
    slow = latency > objective_ms
    count = int(slow.sum())
    most = float(load.max())
    if count < FEWEST_SLOW:
        return Capacity(n=n, why=f"latency kept its objective up to the most that was seen, {most:.3g} a second")
    from scipy.stats import mannwhitneyu

    if count == n or mannwhitneyu(load[slow], load[~slow], alternative="greater").pvalue > CHANCE:
        return Capacity(n=n, why="latency passes its objective, but not because of the traffic")
    found = _crossing(load, latency, objective_ms)
    if found is None:
        return Capacity(n=n, why="latency passes its objective, but not where the traffic is highest")
    draws = np.random.default_rng(1).integers(0, n, (_DRAWS, n))
    many = [_crossing(load[draw], latency[draw], objective_ms) or most for draw in draws]
    low, high = np.quantile(many, (0.025, 0.975))
    return Capacity(found, float(low), float(high), "measured", n)


def _crossing(load: Floats, latency: Floats, objective_ms: float) -> float | None:
    from scipy.optimize import isotonic_regression

    order = np.argsort(load, kind="stable")
    # Of the logarithm: one answer of ten seconds is not a hundred of a tenth.
    fitted = np.asarray(isotonic_regression(np.log(np.maximum(latency[order], 1e-6))).x)
    above = np.flatnonzero(fitted > np.log(objective_ms))
    return float(load[order][above[0]]) if above.size else None

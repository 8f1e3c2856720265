"""Counts as a rollout makes them, drawn with a seed: steady, drifting, ramping, bursting."""

from __future__ import annotations

import numpy as np

from mlcontrol.core.judge.bucket import Arm, Bucket


def buckets(
    seed: int,
    minutes: float = 10.0,
    *,
    rate: float = 50.0,
    share: float | np.ndarray = 0.1,
    errors: float = 0.01,
    ratio: float = 1.0,
    burst_cv: float = 0.0,
    drift: float = 1.0,
    from_bucket: int = 0,
    step_s: float = 10.0,
) -> tuple[Bucket, ...]:
    """``ratio``: error rate of the new version over the old one's, from bucket ``from_bucket`` on. ``burst_cv``: coefficient of
    variation of each arm's own rate from bucket to bucket. ``drift``: the common rate swings between / and times this."""
    rng = np.random.default_rng(seed)
    n = int(minutes * 60 / step_s)
    shares = np.broadcast_to(np.asarray(share, dtype=float), (n,))
    new = rng.poisson(rate * step_s * shares)
    old = rng.poisson(rate * step_s * (1 - shares))
    common = errors * drift ** np.sin(np.arange(n) / n * 2 * np.pi)
    own = rng.gamma(1 / burst_cv**2, burst_cv**2, (2, n)) if burst_cv else np.ones((2, n))
    ratios = np.where(np.arange(n) >= from_bucket, ratio, 1.0)
    bad_new = rng.binomial(new, np.minimum(1.0, common * ratios * own[0]))
    bad_old = rng.binomial(old, np.minimum(1.0, common * own[1]))
    return tuple(
        Bucket(
            step_s * i,
            step_s * (i + 1),
            float(shares[i]),
            Arm(int(new[i]), int(bad_new[i]), {"5xx": int(bad_new[i])}),
            Arm(int(old[i]), int(bad_old[i]), {"5xx": int(bad_old[i])}),
        )
        for i in range(n)
    )

"""What the judge can see at a given traffic: how long until a bad version is found, or a good one is judged fine.

Computed from the test itself on expected counts, not from a rule of thumb: the evidence of a bucket in which exactly the expected
number of events falls into each arm, which is the median run's to within the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log

import numpy as np

from mlcontrol.core.judge.guards import ERROR_BETS, RESTARTS
from mlcontrol.core.judge.policy import ALPHA, ALPHA_FINE, ERRORS, JudgePolicy
from mlcontrol.core.statistics.sequential import Floats, average_log_e, log_e_rate_ratio
from mlcontrol.core.statistics.sequential_dispersion import calm_noise, split_variance
from mlcontrol.core.statistics.sequential_proportion import log_e_below

LONGEST_S = 24 * 3600.0
_BUCKETS, _LOOK_S = 60, 10.0


def seconds_to_find(rate_per_s: float, share: float, errors: float, ratio: float) -> float | None:
    """Until errors at ``ratio`` times the old version's rate ``errors`` are found; ``share`` 0..1. `None`: not within a day."""

    def evidence(seconds: float) -> float:
        new, old, n, m = _expected(rate_per_s, share, seconds, errors * ratio, errors)
        # Noise is assumed until it has been looked for, as the judge does it.
        looks = seconds / _LOOK_S
        noise = calm_noise(looks, float(old.sum()) / looks)
        scatter = split_variance(noise, float((new + old).sum()) * share, float(new.sum()), share, looks)
        return float(
            log_e_rate_ratio(new / scatter, old / scatter, n, m, mixture=ERROR_BETS, restart_weight=RESTARTS)[-1]
        )

    return _when(evidence, log(1.0 / ALPHA[ERRORS]))


def seconds_until_fine(rate_per_s: float, share: float, errors: float, policy: JudgePolicy) -> float | None:
    """Until a version as good as the old one is judged fine by its errors."""

    def evidence(seconds: float) -> float:
        new, old, n, m = _expected(rate_per_s, share, seconds, errors, errors)
        ratio = log_e_rate_ratio(old, new, m, n, null_ratio=1.0 / policy.error_margin)[-1:]
        seen = round(float(n.sum()))
        bad = round(seen * errors)
        under = log_e_below(bad, max(0, seen - bad), policy.error_tolerance) if seen else 0.0
        return float(average_log_e(ratio, np.array([under]))[-1])

    return _when(evidence, log(1.0 / ALPHA_FINE))


def _expected(rate_per_s: float, share: float, seconds: float, new: float, old: float) -> tuple[Floats, ...]:
    each = np.full(_BUCKETS, rate_per_s * seconds / _BUCKETS)
    n, m = each * share, each * (1.0 - share)
    return n * new, m * old, n, m


def _when(evidence: Callable[[float], float], threshold: float) -> float | None:
    """The first second, to 3 %, at which the evidence suffices."""
    low, high = 0.0, 4.0
    while evidence(high) < threshold:
        low, high = high, high * 2.0
        if low > LONGEST_S:
            return None
    while high - low > 0.03 * high:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if evidence(middle) >= threshold else (middle, high)
    return high

"""A control chart of one series whose limits come from an alert budget, with what they promise.

Readings that hang together (every few seconds) are averaged over buckets, and the standard deviation is that of the long run where
it is the larger: the run lengths of the textbook hold for independent readings only.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from mlcontrol.core.control_chart import ControlChart
from mlcontrol.core.signals.noise import Floats, spread
from mlcontrol.core.signals.spc import (
    EWMA_WEIGHT,
    arl_of_budget,
    cusum,
    cusum_limit,
    ewma,
    ewma_limit,
    shewhart,
    shewhart_limit,
)

BUCKET_S = 60.0
FEWEST = 30
WEEK_S = 7 * 86_400.0
KINDS = ("ewma", "shewhart", "cusum")


def control_chart(
    name: str, at_s: Floats, values: Floats, kind: str, budget_per_week: float, series: int, bucket_s: float = BUCKET_S
) -> ControlChart:
    """``series``: how many charts share the budget. ``kind``: one of `KINDS`. With fewer than 30 buckets there are no limits."""
    at, means = bucketed(at_s, values, bucket_s)
    n = at.size
    arl0 = arl_of_budget(budget_per_week, series, bucket_s)
    if n < FEWEST:
        why = f"{n} of {FEWEST} minutes that limits need"
        return ControlChart(
            name, kind, tuple(at.tolist()), tuple(means.tolist()), note=why, budget_per_week=budget_per_week
        )
    centre = float(np.median(means))
    sigma = long_run_sigma(means)
    if sigma == 0:
        return ControlChart(
            name, kind, tuple(at.tolist()), tuple(means.tolist()), note="it never changes", centre=centre
        )
    z = (means - centre) / sigma
    if kind == "shewhart":
        limit = shewhart_limit(arl0)
        chart = shewhart(z, limit)
    elif kind == "cusum":
        limit = cusum_limit(arl0)
        chart = cusum(z, limit=limit)
    else:
        limit = ewma_limit(arl0)
        chart = ewma(z, EWMA_WEIGHT, limit)
    # Plotted in the unit of the series; the sums of a CUSUM have none but sigmas, and keep them.
    shift, scale = (0.0, 1.0) if kind == "cusum" else (centre, sigma)
    return ControlChart(
        name,
        kind,
        tuple(at.tolist()),
        tuple((shift + scale * chart.value).tolist()),
        tuple((shift + scale * chart.low).tolist()),
        tuple((shift + scale * chart.high).tolist()),
        tuple(bool(out) for out in chart.out),
        shift,
        sigma,
        limit,
        arl0,
        bucket_s,
        WEEK_S / bucket_s / arl0,
        budget_per_week,
        series,
    )


def long_run_sigma(values: Floats) -> float:
    """The standard deviation that charts of dependent readings need, that of AR(1) noise: sigma sqrt((1+rho)/(1-rho)).

    From differences over one and two steps, whose variances are 2 sigma² (1-rho) and 2 sigma² (1-rho²): a shift of the level, which
    is what one looks for, touches few of them. A dependence that so few readings could show by chance is taken as none.
    """
    one, two = spread(np.diff(values)) / sqrt(2), spread(values[2:] - values[:-2]) / sqrt(2)
    if one == 0:
        return spread(values)
    rho = min((two / one) ** 2 - 1.0, 0.95)
    if rho < max(0.1, 3 / sqrt(values.size)):
        return one
    return one / sqrt(1 - rho) * sqrt((1 + rho) / (1 - rho))


def bucketed(at_s: Floats, values: Floats, bucket_s: float) -> tuple[Floats, Floats]:
    """Means of the known readings of each bucket, at its middle; buckets without any are left out."""
    known = np.isfinite(values)
    places = np.floor(at_s[known] / bucket_s)
    buckets, where, counts = np.unique(places, return_inverse=True, return_counts=True)
    sums = np.bincount(where, weights=values[known], minlength=buckets.size)
    return (buckets + 0.5) * bucket_s, sums / np.maximum(counts, 1)

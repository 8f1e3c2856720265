"""A control chart of one series whose limits come from an alert budget, with what they promise.

The run lengths of the textbook hold for independent normal readings only. Readings of every few seconds are averaged over buckets;
where those hang together the standard deviation is that of the long run, and where they are skewed or have heavy tails the limits
come from the series' own noise (`own_limits`).
"""

from __future__ import annotations

import numpy as np

from mlcontrol.core.control_chart import ControlChart
from mlcontrol.core.signals.noise import Floats, spread
from mlcontrol.core.signals.own_limits import own_chart
from mlcontrol.core.signals.own_noise import OwnNoise, long_run_sigma, own_noise
from mlcontrol.core.signals.spc import (
    EWMA_WEIGHT,
    Chart,
    arl_of_budget,
    cusum,
    cusum_limit,
    ewma,
    ewma_limit,
    nelson_chart,
    shewhart,
    shewhart_limit,
)

BUCKET_S = 60.0
FEWEST = 30
WEEK_S = 7 * 86_400.0
KINDS = ("ewma", "shewhart", "cusum", "nelson")


def control_chart(
    name: str, at_s: Floats, values: Floats, kind: str, budget_per_week: float, series: int, bucket_s: float = BUCKET_S
) -> ControlChart:
    """``series``: how many charts share the budget. ``kind``: one of `KINDS`. With fewer than 30 buckets there are no limits."""
    at, means = bucketed(at_s, values, bucket_s)
    n = at.size
    arl0 = arl_of_budget(budget_per_week, series, bucket_s)
    if n < FEWEST:
        why = f"{n} of {FEWEST} min for limits"
        return ControlChart(
            name, kind, tuple(at.tolist()), tuple(means.tolist()), note=why, budget_per_week=budget_per_week
        )
    if spread(means) == 0:
        centre = float(np.median(means))
        return ControlChart(
            name, kind, tuple(at.tolist()), tuple(means.tolist()), note="it never changes", centre=centre
        )
    unit = float(np.max(np.abs(means)))  # squares of very large or very small readings are no numbers
    noise, scaled = own_noise(means / unit), means / unit
    # Runs come much oftener where readings hang together, however normal they are: no wider sigma makes up for that.
    plain = noise.normal and (kind != "nelson" or noise.independent)
    chart, centre, sigma, limit = _textbook(scaled, kind, arl0) if plain else _own(scaled, noise, kind, arl0)
    centre, sigma = unit * centre, unit * sigma
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
        own_noise=not plain,
        run=chart.run,
    )


def _textbook(means: Floats, kind: str, arl0: float) -> tuple[Chart, float, float, float]:
    centre, sigma = float(np.median(means)), long_run_sigma(means)
    z = (means - centre) / sigma
    if kind == "shewhart":
        limit = shewhart_limit(arl0)
        return shewhart(z, limit), centre, sigma, limit
    if kind == "cusum":
        limit = cusum_limit(arl0)
        return cusum(z, limit=limit), centre, sigma, limit
    if kind == "nelson":
        chart = nelson_chart(z, arl0)
        return chart, centre, sigma, float(chart.high[0])
    limit = ewma_limit(arl0)
    return ewma(z, EWMA_WEIGHT, limit), centre, sigma, limit


def _own(means: Floats, noise: OwnNoise, kind: str, arl0: float) -> tuple[Chart, float, float, float]:
    chart = own_chart(noise, means - noise.centre, kind, arl0)
    return chart, noise.centre, noise.sigma, max(-float(chart.low[0]), float(chart.high[0]))


def bucketed(at_s: Floats, values: Floats, bucket_s: float) -> tuple[Floats, Floats]:
    """Means of the known readings of each bucket, at its middle; buckets without any are left out."""
    known = np.isfinite(values)
    places = np.floor(at_s[known] / bucket_s)
    buckets, where, counts = np.unique(places, return_inverse=True, return_counts=True)
    sums = np.bincount(where, weights=values[known], minlength=buckets.size)
    return (buckets + 0.5) * bucket_s, sums / np.maximum(counts, 1)

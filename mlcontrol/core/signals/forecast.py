"""When traffic reaches capacity: the forecast of a service's answers per second, no further ahead than its history reaches back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlcontrol.core.capacity import Capacity, Forecast
from mlcontrol.core.signals.control import bucketed
from mlcontrol.core.signals.noise import Floats
from mlcontrol.core.signals.trend import DAY_S, WEEK_S, fit, predict, trend_interval

BUCKET_S = 3600.0
FEWEST_DAYS = 7.0  # fewer cannot tell a weekend from a trend
FEWEST_SHARE = 0.5  # of the hours of the span must have readings
FARTHEST_S = 90 * DAY_S
POINTS_SHOWN = 400


def forecast(at_s: Floats, per_s: Floats, capacity: Capacity, now_s: float) -> Forecast:
    """``at_s``, ``per_s``: readings of the service's whole traffic, ascending. Without enough of them, ``why`` says what is
    missing."""
    at, means = bucketed(at_s, per_s, BUCKET_S)
    whole = at + BUCKET_S / 2 <= now_s  # the running hour is not over
    at, means = at[whole], means[whole]
    span_s = float(at[-1] - at[0]) + BUCKET_S if at.size else 0.0
    base = Forecast(capacity=capacity, n=int(at.size), span_s=span_s, bucket_s=BUCKET_S)
    if span_s < FEWEST_DAYS * DAY_S:
        return replace(base, why=f"{span_s / DAY_S:.1f} of the {FEWEST_DAYS:.0f} days of history that a forecast needs")
    if at.size < FEWEST_SHARE * span_s / BUCKET_S:
        return replace(base, why=f"readings for only {at.size} of {span_s / BUCKET_S:.0f} hours")
    if now_s - at[-1] > DAY_S:
        return replace(base, why="no readings for a day")
    found = fit(at, means, BUCKET_S)
    horizon_s = min(span_s, FARTHEST_S)
    ahead = at[-1] + BUCKET_S * np.arange(1, int(horizon_s / BUCKET_S) + 1)
    expected, low, high = (np.maximum(0.0, part) for part in predict(found, ahead))
    slope, slope_low, slope_high = (part * DAY_S for part in trend_interval(found))
    season = "weekly" if WEEK_S in found.periods else "daily" if DAY_S in found.periods else ""
    limit = capacity.per_s
    # A slope that may as well be none foretells no day: what is expected then is more of what has been.
    grows = slope_low > 0 or (limit is not None and float(means.max()) >= limit)

    def first(line: Floats) -> float | None:
        above = np.flatnonzero(line >= limit) if limit is not None else np.empty(0, dtype=int)
        return float(ahead[above[0]]) if above.size else None

    past, future = _shown(at.size), _shown(ahead.size)
    return replace(
        base,
        past_at_s=_listed(at[past]),
        past=_listed(means[past]),
        at_s=_listed(ahead[future]),
        expected=_listed(expected[future]),
        low=_listed(low[future]),
        high=_listed(high[future]),
        reached_s=first(expected) if grows else None,
        earliest_s=first(high),
        latest_s=first(low),
        per_day=slope,
        per_day_low=slope_low,
        per_day_high=slope_high,
        season=season,
        horizon_s=horizon_s,
    )


def _shown(n: int) -> slice:
    """Every k-th bucket, so that a message stays small; counted from the newest."""
    step = max(1, n // POINTS_SHOWN)
    return slice((n - 1) % step, None, step)


def _listed(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())

"""When a service's traffic reaches what it can carry, as a value that travels to the panel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capacity:
    """``per_s``: answers a second. ``source``: "declared", "measured" (where latency passes its objective; then with a 95 %
    interval and the number of buckets), or empty: not known, and ``why`` says why."""

    per_s: float | None = None
    low: float | None = None
    high: float | None = None
    source: str = ""
    n: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Traffic in buckets of ``bucket_s``: what was seen (``past_at_s``, ``past``), what is expected and between which 95 % limits.

    ``reached_s``: when the expected traffic first reaches the capacity, by a trend that is surely one; ``earliest_s``,
    ``latest_s``: when its upper and its lower limit do; `None`: not within the horizon. ``per_day``: the trend, with its 95 %
    interval. ``season``: "", "daily" or "weekly". ``n``: buckets with readings. ``why``: why there is no forecast, empty when there
    is one. Times are UTC seconds.
    """

    capacity: Capacity = Capacity()
    past_at_s: tuple[float, ...] = ()
    past: tuple[float, ...] = ()
    at_s: tuple[float, ...] = ()
    expected: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    reached_s: float | None = None
    earliest_s: float | None = None
    latest_s: float | None = None
    per_day: float | None = None
    per_day_low: float | None = None
    per_day_high: float | None = None
    season: str = ""
    n: int = 0
    span_s: float = 0.0
    horizon_s: float = 0.0
    bucket_s: float = 3600.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Pressure:
    """A forecast of something else than traffic. ``what``: "cpu_share" (0 to 1) or "queue_ms"; the capacity's ``per_s`` is a limit
    in that unit."""

    what: str
    found: Forecast

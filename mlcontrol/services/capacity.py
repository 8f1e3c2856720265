"""When a service's traffic reaches its capacity: from what was recorded here or is remembered by its sources, asked when somebody
looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlcontrol.core import series
from mlcontrol.core.capacity import Capacity, Forecast, Pressure
from mlcontrol.core.signals.noise import Floats
from mlcontrol.core.types import SeriesData
from mlcontrol.services.chart_history import ChartHistory
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings

DECLARED = "capacity_per_s"
SPAN_S = 90 * 86_400.0
MEASURED_SPAN_S = 14 * 86_400.0
SLICE_S = 7 * 86_400.0
WHOLE = 2_000_000
MINUTE_S = 60.0


class CapacityDesk:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext, history: ChartHistory) -> None:
        self._ctx = ctx
        self._recorded = history

    def forecast(self, service: str) -> Forecast:
        """Raises `ProblemError` ("not-found") for a service that is not there."""
        from mlcontrol.core.signals.forecast import forecast

        settings = service_settings(self._ctx, service)
        now_s = self._ctx.clock.utc_s()
        minutes = self._traffic(service, now_s)
        declared = settings.objectives.get(DECLARED)
        if declared is not None:
            capacity = Capacity(declared, source="declared")
        else:
            capacity = self._measured(service, minutes, settings.objectives.get("p99_ms"), now_s)
        at_s, per_s = minutes
        return forecast(at_s, per_s, capacity, now_s)

    def pressures(self, service: str) -> tuple[Pressure, ...]:
        """When the CPU and the queue of its servers reach their limits: the objectives ``cpu_share`` (else all of the machine)
        and ``queue_ms``. Of several machines or versions the busiest counts. What was never read is left out."""
        from mlcontrol.core.signals.forecast import forecast

        objectives, now_s = service_settings(self._ctx, service).objectives, self._ctx.clock.utc_s()
        found = []
        for what, metric in (("cpu_share", series.CPU_SHARE), ("queue_ms", series.QUEUE_MS)):
            at_s, values = self._history(service, metric, now_s, np.nanmax)
            if not at_s.size:
                continue
            declared = objectives.get(what)
            limit = Capacity(why=f"no {what} is declared")
            if declared is not None:
                limit = Capacity(declared, source="declared")
            elif what == "cpu_share":
                limit = Capacity(1.0, source="whole")
            found.append(Pressure(what, forecast(at_s, values, limit, now_s)))
        return tuple(found)

    def _traffic(self, service: str, now_s: float) -> tuple[Floats, Floats]:
        """Answers a second of all versions together, by the minute. Where only roll-ups are left, the middle between the lowest and
        the highest of five minutes stands for them."""
        return self._history(service, series.QUERIES_PER_S, now_s, np.nansum)

    def _history(self, service: str, metric: str, now_s: float, fold: Callable[..., Any]) -> tuple[Floats, Floats]:
        """A metric by the minute, its series folded into one; read in parts."""
        times, values = [], []
        for since_s in np.arange(now_s - SPAN_S, now_s, SLICE_S):
            found = self._query(service, metric, float(since_s), min(float(since_s) + SLICE_S, now_s))
            at, total = _by_minute(found, fold)
            times.append(at)
            values.append(total)
        return np.concatenate(times), np.concatenate(values)

    def _measured(
        self, service: str, minutes: tuple[Floats, Floats], objective_ms: float | None, now_s: float
    ) -> Capacity:
        if objective_ms is None:
            return Capacity(why=f"no {DECLARED} is declared, and there is no p99_ms to measure it by")
        from mlcontrol.core.signals.saturation import saturation

        for metric in (series.CALLER_LATENCY_MS, series.LATENCY_MS):
            found = [
                one
                for one in self._query(service, metric, now_s - MEASURED_SPAN_S, now_s)
                if one.key.label("quantile") == "0.99"
            ]
            at, worst = _by_minute(found, np.nanmax)
            both, of_traffic, of_latency = np.intersect1d(minutes[0], at, return_indices=True)
            if both.size:
                return saturation(minutes[1][of_traffic], worst[of_latency], objective_ms)
        return Capacity(why=f"no {DECLARED} is declared, and no latency was recorded to measure it by")

    def _query(self, service: str, metric: str, since_s: float, until_s: float) -> tuple[SeriesData, ...]:
        return self._recorded.of(service, (metric,), since_s, until_s, WHOLE)


def _by_minute(found: Sequence[SeriesData], fold: Callable[..., Any]) -> tuple[Floats, Floats]:
    """Means of each series by the minute, and over the series what ``fold`` makes of them."""
    from mlcontrol.core.signals.control import bucketed

    parts = [bucketed(np.frombuffer(one.at_s), np.frombuffer(one.value), MINUTE_S) for one in found]
    if not parts:
        return np.empty(0), np.empty(0)
    at = np.unique(np.concatenate([times for times, _ in parts]))
    table = np.full((len(parts), at.size), np.nan)
    for row, (times, means) in zip(table, parts, strict=True):
        row[np.searchsorted(at, times)] = means
    return at, np.asarray(fold(table, axis=0))

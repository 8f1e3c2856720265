"""The forecasts of a service's traffic, CPU and queue against what it can carry, as lines, and the traffic's as one chart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from mlcontrol.core.capacity import Capacity, Forecast, Pressure
from mlcontrol.gui.viewmodels.chart_rows import DASH, ChartRow, Line
from mlcontrol.gui.viewmodels.phrases import coarse_text, rate_text
from mlcontrol.gui.viewmodels.time_axis import day_text


@dataclass(frozen=True, slots=True)
class _Measure:
    """How a forecast is worded. ``limit``: words of its limit; ``scale``: what makes a slope one in ``unit``."""

    subject: str
    limit: Callable[[Capacity], str]
    unit: str
    scale: float = 1.0


def capacity_sentence(found: Forecast, now_s: float) -> tuple[str, str]:
    """(words, tone): when, between which moments, from how much history; or what is missing."""
    return _sentence(found, now_s, _Measure("the traffic", _capacity, "/s"))


def pressure_sentence(pressure: Pressure, now_s: float) -> tuple[str, str]:
    """As `capacity_sentence`, of the CPU or of the queue; how old the newest reading is stands with it."""
    cpu = pressure.what == "cpu_share"
    shown = _percent if cpu else _milliseconds
    name = "CPU" if cpu else "Queue time"

    def limit(of: Capacity) -> str:
        if of.per_s is None:
            return f"{name}: its limit is not known: {of.why}"
        return f"{name}: {'all of the machine' if of.source == 'whole' else f'{shown(of.per_s)} ({of.source} limit)'}"

    unit, scale = ("points", 100.0) if cpu else ("ms", 1.0)
    found = pressure.found
    words, tone = _sentence(found, now_s, _Measure(f"the {name if cpu else name.lower()}", limit, unit, scale))
    if found.past_at_s:
        age = coarse_text(max(0.0, now_s - found.past_at_s[-1]))
        words += f" Newest hour: {shown(found.past[-1])}, {age} ago."
    return words, tone


def worst_tone(tones: Iterable[str]) -> str:
    """Of several sentences."""
    return min(tones, key=("critical", "warning", "unknown", "secondary").index)


def _sentence(found: Forecast, now_s: float, measure: _Measure) -> tuple[str, str]:
    limit, ends = measure.limit(found.capacity), coarse_text(found.horizon_s)
    if found.why:
        return f"? No forecast of {measure.subject}: {found.why}. {limit}.", "unknown"
    basis = f"{_trend(found, measure.scale, measure.unit)}, n = {found.n} h."
    if found.capacity.per_s is None:
        return f"? {limit}. {basis}", "unknown"
    if found.reached_s is not None:
        latest = day_text(found.latest_s) if found.latest_s is not None else f"after {ends}"
        earliest = day_text(found.earliest_s) if found.earliest_s is not None else "now"
        when = coarse_text(max(0.0, found.reached_s - now_s))
        words = f"{limit} is reached in {when} (95 %: {earliest} to {latest}). {basis}"
        return words, "critical" if found.reached_s - now_s < 86_400 else "warning"
    if found.earliest_s is not None:
        may = f"is not expected to be reached in {ends}; it may be from {day_text(found.earliest_s)} on (95 %)"
        return f"{limit} {may}. {basis}", "secondary"
    return f"{limit} is not reached in {ends}, as far as this history can tell. {basis}", "secondary"


def capacity_row(found: Forecast) -> ChartRow:
    """Seen, expected with its band, and the capacity as a dashed level."""
    past = Line("seen", np.array(found.past_at_s), np.array(found.past), slot=0)
    ahead = Line(
        "expected",
        np.array(found.at_s),
        np.array(found.expected),
        np.array(found.low),
        np.array(found.high),
        style=DASH,
        band=True,
    )
    level = found.capacity.per_s
    limit = None if level is None else (level, f"capacity {rate_text(level)}")
    step_s = max(
        found.bucket_s, *(2.5 * part[1] - 2.5 * part[0] for part in (found.past_at_s, found.at_s) if len(part) > 1), 0.0
    )
    return ChartRow(
        "capacity", "Capacity", "answers a second", (past, ahead), limit=limit, gap_s=step_s, text=rate_text
    )


def _capacity(limit: Capacity) -> str:
    if limit.per_s is None:
        return f"Its capacity is not known: {limit.why}"
    if limit.source == "measured" and limit.low is not None and limit.high is not None:
        return f"{rate_text(limit.per_s)} (measured: {limit.low:.3g} to {limit.high:.3g}, {limit.n} readings)"
    return f"{rate_text(limit.per_s)} ({limit.source} capacity)"


def _trend(found: Forecast, scale: float, unit: str) -> str:
    season = f", {found.season} season" if found.season else ""
    low, high, slope = (scale * (part or 0.0) for part in (found.per_day_low, found.per_day_high, found.per_day))
    if low <= 0 <= high:
        return f"No trend beyond chance ({low:+.2g} to {high:+.2g} {unit} a day){season}"
    return f"Trend {slope:+.2g} {unit} a day ({low:+.2g} to {high:+.2g}){season}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _milliseconds(value: float) -> str:
    return f"{value:.3g} ms"

"""Resources: do its servers use as much of their machines as they usually do? In words with figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mlcontrol.core import series
from mlcontrol.core.facts import Known, Traffic
from mlcontrol.core.freshness import freshness
from mlcontrol.core.load import Aspect, Load, Unusual
from mlcontrol.core.types import Freshness, Health, Signal

DAY_S = 86_400.0
NAMES = {
    series.CPU_SHARE: "CPU",
    series.CPU_CORES: "CPU",
    series.MEMORY_BYTES: "memory",
    series.GPU_SHARE: "GPU",
    series.GPU_MEMORY_BYTES: "GPU memory",
}
UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def resources_signal(traffic: Known[Traffic], now_mono_s: float, poll_s: float) -> Signal:
    """Ok only where every load is judged; without readings, or with readings that are too old: unknown."""
    fresh = freshness(traffic.at, now_mono_s, poll_s)
    value = traffic.value
    if value is None or fresh is Freshness.UNKNOWN:
        why = f"{traffic.failed.what} {traffic.failed.why}".strip() if traffic.failed else "Nothing has been read yet."
        return Signal(text="no data", detail=why, freshness=fresh, at=traffic.at)
    if not value.loads:
        detail = "No source tells of CPU, memory or devices of its servers."
        return Signal(text="not told", detail=detail, freshness=fresh, at=traffic.at)
    health, text, detail = load_finding(value.loads)
    unjudged = any(load.why for load in value.loads)
    if fresh is Freshness.STALE or (health is Health.OK and unjudged):
        health = Health.UNKNOWN
    usual = (_usual(load, len({one.source for one in value.loads}) > 1) for load in value.loads if not load.unusual)
    detail = " ".join((detail, *(f"{sentence}." for sentence in usual if sentence))).strip()
    words = text or ("usual not known yet" if unjudged else "as usual")
    return Signal(health=health, text=words, detail=detail, freshness=fresh, at=traffic.at)


def load_finding(loads: Sequence[Load]) -> tuple[Health, str, str]:
    """Health, short text, sentences. At most a warning: whether it hurts, errors and latency tell. What is not judged is said."""
    sources = {load.source for load in loads}
    unusual = [(load, one) for load in loads for one in load.unusual]
    said = [f"{_sentence(load, one, len(sources) > 1)}." for load, one in unusual]
    unknown: dict[str, list[str]] = {}
    for load in loads:
        if load.why:
            unknown.setdefault(load.why, []).append(_name(load, len(sources) > 1))
    said += [
        f"Whether {' and '.join(dict.fromkeys(names))} {'is' if len(set(names)) == 1 else 'are'} as usual is not known: {why}."
        for why, names in unknown.items()
    ]
    if not unusual:
        return Health.OK, "", " ".join(said)
    load, one = unusual[0]
    return Health.WARNING, _headline(load, one, len(sources) > 1), " ".join(said)


def _name(load: Load, several: bool) -> str:
    device = f" {load.device}" if load.device else ""
    return f"{NAMES.get(load.metric, load.metric)}{device}{f' of {load.source}' if several else ''}"


def _usual(load: Load, several: bool) -> str:
    if load.value is None or load.low is None or load.high is None or load.why:
        return ""
    low, high = _between(load.metric, load.low, load.high)
    traffic = " at this traffic" if load.by_traffic else ""
    now = _amount(load.metric, load.value)
    return f"{_name(load, several)} {now}, usual {low} to {high}{traffic} ({_span(load.span_s)}, n = {load.n:,})"


def _headline(load: Load, one: Unusual, several: bool) -> str:
    name = _name(load, several)
    if one.aspect is Aspect.LEVEL:
        return f"{name} {_amount(load.metric, one.value)}"
    return f"{name} {'swings' if one.up else 'hardly moves'}"


def _sentence(load: Load, one: Unusual, several: bool) -> str:
    """The headline first: whoever reads it knows the rest by it."""
    learned = f"({_span(load.span_s)}, n = {load.n:,})"
    low, high = _between(load.metric, one.low, one.high)
    since = _clock(one.since_s)
    if one.aspect is Aspect.SPREAD:
        step = _amount(load.metric, one.value, points=True)
        usual = " to ".join(_between(load.metric, one.low, one.high, points=True))
        what = f"{_headline(load, one, several)}: {step} from one reading to the next, usual {usual} {learned}, since {since}"
        return what if one.up else f"{what}; a process that is stuck does so"
    what = f"{_headline(load, one, several)}, usual {low} to {high}{' at this traffic' if load.by_traffic else ''} {learned}"
    if not one.per_min:
        return f"{what}, since {since}"
    moves = f"{'rising' if one.up else 'falling'} {_amount(load.metric, abs(one.per_min), points=True)} a minute since {since}"
    if one.reaches_s is None or load.limit is None:
        return f"{what}, {moves}"
    limit, when = _amount(load.metric, load.limit), _clock(one.reaches_s, since_s=one.since_s)
    return f"{what}, {moves}: it reaches its limit of {limit} at {when}"


def _between(metric: str, low: float, high: float, points: bool = False) -> tuple[str, str]:
    """As short as tells them apart; without the unit at the first where both have the same."""
    first = second = ""
    for digits in (2, 3, 4):
        first, second = _amount(metric, low, points, digits), _amount(metric, high, points, digits)
        if first != second:
            break
    number, unit = first.rsplit(" ", 1)
    return (number if second.endswith(f" {unit}") else first), second


def _amount(metric: str, value: float, points: bool = False, digits: int = 2) -> str:
    """``digits``: at least, of those that mean something."""
    factor, unit = next(((factor, unit) for factor, unit in UNITS if abs(value) >= factor), (1.0, "bytes"))
    if metric in (series.CPU_SHARE, series.GPU_SHARE):
        factor, unit = 0.01, "points" if points else "%"
    elif metric == series.CPU_CORES:
        factor, unit = 1.0, "cores"
    shown = abs(value) / factor
    before = len(f"{shown:.0f}") if shown >= 1 else 0
    return f"{value / factor:.{max(0, digits - before)}f} {unit}"


def _span(span_s: float) -> str:
    return f"{span_s / 3600:.0f} h" if span_s >= 5400 else f"{span_s / 60:.0f} min"


def _clock(at_s: float, since_s: float | None = None) -> str:
    """The hour; with its day where that is another than ``since_s`` has."""
    at = datetime.fromtimestamp(at_s, UTC)
    other_day = since_s is not None and at_s // DAY_S != since_s // DAY_S
    return f"{at:%d %b %H:%M} UTC" if other_day else f"{at:%H:%M} UTC"

"""Use: is the model asked, does it answer without errors and in time, and does its server use as much of its machine as it does?
Against its objectives, the hour before, and what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, isfinite
from types import MappingProxyType

from mlcontrol.core.facts import Known, Traffic
from mlcontrol.core.freshness import freshness
from mlcontrol.core.review import wilson
from mlcontrol.core.signals.resources import load_finding
from mlcontrol.core.types import Freshness, Health, Signal, Stamp

MUCH_LESS = 0.5
LATENCY_MUCH = 2.0


def use_signal(
    traffic: Known[Traffic],
    objectives: Mapping[str, float],
    now_mono_s: float,
    poll_s: float,
    spark: tuple[float, ...] = (),
    callers_ms: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> Signal:
    """Objectives read: ``error_rate`` (share, 0..1), ``p99_ms``. Without data, or with data that is too old: unknown.

    ``callers_ms``: latency quantiles by version as the callers wait, where a prediction log holds them and is fresh.
    """
    value = traffic.value
    fresh = sampled_freshness(traffic, now_mono_s, poll_s)
    if value is None or traffic.at is None or fresh is Freshness.UNKNOWN:
        if value is not None and _is_silent(traffic, now_mono_s, poll_s):
            return _silent(traffic, value, spark)
        failed = traffic.failed
        why = f"{failed.what} {failed.why}".strip() if failed else "No traffic counters have been read yet."
        return Signal(
            text="no data" if traffic.at else "no data yet", detail=why, freshness=fresh, at=traffic.at, spark=spark
        )
    if value.jumping:
        return Signal(
            text="counters jump",
            detail=f"The counters of {', '.join(value.jumping)} fall and come back: more than one server answers at that address. "
            "Give each replica a connection of its own, or read a Prometheus that scrapes them all.",
            freshness=fresh,
            at=traffic.at,
            spark=spark,
        )
    if value.twice:
        return Signal(
            text="counted twice",
            detail=f"{value.twice}: each of its answers counts twice. Take one of the two out of the service's metrics.",
            freshness=fresh,
            at=traffic.at,
            spark=spark,
        )
    rate = value.per_s
    if value.lacking or (rate is None and value.maybe):
        return Signal(
            text="partial answer",
            detail=f"Partial answer of {value.lacking or value.maybe}. What is missing there is missing here.",
            freshness=fresh,
            at=traffic.at,
            spark=spark,
        )
    if rate is None:
        return Signal(
            text="no counters",
            detail="No source counts this service's answers.",
            freshness=fresh,
            at=traffic.at,
            spark=spark,
        )
    findings = [
        _errors(value, objectives),
        _latency(value, callers_ms, objectives),
        _amount(rate, value.previous_hour_per_s, value.predictions_per_s),
    ]
    health, text = _worst(findings)
    loads = load_finding(value.loads)
    if health is Health.OK and loads[0] is Health.WARNING:
        # What callers notice is told before what only may become of it; who looks for the reason finds the figures first.
        health, text, _ = loads
        findings.insert(0, loads)
    elif loads[0] is Health.WARNING:
        # That a load is not judged yet is told by `resources`: nobody who is paged looks for it here.
        findings.append(loads)
    if health is Health.OK and rate > 0 and "p99_ms" in objectives and _worst_of(value, callers_ms) is None:
        # What is wrong besides is told before what is not known.
        health, text = Health.UNKNOWN, "p99 n/a"
    if fresh is Freshness.STALE:
        health = Health.UNKNOWN
    detail = " ".join(sentence for _, _, sentence in findings if sentence)
    if value.maybe:
        detail += f" Nothing of it is known to be missing in the partial answer of {value.maybe}."
    return Signal(
        health=health,
        text=text or f"{rate:.1f} /s",
        detail=detail,
        value=rate,
        unit="/s",
        n=value.total,
        freshness=fresh,
        at=earlier(traffic.at, value.silent_s),
        spark=spark,
    )


def sampled_freshness(traffic: Known[Traffic], now_mono_s: float, poll_s: float) -> Freshness:
    """As old as its samples are, however lately we were told of them; by the interval at which they come, where that is longer than
    ``poll_s``."""
    value = traffic.value
    if value is None or traffic.at is None:
        return freshness(traffic.at, now_mono_s, poll_s)
    return freshness(earlier(traffic.at, value.silent_s), now_mono_s, max(poll_s, value.every_s))


def earlier(at: Stamp, seconds: float) -> Stamp:
    return Stamp(at.utc_s - seconds, at.mono_s - seconds, at.seq) if seconds else at


def _is_silent(traffic: Known[Traffic], now_mono_s: float, poll_s: float) -> bool:
    """Whether the source answers, and what it hands out is old."""
    value = traffic.value
    return value is not None and freshness(traffic.at, now_mono_s, max(poll_s, value.every_s)) is not Freshness.UNKNOWN


def _silent(traffic: Known[Traffic], value: Traffic, spark: tuple[float, ...]) -> Signal:
    return Signal(
        text="no new samples",
        detail=f"Its source has had nothing new of it for {value.silent_s:.0f} s, where something comes every "
        f"{value.every_s:.0f} s: whoever scrapes or sends it has stopped.",
        freshness=Freshness.UNKNOWN,
        at=None if traffic.at is None else earlier(traffic.at, value.silent_s),
        spark=spark,
    )


_Finding = tuple[Health, str, str]


def _worst(findings: list[_Finding]) -> tuple[Health, str]:
    for health in (Health.CRITICAL, Health.UNKNOWN, Health.WARNING):
        for found, text, _ in findings:
            if found is health:
                return health, text
    return Health.OK, ""


def error_share(traffic: Traffic) -> float | None:
    if traffic.errors is None or traffic.total <= 0:
        return None
    return sum(traffic.errors.values()) / traffic.total


def _errors(traffic: Traffic, objectives: Mapping[str, float]) -> _Finding:
    if traffic.errors is None:
        return Health.UNKNOWN, "errors n/a", "Nothing counts its errors now: their share is not known."
    share = error_share(traffic)
    if share is None:
        return Health.OK, "", "Nothing was answered in this time, so there is no error share."
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(traffic.errors.items()) if count)
    words = f"errors {share:.1%}".replace("%", " %")
    sentence = f"{words} of {traffic.total} answers{f' ({kinds})' if kinds else ''}."
    limit = objectives.get("error_rate")
    if limit is None or share <= limit:
        return Health.OK, "", sentence
    low, _ = wilson(min(traffic.total, ceil(share * traffic.total)), traffic.total)
    # Only a share that is surely above the objective is critical; a single error in a quiet minute is not.
    health = Health.CRITICAL if low > limit else Health.WARNING
    return health, words, f"{sentence} The objective is {100 * limit:.1f} %."


def _latency(
    traffic: Traffic, callers_ms: Mapping[str, Mapping[str, float]], objectives: Mapping[str, float]
) -> _Finding:
    """The worse of two views: a server does not count the time a query waits before the server reads it."""
    counted = _worst_p99(traffic.latency_ms)
    waited = _worst_p99(callers_ms)
    worst = _worst_of(traffic, callers_ms)
    if worst is None:
        limit = objectives.get("p99_ms")
        return Health.OK, "", "" if limit is None else f"No source tells its p99; the objective is {limit:g} ms."
    words = f"p99 {worst:.0f} ms"
    sentence = words
    if counted is not None and waited is not None:
        sentence = f"p99 {waited:.0f} ms as callers wait, {counted:.0f} ms as the server counts"
    limit = objectives.get("p99_ms")
    if limit is None or worst <= limit:
        return Health.OK, "", f"{sentence}."
    health = Health.CRITICAL if worst > LATENCY_MUCH * limit else Health.WARNING
    return health, words, f"{sentence}; the objective is {limit:g} ms."


def _worst_of(traffic: Traffic, callers_ms: Mapping[str, Mapping[str, float]]) -> float | None:
    known = [ms for ms in (_worst_p99(traffic.latency_ms), _worst_p99(callers_ms)) if ms is not None]
    return max(known, default=None)


def _worst_p99(by_version: Mapping[str, Mapping[str, float]]) -> float | None:
    p99 = [q["0.99"] for q in by_version.values() if isfinite(q.get("0.99", float("nan")))]
    return max(p99, default=None)


def _amount(rate: float, previous_hour_per_s: float | None, predictions_per_s: float | None) -> _Finding:
    if rate <= 0:
        if previous_hour_per_s:
            return (
                Health.CRITICAL,
                "not asked",
                f"Nobody asks; the hour before had {previous_hour_per_s:.1f} queries a second.",
            )
        return Health.UNKNOWN, "not asked", "Nobody asks: whether it is used is not known."
    words = f"{rate:.1f} queries a second"
    if predictions_per_s is not None:
        words += f" with {predictions_per_s:.1f} predictions"
    if previous_hour_per_s is None:
        return Health.OK, "", f"{words}."
    sentence = f"{words}; {previous_hour_per_s:.1f} queries in the hour before."
    if rate < MUCH_LESS * previous_hour_per_s:
        return Health.WARNING, f"{rate:.1f} /s, less than half", sentence
    return Health.OK, "", sentence

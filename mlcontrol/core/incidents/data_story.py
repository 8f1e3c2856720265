"""The three sentences where what callers send is what broke: what of it and how much, since when and whence, whom it touches."""

from __future__ import annotations

from mlcontrol.core.attribution import Attribution
from mlcontrol.core.incidents.data_change import DataChange, answers_words, either, moved_words
from mlcontrol.core.incidents.impact import Impact
from mlcontrol.core.incidents.incident import Incident, IncidentPhase
from mlcontrol.core.incidents.story import Story, clock, duration, hurt_words, percent, sentence
from mlcontrol.core.types import Health, ServiceState

ALSO = 3
FAILING = 0.005


def data_story(
    incident: Incident,
    service: ServiceState | None,
    change: DataChange,
    attribution: Attribution | None,
    impact: Impact,
    now_share: float | None,
    users: tuple[int, int] | None = None,
) -> Story:
    """``now_share``: of the answers of the last moments that fail, 0..1. ``users``: (hurt, seen)."""
    name = (service.title or service.id) if service is not None else incident.service
    what, tone = _what(incident, name, service, change, now_share)
    return Story(what, f"{began_words(change)}; {_whence(change, attribution)}.", _hurt(change, impact, users), tone)


def began_words(change: DataChange) -> str:
    """Read from the rows, or between two looks of the watch; never made up."""
    if not change.by_rows:
        return f"It began between {clock(change.low_s)} and {clock(change.high_s)} by the looks of the data watch"
    return f"It began at {clock(change.at_s)} ± {_half_s(change):.0f} s by the requests"


def moment_words(change: DataChange) -> str:
    """For a question to somebody: "at 05:21:47 ± 3 s"."""
    if change.by_rows:
        return f"at {clock(change.at_s)} ± {_half_s(change):.0f} s UTC"
    return f"before {clock(change.told_s)} UTC"


def _half_s(change: DataChange) -> float:
    return max(1.0, change.high_s - change.at_s, change.at_s - change.low_s)


def _what(
    incident: Incident, name: str, service: ServiceState | None, change: DataChange, now_share: float | None
) -> tuple[str, str]:
    moved = change_words(change)
    over = incident.phase in (IncidentPhase.MITIGATED, IncidentPhase.RESOLVED)
    if over or change.ended_s is not None:
        if change.ended_s is not None:
            return (
                f"What callers sent to {name} had changed: {moved}. It is as before again since {clock(change.ended_s)}.",
                "ok",
            )
        return f"What callers send to {name} changed: {moved}. It was not told to be as before again.", "warning"
    failing = now_share is not None and now_share >= FAILING
    failed = f" {percent(now_share)} of answers are errors." if failing else ""
    bad = failing or (service is not None and service.accuracy.health is Health.CRITICAL)
    said = answers_words(change.answers, change.where) if not change.why else "what it does to the answers is not known"
    return (
        f"What callers send to {name} changed: {moved}. {sentence(said[0].upper() + said[1:])}{failed}",
        "critical" if bad else "warning",
    )


def change_words(change: DataChange) -> str:
    """What moved and by how much, as far as the rows tell; else what the watch said of it."""
    if not change.inputs:
        said = change.title.partition(": ")[2] or change.title
        return f"{said} ({change.why})" if change.why else said
    first, *others = change.inputs
    said = moved_words(first, change.where)
    if not others:
        return said
    names = [one.column for one in others]
    more = f" and {len(names) - ALSO} more" if len(names) > ALSO else ""
    return f"{said}; also {', '.join(names[:ALSO])}{more}{' there' if change.where else ''}"


def _whence(change: DataChange, attribution: Attribution | None) -> str:
    first = attribution.suspects[0] if attribution is not None and attribution.suspects else None
    if attribution is not None and not attribution.separable:
        return f"{attribution.verdict[0].lower()}{attribution.verdict[1:]}".rstrip(".")
    if first is None or first.event is None or first.event.id == change.event:
        return "no recorded change explains it"
    lag_s = change.at_s - first.event.at_s
    return f"{duration(abs(lag_s))} {'after' if lag_s >= 0 else 'before'} “{first.event.title}”, which may change what callers send"


def _hurt(change: DataChange, impact: Impact, users: tuple[int, int] | None) -> str:
    counted = f"{change.touched:,} of {change.asked:,} requests".replace(",", " ")
    if change.why:
        who = "whom it touches is not known"
    elif change.where:
        who = f"callers in {either(change.where)} ({counted}, {percent(change.share)})"
    else:
        who = f"all callers ({change.asked:,} requests)".replace(",", " ")
    return hurt_words(who, impact, users)

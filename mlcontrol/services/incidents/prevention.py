"""What would have caught it: a rule, an alert, a golden item or a drill, each tried over history before it is proposed."""

from __future__ import annotations

import numpy as np

from mlcontrol.core.incidents.brief import Onset, Prevention
from mlcontrol.core.incidents.incident import EntryKind, Incident
from mlcontrol.core.incidents.story import clock, duration, percent
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.incidents.signals import BEFORE_S, Evidence, Track, read

HISTORY_S = 7 * 86_400.0
HELD_S = 15.0  # readings in a row over the limit must span this long


def preventions(
    ctx: ServiceContext, incident: Incident, evidence: Evidence, seen: Onset | None, suspect: str
) -> tuple[Prevention, ...]:
    """At most four, likeliest first."""
    added = {e.data.get("id", "") for e in incident.entries if e.kind is EntryKind.PREVENTION}
    found: list[Prevention] = []
    if seen is not None:
        track = next(t for t in evidence.tracks if t.name == seen.signal)
        limit = _limit(seen)
        words = _backtest(ctx, incident, track, limit, seen)
        says = percent(limit) if track.absolute else f"{limit:.4g}"
        over = "over" if track.worse > 0 else "under"
        found.append(
            Prevention(
                f"alert-{seen.signal}",
                "alert",
                f"Alert when {seen.signal} of {incident.service} stay {over} {says} for {HELD_S:.0f} s",
                f"They went from {_said(track, seen.before)} to {_said(track, seen.after)} at {clock(seen.at_s)}.",
                words,
            )
        )
    changed = next((s for s in (suspect, incident.suspect) if s), "")
    if changed:
        found.append(
            Prevention(
                "rule-stages",
                "rule",
                f"Deploy {incident.service} in stages, never to all traffic at once",
                f"“{changed}” reached every caller before it was judged.",
                "A stage of 10 % would have let about a tenth of the failed answers happen before the judge could decide.",
            )
        )
        found.append(
            Prevention(
                "golden-failing",
                "golden",
                "Add the inputs that failed to the golden set",
                "The golden set did not hold an input of the kind that failed.",
                "Not tried: the failing requests must be chosen by a person first.",
            )
        )
    knowledge = ctx.store.knowledge.measured_seconds(incident.service, "rollback")
    if knowledge is None:
        found.append(
            Prevention(
                "drill",
                "drill",
                f"Drill the way back of {incident.service} once a month",
                "It had not been measured here before this incident.",
                "A drill is its own test: it is timed and its proof is recorded.",
            )
        )
    return tuple(Prevention(p.id, p.kind, p.title, p.why, p.backtest, p.id in added) for p in found[:4])


def _limit(seen: Onset) -> float:
    """A third of the way from before to after: high above the usual, far below the incident."""
    return seen.before + (seen.after - seen.before) / 3


def _said(track: Track, value: float) -> str:
    return percent(value) if track.absolute else f"{value:.4g}"


def _backtest(ctx: ServiceContext, incident: Incident, track: Track, limit: float, seen: Onset) -> str:
    """What the alert would have said over the last week, and how early in this incident."""
    whole = read(ctx, incident.service, seen.at_s - HISTORY_S + BEFORE_S, ctx.clock.utc_s())
    past = next((t for t in whole.tracks if t.name == track.name), None)
    if past is None or len(past.at_s) < 2:
        return "Not tried: there is no history to try it on."
    fired = firings(past.at_s, track.worse * past.value, track.worse * limit)
    ours = [at for at in fired if at >= seen.low_s - 60]
    others = len([at for at in fired if at < seen.low_s - 60])
    days = max((float(past.at_s[-1]) - float(past.at_s[0])) / 86_400, 1e-9)
    span = f"{days:.1f} days" if days >= 1 else duration(days * 86_400)
    here = (
        f"here it fires {duration(max(0.0, ours[0] - seen.at_s))} after the beginning"
        if ours
        else "here it does not fire"
    )
    noticed_s = incident.detected_s
    gained = ""
    if ours and noticed_s > ours[0]:
        gained = f", {duration(noticed_s - ours[0])} before it was noticed"
    return f"Over {span} of history ({len(past.at_s)} readings): {here}{gained}; {others} other firings."


def firings(at_s: np.ndarray, value: np.ndarray, limit: float) -> list[float]:
    """When "over ``limit`` for `HELD_S`" begins to hold: once a stretch. A gap ends a stretch."""
    found: list[float] = []
    since: float | None = None
    told = False
    before = float("-inf")
    for at, over in zip(at_s.tolist(), (value > limit).tolist(), strict=True):
        if at - before > 60:
            since, told = None, False
        before = at
        if not over:
            since, told = None, False
        elif since is None:
            since = at
        if since is not None and not told and at - since >= HELD_S:
            found.append(at)
            told = True
    return found

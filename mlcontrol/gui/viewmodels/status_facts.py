"""What the status bar says: the oldest data, the connections that answer, the engine, the person, the audit chain."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlcontrol.core.state import FleetState
from mlcontrol.core.types import Freshness, Health
from mlcontrol.gui.bridge import EngineState, Link
from mlcontrol.gui.viewmodels.phrases import count_text, duration_text


@dataclass(frozen=True, slots=True)
class StatusFact:
    state: str  # glyph, "" for none
    text: str
    detail: str = ""


def oldest_fact(state: FleetState | None, now_mono_s: float, cached_s: float | None, now_s: float) -> StatusFact:
    """The age of the oldest signal that some page shows as current."""
    if state is None:
        return StatusFact("unknown", "no data yet")
    if cached_s is not None:
        return StatusFact(
            "stale", f"last session, {duration_text(now_s - cached_s)} ago", "The engine has not answered yet."
        )
    oldest_s, service_id, silent = math.inf, "", 0
    for service in state.services.values():
        for signal in (service.presence, service.use):
            if signal.at is None:
                silent += 1
            elif signal.at.mono_s < oldest_s:
                oldest_s, service_id = signal.at.mono_s, service.id
    if not service_id:
        return StatusFact("unknown", "no data yet", "Nothing has been polled yet.")
    age_s = max(0.0, now_mono_s - oldest_s)
    poll_s = poll_interval_s(state)
    words = f"oldest data {duration_text(age_s)}"
    if age_s > 3 * poll_s:
        return StatusFact("unknown", f"{words} ({service_id})", "Older than three polls: shown as unknown.")
    if age_s > 2 * poll_s:
        return StatusFact("stale", f"{words} ({service_id})", "Older than two polls.")
    return StatusFact("ok", words, f"{count_text(silent, 'signal')} never seen" if silent else "")


def poll_interval_s(state: FleetState) -> float:
    return max((connection.poll_s for connection in state.settings.connections.values()), default=5.0)


def connections_fact(state: FleetState | None) -> StatusFact:
    if state is None or not state.connections:
        return StatusFact("unknown", "no connections")
    all_of_them = state.connections.values()
    silent = [c for c in all_of_them if c.health is not Health.OK or c.freshness is Freshness.UNKNOWN]
    text = f"{len(all_of_them) - len(silent)} of {len(all_of_them)} connections answering"
    if not silent:
        return StatusFact("ok", text)
    worst = "critical" if any(c.health is Health.CRITICAL for c in silent) else "unknown"
    if all(c.health is Health.WARNING for c in silent):
        worst = "warning"
    return StatusFact(worst, f"{text}: {silent[0].id}", "\n".join(f"{c.id}: {c.text}" for c in silent))


def engine_fact(engine: EngineState) -> StatusFact:
    detail = str(engine.problem) if engine.problem is not None else ""
    match engine.link:
        case Link.CONNECTED:
            return StatusFact(
                "", "engine connected", f"reached again {engine.restarts} times" if engine.restarts else ""
            )
        case Link.STARTING:
            return StatusFact("running", "reaching the engine")
        case Link.RESTARTING:
            return StatusFact("warning", "engine ended, restarting it", detail)
    return StatusFact("critical", "engine not reachable", detail)


def alerts_fact(state: FleetState | None) -> StatusFact:
    """How many alerts fire, the worst first in the detail; nothing is said before the engine has spoken."""
    if state is None:
        return StatusFact("", "")
    firing = [a for a in state.alerts.values() if a.asks]
    if not firing:
        return StatusFact("", "no alerts")
    firing.sort(key=lambda a: (a.severity is not Health.CRITICAL, a.since_s))
    worst = "critical" if firing[0].severity is Health.CRITICAL else "warning"
    taken = sum(bool(a.acknowledged_by) for a in firing)
    text = count_text(len(firing), "alert") + (f", {taken} taken" if taken else "")
    return StatusFact(worst, text, "\n".join(f"{a.service}: {a.rule}. {a.text}"[:200] for a in firing[:10]))


def audit_fact(state: FleetState | None, now_s: float) -> StatusFact:
    if state is None or state.audit_ok is None:
        return StatusFact("", "audit chain not verified yet")
    if not state.audit_ok:
        return StatusFact("critical", "audit chain does not verify", "Open the audit page for the first bad row.")
    if not state.audit_rows:
        return StatusFact("", "audit log empty", "The first change made from here writes its first row.")
    when = "" if state.audit_verified_s is None else f" {duration_text(now_s - state.audit_verified_s)} ago"
    return StatusFact("", f"audit chain verified{when}", count_text(state.audit_rows, "row"))

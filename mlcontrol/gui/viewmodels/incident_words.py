"""The incident page in words: its head, its ticks, its log, its way back, and why a key cannot act."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.data_advice import NextSteps
from mlcontrol.core.incidents.incident import Incident, IncidentPhase
from mlcontrol.core.incidents.log import LogLine
from mlcontrol.core.incidents.story import percent
from mlcontrol.core.incidents.tick import Tick, TickState
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import Health, ServiceState, WayBackState
from mlcontrol.gui.viewmodels.phrases import (
    age_text,
    clock_text,
    duration_text,
    version_text,
    visible_text,
)

LONGEST = 500
TICK_GLYPH = {
    TickState.WAITING: "waiting",
    TickState.RUNNING: "running",
    TickState.GREEN: "done",
    TickState.RED: "critical",
    TickState.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Head:
    """``clock``: how long it hurts, or hurt. ``tone``: of the first sentence."""

    title: str
    subtitle: str
    sentences: tuple[str, str, str]
    tone: str
    clock: str
    clock_note: str
    freeze: str


def head(brief: Brief, me: str, now_s: float, environment: str, name: str = "") -> Head:
    """``name``: of the service, as people call it."""
    incident = brief.incident
    began_s = min(incident.detected_s, brief.onset.at_s) if brief.onset is not None else incident.detected_s
    end_s = incident.mitigated_s if incident.mitigated_s is not None else incident.resolved_s
    lasted = duration_text(max(0.0, (now_s if end_s is None else end_s) - began_s))
    if brief.quiet:  # a clock would run for nothing
        return Head(
            visible_text(name or incident.service, 120),
            "nothing is wrong now",
            _sentences(brief),
            brief.story.tone,
            "",
            "",
            "",
        )
    note = "impact so far" if end_s is None else "impact"
    if brief.impact.budget is not None:
        note += f" · {percent(brief.impact.budget)} of the month’s budget"
    return Head(
        title=visible_text(incident.title, 120),
        subtitle=visible_text(subtitle(incident, me, brief), 200),
        sentences=_sentences(brief),
        tone=brief.story.tone,
        clock=lasted,
        clock_note=note,
        freeze=freeze_words(incident, environment),
    )


def _sentences(brief: Brief) -> tuple[str, str, str]:
    story = brief.story
    return visible_text(story.what, LONGEST), visible_text(story.since, LONGEST), visible_text(story.hurt, LONGEST)


def subtitle(incident: Incident, me: str, brief: Brief) -> str:
    if not incident.id:
        return "not declared yet"
    parts = [f"incident {incident.number}", incident.phase.value]
    if incident.practice:
        parts.insert(0, "exercise")
    if incident.open and incident.holder:
        since = clock_text(incident.holder_since_s)
        parts.append(f"yours since {since}" if incident.holder == me else f"{incident.holder} has it since {since}")
    parts += [f"{person} is {role}" for role, person in sorted(incident.roles.items()) if incident.open]
    if brief.recurred:
        parts.append(f"came back {brief.recurred} time{'s' if brief.recurred > 1 else ''} in 90 days")
    return " · ".join(parts)


def freeze_words(incident: Incident, environment: str) -> str:
    if incident.phase is IncidentPhase.DECLARED:
        return f"deploys to {environment or incident.service} are frozen"
    return "deploys are not frozen" if incident.id else ""


def way_back_words(service: ServiceState | None) -> tuple[str, str, str]:
    """Title, readiness and seconds of the way back before it is taken."""
    if service is None:
        return "Way back", "the service is not known", ""
    back = service.way_back
    if back.target is None:
        return "Way back: none", back.why or "no earlier version is known", ""
    seconds = "" if back.seconds is None else f"{'' if back.measured else 'about '}{duration_text(back.seconds)}"
    measured = ", measured here" if back.measured else ", estimated" if seconds else ""
    ready = {
        WayBackState.HOT: "HOT: loaded and answering",
        WayBackState.WARM: "WARM: loaded, not seen answering lately",
        WayBackState.COLD: "COLD: must be loaded first",
        WayBackState.ONE_WAY: "ONE-WAY: callers rely on the newer version",
        WayBackState.BLOCKED: "BLOCKED",
        WayBackState.UNKNOWN: "not known",
        WayBackState.NONE: "none",
    }[back.state]
    return f"Way back: {version_text(back.target)}", f"{ready}{measured}", seconds


def step_lines(steps: NextSteps) -> tuple[tuple[str, str], ...]:
    """(what to do, why) where going back does not help, safest first."""
    return tuple((visible_text(one.title, 200), visible_text(one.why, 300)) for one in steps.steps)


def tick_line(tick: Tick) -> tuple[str, str, str, str]:
    """Title, evidence, seconds and what to do next."""
    seconds = "" if tick.seconds is None else duration_text(tick.seconds)
    return tick.title, visible_text(tick.evidence, 200), seconds, visible_text(tick.next, 300)


def log_line(line: LogLine) -> tuple[str, str, str]:
    return clock_text(line.at_s), visible_text(line.who, 40), visible_text(line.text, 400)


def texts(brief: Brief) -> tuple[tuple[str, str], ...]:
    """(name, text) of all that can be copied for others."""
    found = (*brief.messages, ("Handoff", brief.handoff), ("Commands by hand", commands_text(brief)))
    return tuple((name, text) for name, text in found if text)


def commands_text(brief: Brief) -> str:
    return "\n".join(f"# {one.title}\n{one.shell}" for one in brief.by_hand)


def data_age(brief: Brief | None, cached_s: float | None, now_s: float) -> str:
    """Said when what is shown is not of now. ``brief`` `None`: the engine has not spoken of this incident yet."""
    if cached_s is not None:
        return f"last known state, {age_text(cached_s, now_s)}; asking the engine"
    if brief is None:
        return "by the signals alone; asking the engine"
    return "" if now_s - brief.made_s < 6 else f"as of {age_text(brief.made_s, now_s)}"


def close_refusal(brief: Brief) -> str:
    """Why the incident cannot be resolved now, shown on the key itself."""
    if brief.incident.phase is IncidentPhase.MITIGATED:
        return ""
    if brief.incident.phase is IncidentPhase.RESOLVED:
        return "it is resolved"
    open_ticks = sum(t.state not in (TickState.GREEN, TickState.UNKNOWN) for t in brief.ticks)
    return f"{open_ticks} left" if brief.ticks else "not mitigated yet"


def worst_off(state: FleetState) -> str:
    """The service an incident page is opened for when nobody names one: the worst health; among equals the one of the newest alert
    that asks for somebody, which may be about what no health tells (its data). The state has at least one service."""
    order = {Health.CRITICAL: 0, Health.UNKNOWN: 1, Health.WARNING: 2, Health.OK: 3}
    asked: dict[str, float] = {}
    for alert in state.alerts.values():
        if alert.asks and not alert.acknowledged_by:
            asked[alert.service] = max(asked.get(alert.service, 0.0), alert.fired_s or 0.0)
    return min(state.services.values(), key=lambda s: (order[s.health], -asked.get(s.id, 0.0))).id

"""Words for others: the update for the status channel, and what the next person on call must know."""

from __future__ import annotations

from collections.abc import Sequence

from mlcontrol.core.incidents.data_advice import Advice, NextSteps
from mlcontrol.core.incidents.data_change import DataChange, either
from mlcontrol.core.incidents.data_story import began_words, change_words
from mlcontrol.core.incidents.impact import Impact
from mlcontrol.core.incidents.incident import EntryKind, Incident, IncidentPhase
from mlcontrol.core.incidents.story import Story, clock, duration, percent
from mlcontrol.core.incidents.tick import Tick, TickState
from mlcontrol.core.visible import visible

_STATUS = {
    IncidentPhase.DETECTED: "We are looking into it",
    IncidentPhase.DECLARED: "We are working on it",
    IncidentPhase.MITIGATED: "Service is restored; we are watching",
    IncidentPhase.RESOLVED: "Resolved",
}


def status_update(incident: Incident, story: Story, impact: Impact, now_s: float) -> str:
    """For people outside: no names, no blame, the next word promised."""
    lines = [f"[{_STATUS[incident.phase]}] {_title(incident)} (incident {incident.number})", story.what]
    since = clock(_began_s(incident, impact, now_s))
    lasted = duration(impact.seconds if incident.id else incident.lasted_s(now_s))
    over = incident.phase in (IncidentPhase.MITIGATED, IncidentPhase.RESOLVED)
    lines.append(f"It began at {since} UTC and lasted {lasted}." if over else f"Since {since} UTC, {lasted} so far.")
    if impact.failed is not None and round(impact.failed):
        lines.append(f"About {round(impact.failed):,} requests failed.".replace(",", " "))
    if incident.phase is IncidentPhase.DECLARED:
        lines.append(f"Next update at {clock(now_s + 900)} UTC or when it changes.")
    return visible("\n".join(lines))


def _title(incident: Incident) -> str:
    return " ".join(incident.title.split())


def _began_s(incident: Incident, impact: Impact, now_s: float) -> float:
    """From when on callers were hurt, UTC seconds: that is what they ask, not when somebody noticed. Of what nobody declared the
    impact looks further back."""
    if not incident.id:
        return incident.detected_s
    ends = (incident.mitigated_s, incident.resolved_s, now_s)
    return next(at_s for at_s in ends if at_s is not None) - impact.seconds


def messages(
    incident: Incident,
    story: Story,
    impact: Impact,
    suspect: str,
    ticks: Sequence[Tick],
    now_s: float,
    data: DataChange | None = None,
    steps: NextSteps | None = None,
) -> tuple[tuple[str, str], ...]:
    """(for whom, text): the same incident told to those who watch, to those who help, and to those whose calls fail. ``data``: what
    changed of what callers send, where that is what broke."""
    callers = _for_callers(incident, impact, now_s) if data is None else _for_senders(incident, data)
    return (
        ("Status channel", status_update(incident, story, impact, now_s)),
        ("Colleagues", visible(_for_colleagues(incident, story, impact, suspect, ticks, steps))),
        ("Callers of the model", visible(callers)),
    )


def _for_colleagues(
    incident: Incident, story: Story, impact: Impact, suspect: str, ticks: Sequence[Tick], steps: NextSteps | None
) -> str:
    lines = [f"Incident {incident.number}, {incident.service}: {story.what}", story.since, story.hurt]
    if suspect:
        lines.append(f"Likeliest cause: {suspect}.")
    if impact.budget is not None:
        lines.append(f"{percent(impact.budget)} of the month’s error budget is burned.")
    if steps is not None:
        lines += [steps.rollback, f"Next: {_step(steps.steps[0])}"]
    if ticks:
        done = sum(t.state is TickState.GREEN for t in ticks)
        red = next((t for t in ticks if t.state is TickState.RED), None)
        lines.append(f"{done} of {len(ticks)} signs of recovery seen.")
        lines += [f"Stuck at “{red.title}”: {red.evidence}"] if red is not None else []
    lead = incident.holder or "nobody yet"
    lines.append(
        f"{lead} acts. Deploys there are frozen." if incident.phase is IncidentPhase.DECLARED else f"{lead} acted."
    )
    return "\n".join(lines)


def _for_callers(incident: Incident, impact: Impact, now_s: float) -> str:
    since = clock(_began_s(incident, impact, now_s))
    if incident.phase in (IncidentPhase.MITIGATED, IncidentPhase.RESOLVED):
        ended = incident.mitigated_s or incident.resolved_s or incident.detected_s
        text = (
            f"{incident.service} answers as usual again since {clock(ended)} UTC. It was disturbed since {since} UTC."
        )
        return f"{text} Answers that failed in between can be asked again." if impact.failed else text
    share = f" About {percent(impact.share)} of answers fail." if impact.share else ""
    return f"{incident.service} has been disturbed since {since} UTC.{share} Retry with a pause; we write again when it is over."


def _for_senders(incident: Incident, data: DataChange) -> str:
    """To those whose requests changed: they can tell what nobody here can."""
    if data.ended_s is not None:
        ended = f"It is as before again since {clock(data.ended_s)} UTC."
        return f"What {incident.service} is sent had changed ({change_words(data)}). {ended}"
    who = f" in {either(data.where)}" if data.where else ""
    return (
        f"What {incident.service} is sent{who} has changed: {change_words(data)}. {began_words(data)} (UTC). If you have changed"
        f" what you send, or where it comes from, tell us; its answers{who} may be worse until then."
    )


def _step(advice: Advice) -> str:
    return f"{advice.title}: {advice.why}"


def handoff(
    incident: Incident,
    story: Story,
    impact: Impact,
    suspect: str,
    ticks: Sequence[Tick],
    gaps: Sequence[str],
    now_s: float,
    steps: NextSteps | None = None,
) -> str:
    """What is known, what was done, what was thought, what is open; for whoever takes over."""
    said = {kind: [e for e in incident.entries if e.kind is kind] for kind in EntryKind}
    lines = [f"Incident {incident.number}: {_title(incident)} ({incident.phase.value})", "", story.text, ""]
    holder = incident.holder or "nobody"
    lines.append(f"Held by {holder}; people: {', '.join(incident.people) or 'none'}.")
    lines += [f"{role}: {person}" for role, person in sorted(incident.roles.items())]
    if suspect:
        lines.append(f"Likeliest cause: {suspect}")
    if impact.budget is not None:
        lines.append(f"Budget burned: {percent(impact.budget)} of the month.")
    if steps is not None:
        lines += ["", steps.rollback, "What helps:", *(f"  - {_step(one)}" for one in steps.steps)]
    for kind, title in (
        (EntryKind.DECISION, "Decided"),
        (EntryKind.HYPOTHESIS, "Suspected"),
        (EntryKind.NOTE, "Noted"),
    ):
        if said[kind]:
            lines += ["", f"{title}:", *(f"  {clock(e.at_s)} {e.actor}: {e.text}" for e in said[kind])]
    lifted_s = max((e.at_s for e in said[EntryKind.SILENCE_LIFTED]), default=0.0)
    silenced = [e for e in said[EntryKind.SILENCED] if e.at_s > lifted_s]
    if silenced:
        lines += [
            "",
            "Silences:",
            *(f"  {e.text} until {clock(float(e.data.get('until_s', now_s)))}" for e in silenced),
        ]
    if ticks:
        lines += [
            "",
            "Recovery:",
            *(f"  [{'x' if t.state is TickState.GREEN else ' '}] {t.title}: {t.evidence}" for t in ticks),
        ]
    open_points = [*gaps, *(e.text for e in said[EntryKind.ACTION_ITEM])]
    if open_points:
        lines += ["", "Open:", *(f"  - {text}" for text in open_points)]
    return visible("\n".join(lines))

"""Words for others: the update for the status channel, and what the next person on call must know."""

from __future__ import annotations

from collections.abc import Sequence

from mlcontrol.core.incidents.impact import Impact
from mlcontrol.core.incidents.incident import EntryKind, Incident, IncidentPhase
from mlcontrol.core.incidents.story import Story, clock, duration, percent
from mlcontrol.core.incidents.tick import Tick, TickState

_STATUS = {
    IncidentPhase.DETECTED: "We are looking into it",
    IncidentPhase.DECLARED: "We are working on it",
    IncidentPhase.MITIGATED: "Service is restored; we are watching",
    IncidentPhase.RESOLVED: "Resolved",
}


def status_update(incident: Incident, story: Story, impact: Impact, now_s: float) -> str:
    """For people outside: no names, no blame, the next word promised."""
    lines = [f"[{_STATUS[incident.phase]}] {incident.title} (incident {incident.number})", story.what]
    lines.append(f"Since {clock(incident.detected_s)} UTC, {duration(incident.lasted_s(now_s))} so far.")
    if impact.failed is not None:
        lines.append(f"About {round(impact.failed):,} requests failed.".replace(",", " "))
    if incident.phase is IncidentPhase.DECLARED:
        lines.append(f"Next update at {clock(now_s + 900)} UTC or when it changes.")
    return "\n".join(lines)


def handoff(
    incident: Incident,
    story: Story,
    impact: Impact,
    suspect: str,
    ticks: Sequence[Tick],
    gaps: Sequence[str],
    now_s: float,
) -> str:
    """What is known, what was done, what was thought, what is open; for whoever takes over."""
    said = {kind: [e for e in incident.entries if e.kind is kind] for kind in EntryKind}
    lines = [f"Incident {incident.number}: {incident.title} ({incident.phase.value})", "", story.text, ""]
    holder = incident.holder or "nobody"
    lines.append(f"Held by {holder}; people: {', '.join(incident.people) or 'none'}.")
    lines += [f"{role}: {person}" for role, person in sorted(incident.roles.items())]
    if suspect:
        lines.append(f"Likeliest cause: {suspect}")
    if impact.budget is not None:
        lines.append(f"Budget burned: {percent(impact.budget)} of the month.")
    for kind, title in (
        (EntryKind.DECISION, "Decided"),
        (EntryKind.HYPOTHESIS, "Suspected"),
        (EntryKind.NOTE, "Noted"),
    ):
        if said[kind]:
            lines += ["", f"{title}:", *(f"  {clock(e.at_s)} {e.actor}: {e.text}" for e in said[kind])]
    silenced = said[EntryKind.SILENCED]
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
    return "\n".join(lines)

"""An incident as data: what was written down while it burned, and the state that it adds up to.

Only what people do to the incident itself is kept here. What the panel did and what alerts said stands in the journal and on the
timeline already; `core.incident_log` lays them side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mlcontrol.core.types import Health, ServiceState


class IncidentPhase(StrEnum):
    DETECTED = "detected"  # something is wrong; nobody has taken it
    DECLARED = "declared"
    MITIGATED = "mitigated"  # callers are served well again; the cause may still be there
    RESOLVED = "resolved"


class EntryKind(StrEnum):
    DETECTED = "detected"
    DECLARED = "declared"
    JOINED = "joined"
    TOOK_OVER = "took-over"
    HANDED_OVER = "handed-over"
    ROLE = "role"
    NOTE = "note"
    DECISION = "decision"
    HYPOTHESIS = "hypothesis"
    SUSPECT = "suspect"  # somebody looked at a suspect, or ruled it out
    SILENCED = "silenced"
    SILENCE_LIFTED = "silence-lifted"
    RECOVERY_CHECKED = "recovery-checked"  # said to be over without a way back: from here on it must be proven
    VERIFIED = "verified"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    ACTION_ITEM = "action-item"
    PREVENTION = "prevention"  # a rule, golden item, alert or drill that is to be added because of it


WRITTEN = (
    EntryKind.NOTE,
    EntryKind.DECISION,
    EntryKind.HYPOTHESIS,
    EntryKind.SUSPECT,
    EntryKind.ACTION_ITEM,
    EntryKind.ROLE,
)
"""What a person may write at any time; the others change the incident and have rules."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. ``seq``: 1, 2, 3, ... without gaps in its incident. ``data``: small facts by name."""

    incident: str
    seq: int
    at_s: float
    actor: str
    kind: EntryKind
    text: str
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incident:
    """``holder``: who acts; others look on until they take it over. Times are UTC seconds.
    ``suspect``: the event that somebody looked at last."""

    id: str
    number: int
    service: str
    environment: str
    title: str
    phase: IncidentPhase = IncidentPhase.DETECTED
    detected_s: float = 0.0
    declared_s: float | None = None
    mitigated_s: float | None = None
    resolved_s: float | None = None
    holder: str = ""
    holder_since_s: float | None = None
    people: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    alert: str = ""
    suspect: str = ""
    practice: str = ""  # the sandbox fault, when it is an exercise
    entries: tuple[Entry, ...] = ()

    @property
    def open(self) -> bool:
        return self.phase is not IncidentPhase.RESOLVED

    @property
    def seq(self) -> int:
        return self.entries[-1].seq if self.entries else 0

    def lasted_s(self, now_s: float) -> float:
        """From when it began to hurt to when callers were served well again, or to now."""
        end = self.mitigated_s if self.mitigated_s is not None else self.resolved_s
        return max(0.0, (now_s if end is None else end) - self.detected_s)


def fold(entries: Iterable[Entry]) -> Incident | None:
    """The incident that its entries (in their order) describe; `None` unless it was detected or declared."""
    incident: Incident | None = None
    for entry in entries:
        if incident is None:
            if entry.kind not in (EntryKind.DETECTED, EntryKind.DECLARED):
                return None
            incident = _begun(entry)
        else:
            incident = _with(incident, entry)
        incident = replace(incident, entries=(*incident.entries, entry))
    return incident


def _begun(entry: Entry) -> Incident:
    data = entry.data
    declared = entry.kind is EntryKind.DECLARED
    return Incident(
        id=entry.incident,
        number=int(data.get("number", "0")),
        service=data.get("service", ""),
        environment=data.get("environment", ""),
        title=entry.text,
        phase=IncidentPhase.DECLARED if declared else IncidentPhase.DETECTED,
        detected_s=float(data.get("detected_s", entry.at_s)),
        declared_s=entry.at_s if declared else None,
        holder=entry.actor if declared else "",
        holder_since_s=entry.at_s if declared else None,
        people=(entry.actor,) if declared else (),
        alert=data.get("alert", ""),
        practice=data.get("practice", ""),
    )


def _with(incident: Incident, entry: Entry) -> Incident:
    kind = entry.kind
    people = incident.people
    if entry.actor and entry.actor not in people and kind is not EntryKind.VERIFIED:
        people = (*people, entry.actor)
    incident = replace(incident, people=people)
    if kind is EntryKind.DECLARED:
        return replace(
            incident,
            phase=IncidentPhase.DECLARED,
            declared_s=entry.at_s,
            holder=entry.actor,
            holder_since_s=entry.at_s,
        )
    if kind is EntryKind.TOOK_OVER:
        return replace(incident, holder=entry.actor, holder_since_s=entry.at_s)
    if kind is EntryKind.HANDED_OVER:
        return replace(incident, holder=entry.data.get("to", ""), holder_since_s=entry.at_s)
    if kind is EntryKind.ROLE:
        return replace(incident, roles={**incident.roles, entry.data.get("role", ""): entry.data.get("person", "")})
    if kind is EntryKind.SUSPECT and entry.data.get("event"):
        return replace(incident, suspect=entry.data["event"])
    if kind in (EntryKind.MITIGATED, EntryKind.VERIFIED) and incident.phase is not IncidentPhase.RESOLVED:
        first = entry.at_s if incident.mitigated_s is None else incident.mitigated_s
        return replace(incident, phase=IncidentPhase.MITIGATED, mitigated_s=first)
    if kind is EntryKind.RESOLVED:
        return replace(incident, phase=IncidentPhase.RESOLVED, resolved_s=entry.at_s)
    if kind is EntryKind.REOPENED:
        return replace(incident, phase=IncidentPhase.DECLARED, mitigated_s=None, resolved_s=None)
    return incident


def refusal(incident: Incident, kind: EntryKind, actor: str) -> str:
    """Why this entry may not be written now; empty when it may."""
    if kind in WRITTEN or kind in (EntryKind.JOINED, EntryKind.PREVENTION, EntryKind.VERIFIED):
        return ""
    if kind is EntryKind.REOPENED:
        return "it is open" if incident.open else ""
    if not incident.open:
        return "it is resolved; reopen it first"
    if kind is EntryKind.DECLARED:
        return f"{incident.holder} has it" if incident.holder else ""
    if kind is EntryKind.TOOK_OVER:
        return "you have it already" if incident.holder == actor else ""
    if kind is EntryKind.RESOLVED and incident.phase is not IncidentPhase.MITIGATED:
        return "callers are not proven to be served well again"
    if incident.holder and incident.holder != actor:
        return f"{incident.holder} has it; take it over first"
    return ""


def frozen_by(incidents: Iterable[Incident], service: str, environment: str) -> Incident | None:
    """The incident that forbids deploys to a service: declared and not mitigated, its own or one in the same environment."""
    for incident in incidents:
        if incident.phase is IncidentPhase.DECLARED:
            same_place = bool(environment) and incident.environment == environment
            if incident.service == service or same_place:
                return incident
    return None


def title_of(service: ServiceState) -> str:
    """What it would be called: by its use, or where that is well by its data if that has changed."""
    changed = service.use.health is Health.OK and service.data.health is Health.WARNING
    text = service.data.text if changed else service.use.text
    many, _, rest = text.partition(" ")
    if changed and many.isdigit() and rest == "changed":
        text = f"data changed in {many} places"
    name = service.title or service.id
    return f"{name}: {text}" if text and text != "as usual" else name

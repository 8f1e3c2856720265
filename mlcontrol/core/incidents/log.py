"""The running log: what people wrote, what the panel did and what was noticed, side by side in one order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlcontrol.core.incidents.incident import Entry, EntryKind, Incident
from mlcontrol.core.types import EventKind, Health, TimelineEvent

BEFORE_S = 900.0  # what happened a quarter of an hour before may be the cause
_SAID = {
    EntryKind.DETECTED: "detected: {}",
    EntryKind.DECLARED: "incident declared: {}",
    EntryKind.JOINED: "joined",
    EntryKind.TOOK_OVER: "took it over{}",
    EntryKind.HANDED_OVER: "handed over{}",
    EntryKind.DECISION: "decided: {}",
    EntryKind.HYPOTHESIS: "suspects: {}",
    EntryKind.ACTION_ITEM: "to do: {}",
    EntryKind.RECOVERY_CHECKED: "says that it is over: {}",
    EntryKind.VERIFIED: "recovery proven: {}",
    EntryKind.MITIGATED: "mitigated: {}",
    EntryKind.RESOLVED: "resolved: {}",
    EntryKind.REOPENED: "reopened: {}",
    EntryKind.SILENCED: "silenced: {}",
    EntryKind.SILENCE_LIFTED: "lifted the silence: {}",
    EntryKind.PREVENTION: "added: {}",
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """``source``: "person", "panel", "alert" or what noticed it. ``kind``: the entry's or the event's kind."""

    at_s: float
    who: str
    text: str
    kind: str
    source: str
    severity: Health = Health.OK
    event: str = ""


def log_lines(incident: Incident, events: Iterable[TimelineEvent], now_s: float) -> tuple[LogLine, ...]:
    """Newest last. ``events``: the timeline's; those of other services count where they belong to nothing else.

    Entries keep the order in which they were written, whatever the clock said then: one that was set back turns nothing round.
    """
    times = [entry.at_s for entry in incident.entries]
    end_s = now_s if incident.resolved_s is None else max([incident.resolved_s, *times])
    since_s = min([incident.detected_s, *times]) - BEFORE_S
    placed, latest_s = [], float("-inf")
    for entry in incident.entries:
        latest_s = max(latest_s, entry.at_s)
        placed.append((latest_s, _of_entry(entry)))
    for event in events:
        ours = event.service in (None, incident.service)
        if ours and since_s <= event.at_s <= end_s and not event.id.startswith("incident-"):
            placed.append((event.at_s, _of_event(event)))
    return tuple(line for _at_s, line in sorted(placed, key=lambda one: one[0]))


def _of_entry(entry: Entry) -> LogLine:
    form = _SAID.get(entry.kind, "{}")
    text = f": {entry.text}" if entry.text and form.endswith(("over{}",)) else entry.text
    if entry.kind is EntryKind.HANDED_OVER and entry.data.get("to"):
        text = f" to {entry.data['to']}{text}"
    if entry.kind is EntryKind.ROLE:
        text = f"{entry.data.get('person', '')} is {entry.data.get('role', '')}"
    return LogLine(entry.at_s, entry.actor or "panel", form.format(text), entry.kind.value, "person")


def _of_event(event: TimelineEvent) -> LogLine:
    source = "alert" if event.kind in (EventKind.ALERT, EventKind.HEALTH) else event.source
    who = event.actor or ("alert" if source == "alert" else event.source)
    return LogLine(event.at_s, who, event.title, event.kind.value, source, event.severity, event.id)

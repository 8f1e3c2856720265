"""The changes of a service's past that a gate backtest may be asked about, and the incidents that they led into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.types import EventKind, TimelineEvent

MOVES = (EventKind.ROUTE, EventKind.DEPLOY, EventKind.ROLLBACK)
SAME_MOVE_S = 30.0  # the router's own event and the operation's tell of one move
BEFORE_INCIDENT_S = 6 * 3600.0  # a change that long ago may have caused an incident


@dataclass(frozen=True, slots=True)
class PastChange:
    """``at_s``: when one version followed another, UTC seconds. ``incident``: the one that it led into, if any."""

    id: str
    at_s: float
    version_from: str
    version_to: str
    title: str
    incident: str = ""


def past_changes(
    events: Sequence[TimelineEvent], incidents: Sequence[Incident], service: str
) -> tuple[PastChange, ...]:
    """Moves of a service's traffic, newest first; the last one before an incident carries the incident's name."""
    moves: list[PastChange] = []
    for event in sorted(events, key=lambda e: e.at_s):
        if event.service != service or event.kind not in MOVES or not event.version_from or not event.version_to:
            continue
        if event.version_from == event.version_to:
            continue
        same = moves[-1] if moves and event.at_s - moves[-1].at_s <= SAME_MOVE_S else None
        if same is None or (same.version_from, same.version_to) != (event.version_from, event.version_to):
            moves.append(PastChange(event.id, event.at_s, event.version_from, event.version_to, event.title))
    named: dict[str, str] = {}
    for incident in incidents:
        before = [m for m in moves if 0.0 <= incident.detected_s - m.at_s <= BEFORE_INCIDENT_S]
        if incident.service == service and before:
            named[before[-1].id] = f"incident {incident.number}: {incident.title}"
    return tuple(
        PastChange(m.id, m.at_s, m.version_from, m.version_to, m.title, named.get(m.id, "")) for m in reversed(moves)
    )

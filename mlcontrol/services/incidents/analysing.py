"""Since when, and what may have done it: read from the signals that broke, or from the logged requests where these broke."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from mlcontrol.core.attribution import Attribution, Broke, attribute
from mlcontrol.core.incidents.brief import Onset
from mlcontrol.core.incidents.data_change import DataChange
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.incidents.others import Told, onset_since_s
from mlcontrol.core.signals.change import ChangePoint
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.services.onsets import Evidence, onset

ANALYSED_FOR_S = 5.0
UNKNOWN_S = 30.0
"""Where no series broke: so far about the moment it was noticed a cause is looked for."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """``seen`` and ``point`` `None`: no recorded signal shows when it began. ``change``: of the inputs, where they broke."""

    seen: Onset | None
    point: ChangePoint | None
    attribution: Attribution
    change: DataChange | None = None


class Analysing:
    """Keeps what the signals said for `ANALYSED_FOR_S`. *Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Analysis]] = {}

    def by_signals(
        self,
        key: str,
        incident: Incident,
        evidence: Evidence,
        events: Sequence[TimelineEvent],
        now_s: float,
        told: tuple[Told, ...],
    ) -> Analysis:
        with self._lock:
            known = self._known.get(key)
        if known is not None and now_s - known[0] < ANALYSED_FOR_S:
            return known[1]
        around_s = incident.declared_s if incident.declared_s is not None else incident.detected_s
        found = onset(evidence.tracks, around_s, evidence.others, told, onset_since_s(incident.service, told))
        causes = _causes(incident, events)
        if found is not None:
            seen, point = found
            broke = Broke.VERSIONS if seen.signal == "versions" else Broke.ANYTHING
            made = Analysis(seen, point, attribute(point, causes, service=incident.service, broke=broke))
        else:
            # No series broke: what was changed just before it was noticed is still worth a look, at even odds with nothing.
            moment = _point(incident.detected_s, incident.detected_s - UNKNOWN_S, incident.detected_s + UNKNOWN_S)
            made = Analysis(None, None, attribute(moment, causes, service=incident.service))
        with self._lock:
            self._known[key] = (now_s, made)
        return made


def by_data(incident: Incident, change: DataChange, itself: TimelineEvent, events: Sequence[TimelineEvent]) -> Analysis:
    """``change``: what the logged requests say; ``itself``: the event that told it."""
    first = change.inputs[0] if change.inputs else None
    was, is_now = (0.0, 0.0) if first is None else (first.before or 0.0, first.now or 0.0)
    point = _point(change.at_s, change.low_s, change.high_s, was, is_now)
    seen = Onset("inputs", point.at_s, point.low_s, point.high_s, was, is_now)
    causes = _causes(incident, events)
    found = attribute(point, causes, service=incident.service, broke=Broke.INPUTS, itself=itself)
    return Analysis(seen, point, found, change)


def _point(at_s: float, low_s: float, high_s: float, before: float = 0.0, after: float = 0.0) -> ChangePoint:
    return ChangePoint(at_s, low_s, high_s, 0, before, after, 0.0)


def _causes(incident: Incident, events: Sequence[TimelineEvent]) -> list[TimelineEvent]:
    """What was done about it afterwards is no suspect."""
    return [
        e
        for e in events
        if not e.id.startswith("incident-") and not (e.kind is EventKind.ROLLBACK and e.at_s >= incident.detected_s)
    ]

"""Whether an incident is about what callers send, and which changes of it the watch told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlcontrol.core.alerts.alert import Alert
from mlcontrol.core.incidents.brief import Onset
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.types import Health, TimelineEvent
from mlcontrol.services.data_events import can_end, endings, told_s, watched
from mlcontrol.services.incidents.data_again import TOLD_EARLY_S, data_change
from mlcontrol.services.incidents.data_facts import Disturbance

OF_DATA = ("data", "accuracy", "golden set")
"""Rules of the panel's own that page for what callers send and what comes of it."""
OTHERS_S = 300.0
"""Inputs of other services that are told to have changed within this are looked at together with these."""


def of_data(
    incident: Incident,
    seen: Onset | None,
    events: Sequence[TimelineEvent],
    alerts: Iterable[Alert],
    span: tuple[float, float],
) -> TimelineEvent | None:
    """The change of what callers send that this incident is about. Where errors, latency or another version that answers began it,
    and somebody was paged for that, what else changed meanwhile is a suspect, not what must end."""
    began_s, ended_s = span
    paged = _paged(incident, alerts, span)
    if paged - {*OF_DATA} and seen is not None and seen.signal != "quality":
        return None
    return data_change(events, incident.service, began_s, ended_s)


def what_broke(
    incident: Incident,
    seen: Onset | None,
    events: Sequence[TimelineEvent],
    alerts: Iterable[Alert],
    span: tuple[float, float],
) -> Disturbance | None:
    """The changes of the inputs, where these are what broke: told by the watch, about this incident, and nobody was paged for more
    than that. Errors or another version that answers are told of first, also before somebody is paged for them."""
    alerts = tuple(alerts)
    if of_data(incident, seen, events, alerts, span) is None:
        return None
    rules = _paged(incident, alerts, span)
    if seen is not None and seen.signal in ("errors", "versions") and not rules & {*OF_DATA}:
        return None
    began_s, until_s = span
    own = [e for e in events if watched(e) and e.service == incident.service]
    ended = endings(incident.service, own)
    changes = sorted((e for e in own if e.severity is not Health.OK and e.at_s <= until_s), key=told_s)
    group: list[TimelineEvent] = []
    for event in (e for e in changes if e.at_s >= began_s - TOLD_EARLY_S):
        if group and all(ended.get(e.id, told_s(event)) < told_s(event) for e in group):
            group = []  # the one before was over: this is another
        group.append(event)
    if not group:
        return None
    ending = [e.id for e in group if can_end(e)]
    over_s = max(ended[name] for name in ending) if ending and all(name in ended for name in ending) else None
    if over_s is not None and over_s < incident.detected_s:
        return None
    return Disturbance(tuple(group), over_s)


def others_too(told: Disturbance, service: str, events: Iterable[TimelineEvent]) -> tuple[str, ...]:
    """Other services whose inputs changed about then: what feeds them all is the first place to look."""
    at_s = told_s(told.events[0])
    found = {
        e.service
        for e in events
        if watched(e) and e.service not in (None, service) and e.severity is not Health.OK
        and abs(told_s(e) - at_s) <= OTHERS_S
    }  # fmt: skip
    return tuple(sorted(name for name in found if name))


def _paged(incident: Incident, alerts: Iterable[Alert], span: tuple[float, float]) -> set[str]:
    """The rules that paged somebody for this service meanwhile."""
    began_s, ended_s = span
    return {
        alert.rule
        for alert in alerts
        if alert.service == incident.service and alert.fired_s is not None and began_s - 1.0 <= alert.fired_s <= ended_s
    }

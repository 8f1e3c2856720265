"""What of an incident's time is told by others: those of its service or its environment that had ended before it.

What failed then is theirs. Held to half of it, an incident in which little fails takes minutes to be proven over; and where it
began, whom it hurt and how much is told of the wrong one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlcontrol.core.incidents.incident import Incident

UNNOTICED_S = 60.0
"""So long an incident may have hurt before somebody or something noticed it."""


@dataclass(frozen=True, slots=True)
class Told:
    """The time of an incident that has ended, UTC seconds: from when it was noticed to when it was proven over."""

    service: str
    since_s: float
    until_s: float

    def holds(self, at_s: float) -> bool:
        return self.since_s - UNNOTICED_S <= at_s <= self.until_s


def told_by_others(incident: Incident, known: Iterable[Incident], by_s: float) -> tuple[Told, ...]:
    """Those that had ended before this one was declared and by ``by_s``, UTC seconds; one that is open tells of nothing yet."""
    latest_s = min(by_s, incident.declared_s if incident.declared_s is not None else by_s)
    found = []
    for one in known:
        ended_s = one.mitigated_s if one.mitigated_s is not None else one.resolved_s
        near = one.service == incident.service or (bool(one.environment) and one.environment == incident.environment)
        if near and one.id != incident.id and ended_s is not None and ended_s <= latest_s:
            found.append(Told(one.service, one.detected_s, ended_s))
    return tuple(found)


def own_since_s(service: str, told: Iterable[Told], began_s: float) -> float:
    """Where its own time begins, UTC seconds: not before the last one of its service ended, wherever the signals put it."""
    return max([began_s, *(one.until_s for one in told if one.service == service)])


def onset_since_s(service: str, told: Iterable[Told]) -> float:
    """What changed before that, UTC seconds, began no incident of this service now: the last one was proven over with it there."""
    return max([float("-inf"), *(one.since_s - UNNOTICED_S for one in told if one.service == service)])


def burning_since_s(told: Iterable[Told], began_s: float) -> float:
    """From when on what fails is of this incident alone, UTC seconds: others of its environment hurt its callers too, and are over.

    What burned on after them is counted as it was before; of what did not, they are the cause.
    """
    return max([began_s, *(one.until_s for one in told)])


def acted_since_s(incident: Incident, known: Iterable[Incident], began_s: float) -> float:
    """From when on what was done was done about this incident, UTC seconds: not before the last one of its service was closed.

    Else the way back of that one would prove that this one is over.
    """
    ended = (one.resolved_s for one in known if one.service == incident.service and one.id != incident.id)
    before_s = incident.declared_s if incident.declared_s is not None else float("inf")
    return max([began_s - 1.0, *(at_s for at_s in ended if at_s is not None and at_s <= before_s)])

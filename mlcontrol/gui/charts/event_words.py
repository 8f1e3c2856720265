"""Where the names of events stand in their lane: beside their mark, never over a mark or another name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlcontrol.core.types import EventKind, Health, TimelineEvent

MARK_PX = 8  # half of a mark and some air
LOUDEST_FIRST = (EventKind.ROLLBACK, EventKind.DEPLOY, EventKind.ALERT)


@dataclass(frozen=True, slots=True)
class Named:
    """``left``: where the words begin, in pixels."""

    event: TimelineEvent
    left: float


@dataclass(frozen=True, slots=True)
class Rule:
    """An event's line through a chart. ``at_s``: UTC seconds. ``right``: its words stand at its right."""

    at_s: float
    kind: str
    words: str
    right: bool = True


def named(
    marks: Sequence[tuple[float, TimelineEvent]],
    width_of: Callable[[TimelineEvent], float],
    left: float,
    right: float,
) -> tuple[Named, ...]:
    """Names for the events that ask for one and have the room. ``marks``: (x of the mark, event); all in pixels.

    Changes of what serves come first, then alerts by their severity; that an alert is over needs no name. The mark alone remains
    of what finds no room: its tip says the rest.
    """
    taken = [(x - MARK_PX, x + MARK_PX) for x, _ in marks]
    wanted = [(x, e) for x, e in marks if e.kind in LOUDEST_FIRST and not _over(e)]
    wanted.sort(key=lambda one: (LOUDEST_FIRST.index(one[1].kind), one[1].severity is not Health.CRITICAL, -one[0]))
    found = []
    for x, event in wanted:
        wide = width_of(event)
        for begins in (x - MARK_PX - wide - 2, x + MARK_PX + 2):
            ends = begins + wide
            if begins >= left and ends <= right and all(ends <= low or begins >= high for low, high in taken):
                taken.append((begins - 4, ends + 4))
                found.append(Named(event, begins))
                break
    return tuple(found)


def _over(event: TimelineEvent) -> bool:
    return event.kind is EventKind.ALERT and event.severity is Health.OK

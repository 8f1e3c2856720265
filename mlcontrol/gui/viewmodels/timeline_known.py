"""Which events the timeline page asks for and holds: what a person looks at, what they search for, and what served."""

from __future__ import annotations

from collections.abc import Callable

from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.core.world import MOVES
from mlcontrol.engine import messages as m
from mlcontrol.gui.viewmodels.timeline_lanes import Filter

KEEP, KEEP_MOVES = 5000, 2000
AT_ONCE = 500
TOLD_BY = (*MOVES, EventKind.ALIAS)
"""What served and what was intended follows from these, however long ago they were: they are asked for and held by themselves."""


def questions(wanted: Filter, span: tuple[float, float] | None, name: Callable[[], str]) -> tuple[m.QueryTimeline, ...]:
    """``span``: what is looked at, UTC seconds; `None`: the first time, when the newest of all are asked for. ``name``: makes the
    name of a request. What is looked at comes last."""
    asked = []
    if span is None:
        asked.append(m.QueryTimeline(request=name(), kinds=TOLD_BY, limit=KEEP_MOVES))
    if wanted.text.strip() or wanted.kinds:
        kinds = tuple(sorted(wanted.kinds))
        asked.append(
            m.QueryTimeline(request=name(), service=wanted.service, kinds=kinds, text=wanted.text, limit=AT_ONCE)
        )
    since_s, until_s = span or (0.0, None)
    asked.append(m.QueryTimeline(request=name(), since_s=since_s, until_s=until_s, limit=AT_ONCE))
    return tuple(asked)


def bounded(events: dict[str, TimelineEvent]) -> dict[str, TimelineEvent]:
    """The newest, and older moves beside them."""
    if len(events) <= KEEP:
        return events
    ordered = sorted(events.values(), key=lambda event: event.at_s)
    moves = [event for event in ordered[:-KEEP] if event.kind in TOLD_BY][-KEEP_MOVES:]
    return {event.id: event for event in (*moves, *ordered[-KEEP:])}

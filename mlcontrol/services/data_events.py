"""What the timeline holds of changes of the data: each with a name, and the end of each with the names of what has ended.

So an engine that begins anew knows which of the changes that were told have not ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlcontrol.core.data_report import BEFORE, JUST_BEFORE, VOLUME, place_words
from mlcontrol.core.types import EventKind, Health, TimelineEvent

CHANGED, OVER, UNKNOWN = "data", "data-over", "data-unknown"
SHOWN = 3
KINDS = (EventKind.DATA, EventKind.ENGINE)
SOURCE = "prediction log"


@dataclass(frozen=True, slots=True)
class ToldChange:
    """``name``: of its event. ``began_s``: what it is dated to, ``told_s``: when it was told; UTC seconds. ``where``: in words."""

    name: str
    began_s: float
    told_s: float
    where: str


def changed_event(service: str, told_s: float, began_s: float, where: tuple[str, ...], detail: str) -> TimelineEvent:
    name = f"{CHANGED}-{service}-{told_s:.0f}"
    return _event(name, began_s, f"The data changed: {_listed(where)}", service, Health.WARNING, detail)


def over_event(service: str, told_s: float, where: tuple[str, ...], changes: tuple[str, ...]) -> TimelineEvent:
    """``changes``: names of the events that told what has ended."""
    detail = "The newest answers were asked as those of before the change."
    name = _naming(OVER, service, told_s, changes)
    return _event(name, told_s, f"The data is as before again: {_listed(where)}", service, Health.OK, detail)


def unknown_event(service: str, told_s: float, change: ToldChange) -> TimelineEvent:
    """It is of the engine, not of the data: the cause of nothing."""
    detail = "The engine began anew meanwhile, and the prediction log does not show any more what came before it."
    title = f"Whether the data is as before again is not known: {change.where}"
    name = _naming(UNKNOWN, service, told_s, (change.name,))
    return _event(name, told_s, title, service, Health.UNKNOWN, detail, EventKind.ENGINE)


def watched(event: TimelineEvent) -> bool:
    """Whether the watch of the data told it; others (a pipeline, a person) put events of data on the timeline, too."""
    return event.kind is EventKind.DATA and event.source == SOURCE


def of_volume(event: TimelineEvent) -> bool:
    """Whether nothing but the number of answers changed, or is as before again."""
    return event.kind is EventKind.DATA and event.title.partition(": ")[2] == place_words(VOLUME, "")


def told_s(event: TimelineEvent) -> float:
    """When the watch told it, UTC seconds; what it is dated to may be earlier."""
    said = event.id.rpartition("-")[2].partition(".")[0]
    return float(said) if watched(event) and said.isdigit() else event.at_s


def can_end(event: TimelineEvent) -> bool:
    """What differs from training or from what is declared has no end of its own."""
    return any(f"against {other}:" in event.detail for other in (BEFORE, JUST_BEFORE))


def endings(service: str, events: Iterable[TimelineEvent]) -> dict[str, float]:
    """When the end of each change was told, by the change's name. UTC seconds."""
    return {name: event.at_s for event in events for name in _named(service, event)}


def open_changes(service: str, events: Iterable[TimelineEvent]) -> tuple[ToldChange, ...]:
    """Changes against what came before that were told and of which no end was told, oldest first. ``events``: of this service."""
    every = tuple(events)
    settled = {name for event in every for name in _named(service, event)}
    found = []
    for event in every:
        said = event.id.removeprefix(f"{CHANGED}-{service}-")
        if event.kind is EventKind.DATA and said.isdigit() and can_end(event) and event.id not in settled:
            found.append(ToldChange(event.id, event.at_s, float(said), event.title.partition(": ")[2]))
    return tuple(sorted(found, key=lambda change: change.told_s))


def _naming(kind: str, service: str, told_s: float, changes: tuple[str, ...]) -> str:
    """An event's id that carries which changes it settles: when each was told."""
    settled = "".join(f".{name.rpartition('-')[2]}" for name in changes)
    return f"{kind}-{service}-{told_s:.0f}{settled}"


def _named(service: str, event: TimelineEvent) -> tuple[str, ...]:
    for kind in (OVER, UNKNOWN):
        if event.id.startswith(f"{kind}-{service}-"):
            _, *settled = event.id.removeprefix(f"{kind}-{service}-").split(".")
            return tuple(f"{CHANGED}-{service}-{told_s}" for told_s in settled)
    return ()


def _listed(where: tuple[str, ...]) -> str:
    more = f" and {len(where) - SHOWN} more" if len(where) > SHOWN else ""
    return f"{', '.join(where[:SHOWN])}{more}"


def _event(
    name: str, at_s: float, title: str, service: str, severity: Health, detail: str, kind: EventKind = EventKind.DATA
) -> TimelineEvent:
    return TimelineEvent(
        id=name,
        at_s=at_s,
        kind=kind,
        title=title,
        service=service,
        detail=detail,
        source=SOURCE,
        severity=severity,
    )

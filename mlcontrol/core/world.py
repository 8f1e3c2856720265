"""The world at a moment, as the timeline's events tell it: what served, what was intended, route, config, data, trouble."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mlcontrol.core.recorded import recorded
from mlcontrol.core.types import EventKind, Health, TimelineEvent

MOVES = (EventKind.DEPLOY, EventKind.ROLLBACK, EventKind.ROUTE)
"""Kinds that say which version answers from then on."""

_LAST = (
    ("route", EventKind.ROUTE),
    ("config", EventKind.CONFIG),
    ("data", EventKind.DATA),
    ("loaded", EventKind.LOAD),
    ("restart", EventKind.RESTART),
)

TELLS = tuple(dict.fromkeys((*MOVES, EventKind.ALIAS, *(kind for _, kind in _LAST), EventKind.ALERT)))
"""Every kind that says something of the world at a moment."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing about a service at a moment. ``words`` `None`: the events do not say. ``since_s``: UTC seconds."""

    name: str
    words: str | None
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """An aspect at two moments."""

    name: str
    first: str | None
    second: str | None

    @property
    def differs(self) -> bool:
        return self.first != self.second


def observed_from(events: Iterable[TimelineEvent]) -> float:
    """Since when somebody has watched: the first event of any service that is known. UTC seconds; infinity without one. What was
    recorded is dated by whoever told it, and shows nobody watching."""
    return min((e.at_s for e in events if not recorded(e)), default=math.inf)


def served_at(
    events: Iterable[TimelineEvent], at_s: float, used_now: str | None, observed_s: float = -math.inf
) -> str | None:
    """The version that answered at a moment, by the moves; `None` when they do not say, or before anybody watched."""
    if at_s < observed_s:
        return None
    return _version_at(events, at_s, MOVES, used_now)


def intended_at(events: Iterable[TimelineEvent], at_s: float, intended_now: str | None) -> str | None:
    """The version the registry's alias named at a moment."""
    return _version_at(events, at_s, (EventKind.ALIAS,), intended_now)


def world_at(
    events: Iterable[TimelineEvent], at_s: float, used_now: str | None = None, intended_now: str | None = None
) -> tuple[Aspect, ...]:
    """``events``: of one service. ``used_now``, ``intended_now``: hold back to the last move when there was none."""
    own = sorted(events, key=lambda e: (e.at_s, e.id))
    aspects = [
        Aspect("used", served_at(own, at_s, used_now), _since(own, at_s, MOVES)),
        Aspect("intended", intended_at(own, at_s, intended_now), _since(own, at_s, (EventKind.ALIAS,))),
    ]
    for name, kind in _LAST:
        last = next((e for e in reversed(own) if e.kind is kind and e.at_s <= at_s), None)
        if last is not None:
            aspects.append(Aspect(name, last.title, last.at_s))
    if firing := _firing(own, at_s):
        more = f" and {len(firing) - 1} more" if len(firing) > 1 else ""
        aspects.append(Aspect("trouble", f"{firing[-1].title}{more}", firing[-1].at_s))
    return tuple(aspects)


def _firing(own: Iterable[TimelineEvent], at_s: float) -> list[TimelineEvent]:
    """The alerts that had begun and not ended, in the order in which they began. One's end is told under its own id; what ends
    under no id that is known ends all."""
    firing: dict[str, TimelineEvent] = {}
    for event in own:
        if event.kind is not EventKind.ALERT or event.at_s > at_s:
            continue
        alert = event.id.removesuffix("-firing").removesuffix("-resolved")
        if event.id.endswith("-resolved"):
            firing.pop(alert, None)
        elif event.severity is not Health.OK:
            firing[alert] = event
        else:
            firing.clear()
    return list(firing.values())


def differences(
    events: Iterable[TimelineEvent],
    first_s: float,
    second_s: float,
    used_now: str | None = None,
    intended_now: str | None = None,
) -> tuple[Difference, ...]:
    """What differs between two moments comes first; an aspect that neither knows is left out."""
    own = tuple(events)
    one = {a.name: a.words for a in world_at(own, first_s, used_now, intended_now)}
    two = {a.name: a.words for a in world_at(own, second_s, used_now, intended_now)}
    names = list(dict.fromkeys([*one, *two]))
    found = [Difference(name, one.get(name), two.get(name)) for name in names if one.get(name) or two.get(name)]
    return tuple(sorted(found, key=lambda d: not d.differs))


def _version_at(
    events: Iterable[TimelineEvent], at_s: float, kinds: tuple[EventKind, ...], now: str | None
) -> str | None:
    moves = sorted((e for e in events if e.kind in kinds and e.version_to), key=lambda e: (e.at_s, e.id))
    before = [e for e in moves if e.at_s <= at_s]
    if before:
        return before[-1].version_to
    return moves[0].version_from if moves else now


def _since(events: Iterable[TimelineEvent], at_s: float, kinds: tuple[EventKind, ...]) -> float | None:
    return max((e.at_s for e in events if e.kind in kinds and e.version_to and e.at_s <= at_s), default=None)

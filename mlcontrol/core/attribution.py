"""What may have caused a change point: every event in the window with its odds, and always "none of these".

Bayes over hypotheses "event i did it" and "something unrecorded did it". Event i predicts when the change shows: some delay after
it that is usual for its kind, blurred by the uncertainty of the change point. "Nothing recorded" predicts any moment of the window
alike. An event is weighed down by how little of the traffic it touched, and by not being of this service or slice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import erfc, exp, hypot, pi, sqrt
from types import MappingProxyType

from mlcontrol.core.signals.change import ChangePoint
from mlcontrol.core.types import EventKind, TimelineEvent

WINDOW_S = 3600.0
ONE_CHANGE_S = 120.0
"""Events of one version of one service that follow each other this closely are one change seen by several sources."""
CLEAR = 3.0
"""The first must be this many times as likely as the next, and their moments must be told apart by the data."""
UNRECORDED = 0.25
SEEN_S = 2.5
"""Standard error of an event's own moment: what others did is seen at the next poll, some seconds after it was done, and so may
be told after the change that it made."""


@dataclass(frozen=True, slots=True)
class Cause:
    """``weight``: how readily such a change moves a signal. ``delay_s``: mean time until it shows."""

    weight: float
    delay_s: float


CAUSES: Mapping[EventKind, Cause] = MappingProxyType(
    {
        EventKind.DEPLOY: Cause(1.0, 120.0),
        EventKind.ROLLBACK: Cause(1.0, 120.0),
        EventKind.ROUTE: Cause(0.9, 60.0),
        EventKind.RESTART: Cause(0.8, 60.0),
        EventKind.CONFIG: Cause(0.7, 300.0),
        EventKind.LOAD: Cause(0.5, 60.0),
        EventKind.ALIAS: Cause(0.4, 300.0),
        EventKind.DATA: Cause(0.7, 900.0),
        EventKind.CONNECTION: Cause(0.1, 300.0),
        EventKind.NOTE: Cause(0.2, 600.0),
    }
)
"""Kinds that can be causes; probes, alerts, health, reviews and the engine's own events are what one sees, not why."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """``event`` `None`: none of these. ``odds``: for it against all others together. ``why``: a sentence."""

    event: TimelineEvent | None
    odds: float
    why: str

    @property
    def probability(self) -> float:
        return self.odds / (1.0 + self.odds)


@dataclass(frozen=True, slots=True)
class Attribution:
    """``suspects``: likeliest first, "none of these" always among them. ``separable``: whether the first may be named alone.
    ``window_s``: how far back was looked."""

    suspects: tuple[Suspect, ...]
    separable: bool
    window_s: float

    @property
    def verdict(self) -> str:
        """One sentence for the person who was paged."""
        first = self.suspects[0]
        if not self.separable:
            close = [s.event.title for s in self.suspects if s.event is not None and s.odds * CLEAR >= first.odds]
            return f"Cannot separate: {' or '.join(close[:3])}." if len(close) > 1 else "Cannot say what caused it."
        if first.event is None:
            return f"None of the events of the last {self.window_s / 60:.0f} min explains it."
        return f"{first.event.title} ({100 * first.probability:.0f} % likely)."


def attribute(
    change: ChangePoint,
    events: Iterable[TimelineEvent],
    *,
    service: str | None = None,
    version: str | None = None,
    region: str | None = None,
    affected: Sequence[str] = (),
    shares: Mapping[str, float] = MappingProxyType({}),
    window_s: float = WINDOW_S,
) -> Attribution:
    """Rank the events from ``window_s`` before the change on.

    ``service``: whose signal changed; ``affected``: all services whose signals changed at that moment. ``version``, ``region``:
    the slice that changed alone, `None` when all of the service did. ``shares``: by event id, the share of the service's traffic
    it touched (0..1).
    """
    window_s = max(window_s, 2 * (change.high_s - change.low_s))
    inside = [e for e in events if e.kind in CAUSES and change.at_s - window_s <= e.at_s <= change.high_s]
    weighed: list[tuple[TimelineEvent | None, float, str]] = []
    for event in _one_each(inside):
        weight, why = _scope(event, service, version, region, affected)
        share = min(1.0, max(0.0, shares.get(event.id, 1.0)))
        if share < 1.0:
            weight *= 0.1 + 0.9 * share
            why += f"; it touched {100 * share:.0f} % of the traffic"
        cause = CAUSES[event.kind]
        likely = window_s * _delay_density(change, event.at_s, cause.delay_s)
        weighed.append((event, cause.weight * weight * likely, f"{_lag_words(change.at_s - event.at_s)}; {why}"))
    weighed.append((None, UNRECORDED, "something that no source records, or chance"))
    total = sum(weight for _, weight, _ in weighed)
    ranked = sorted(weighed, key=lambda one: (-one[1], one[0].at_s if one[0] else 0.0))
    suspects = tuple(
        Suspect(event, weight / max(total - weight, 1e-9 * total), why) for event, weight, why in ranked if weight > 0
    )
    return Attribution(suspects, _separable(suspects, change), window_s)


def _one_each(events: list[TimelineEvent]) -> list[TimelineEvent]:
    """One event for each change: a rollout's alias, load and route events are its own, and so are echoes from other sources."""
    kept: list[TimelineEvent] = []
    for event in sorted(events, key=lambda e: (-CAUSES[e.kind].weight, e.at_s)):
        if not any(_same_change(event, other) for other in kept):
            kept.append(event)
    return kept


def _same_change(a: TimelineEvent, b: TimelineEvent) -> bool:
    if a.operation is not None and b.operation is not None:
        return a.operation == b.operation
    return (
        a.service is not None
        and a.service == b.service
        and a.version_to is not None
        and a.version_to == b.version_to
        and abs(a.at_s - b.at_s) <= ONE_CHANGE_S
    )


def _scope(
    event: TimelineEvent, service: str | None, version: str | None, region: str | None, affected: Sequence[str]
) -> tuple[float, str]:
    everyone = {*affected, *([service] if service else ())}
    if event.service is None:
        weight, why = (1.0, "it touched all services") if len(everyone) > 1 else (0.5, "it is of no single service")
    elif event.service in everyone:
        # One service's change seldom moves others: what all of them show has a common cause.
        weight, why = 1.0 / len(everyone) ** 2, "it is of this service"
        if len(everyone) > 1:
            why = f"it is of one of {len(everyone)} services that changed at once"
    else:
        weight, why = (0.02, "it is of another service") if everyone else (1.0, f"it is of {event.service}")
    if version is not None and event.version_to is not None:
        met = event.version_to == version
        weight *= 1.5 if met else 0.02
        why += f"; it {'is' if met else 'is not'} of the version that changed"
    if region is not None:
        met = region.casefold() in f"{event.title} {event.detail}".casefold()
        weight *= 2.0 if met else 0.4
        why += f"; it {'names' if met else 'does not name'} {region}, where alone it changed"
    return weight, why


def _delay_density(change: ChangePoint, event_s: float, delay_s: float) -> float:
    """Density per second of the change showing where it does: an exponential delay, blurred by a normal location error."""
    blur = hypot((change.high_s - change.low_s) / (2 * 1.96), SEEN_S)
    lag, rate = change.at_s - event_s, 1.0 / delay_s
    # The exponentially modified normal law (Grushka 1972); far out its product of a huge and a tiny factor has a closed limit.
    z = rate * blur - lag / blur
    if z > 6:
        return rate * exp(-((lag / blur) ** 2) / 2) / (z * sqrt(2 * pi))
    return rate * exp((rate * blur) ** 2 / 2 - rate * lag) * erfc(z / sqrt(2)) / 2


def _lag_words(lag_s: float) -> str:
    if abs(lag_s) < 1:
        return "at the same second"
    words = f"{abs(lag_s):.0f} s" if abs(lag_s) < 120 else f"{abs(lag_s) / 60:.0f} min"
    return f"{words} {'before' if lag_s > 0 else 'after the likeliest moment of'} the change"


def _separable(suspects: tuple[Suspect, ...], change: ChangePoint) -> bool:
    """One suspect may be named alone when it is clearly ahead, and no other plausible one happened at the same moment."""
    first, *others = suspects
    if others and first.probability < CLEAR * others[0].probability:
        return False
    if first.event is None:
        return True
    resolution_s = max(change.high_s - change.low_s, 60.0)
    together = [
        other
        for other in others
        if other.event is not None
        and abs(other.event.at_s - first.event.at_s) <= resolution_s
        and first.probability < 10 * CLEAR * other.probability
    ]
    return not together

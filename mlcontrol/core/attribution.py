"""What may have caused a change point: every event in the window with its odds, and always "none of these".

Bayes over hypotheses "event i did it" and "something unrecorded did it". Event i predicts when the change shows: some delay after
it that is usual for its kind, blurred by the uncertainty of the change point. "Nothing recorded" predicts any moment of the window
alike. An event is weighed down by how little of the traffic it touched, by not being of this service or slice, and by what such a
change can touch at all (`REACH`): a version answers, it does not ask, so no deploy changes what callers send.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
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
DATED_S = 30.0
"""The same of a change of the data: its watch looks back at a minute of requests, and dates what it finds to its beginning."""


@dataclass(frozen=True, slots=True)
class Cause:
    """``weight``: how readily such a change moves a signal. ``delay_s``: mean time until it shows. ``seen_s``: standard error of
    the event's own moment."""

    weight: float
    delay_s: float
    seen_s: float = SEEN_S


CAUSES: Mapping[EventKind, Cause] = MappingProxyType(
    {
        EventKind.DEPLOY: Cause(1.0, 120.0),
        EventKind.ROLLBACK: Cause(1.0, 120.0),
        EventKind.ROUTE: Cause(0.9, 60.0),
        EventKind.RESTART: Cause(0.8, 60.0),
        EventKind.CONFIG: Cause(0.7, 300.0),
        EventKind.LOAD: Cause(0.5, 60.0),
        EventKind.ALIAS: Cause(0.4, 300.0),
        EventKind.DATA: Cause(0.7, 900.0, DATED_S),
        EventKind.CONNECTION: Cause(0.1, 300.0),
        EventKind.NOTE: Cause(0.2, 600.0),
    }
)
"""Kinds that can be causes; probes, alerts, health, reviews and the engine's own events are what one sees, not why."""


class Broke(StrEnum):
    """What it is that changed for the worse."""

    ANYTHING = "anything"
    INPUTS = "inputs"  # what callers send
    VERSIONS = "versions"  # who answers


OUT_OF_REACH = 0.002
"""Not nought: a model's answers may come back as its next inputs, and callers may be released together with a version."""
OF_VERSIONS = (
    EventKind.DEPLOY,
    EventKind.ROLLBACK,
    EventKind.ROUTE,
    EventKind.ALIAS,
    EventKind.LOAD,
    EventKind.RESTART,
)
"""Kinds whose versions are those of a model. A snapshot or a configuration has versions of its own, which say nothing of these."""
REACH: Mapping[Broke, Mapping[EventKind, float]] = MappingProxyType(
    {
        Broke.INPUTS: MappingProxyType(dict.fromkeys((*OF_VERSIONS, EventKind.CONNECTION), OUT_OF_REACH)),
        Broke.VERSIONS: MappingProxyType({EventKind.DATA: OUT_OF_REACH}),
    }
)
"""How much of a cause's weight is left for what broke; all of it where nothing stands here. Inputs are made upstream of the model
(data snapshots, feature pipelines, schemas, callers, their configuration), versions and the panel's own connections lie downstream
of them. Inputs in turn move no traffic from one version to another. Errors, latency and quality may come of either."""
PANEL = "panel"
"""Whose own settings (permissions, alerts, connections) no caller has ever heard of."""
_CANNOT = {
    Broke.INPUTS: "such a change does not alter what callers send",
    Broke.VERSIONS: "what callers send does not alter who answers",
}
ITSELF, CHANCE = 0.75, 0.05
"""Weights of "the inputs changed upstream, where nobody records" and of a watch that erred: together they take the place of
`UNRECORDED`. Most of what feeds a model is recorded by nobody here, so the first is three times that; a change upstream that is
recorded, just before it, outweighs it. The watch errs once in weeks."""
OF_ANOTHER = 0.001
"""Of an event of another service, which may share a server: on a fleet some service changes every few minutes, so its moment alone
must not outweigh "none of these"."""
AT_ONCE_S = 30.0
"""Another version that answers since the same moment: what it does to the answers cannot be told from what the inputs do."""


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
    ``window_s``: how far back was looked. ``itself``: id of the event that tells the very change that broke, where there is one.
    ``service``: whose signal broke, if one's."""

    suspects: tuple[Suspect, ...]
    separable: bool
    window_s: float
    itself: str = ""
    service: str | None = None

    def called(self, event: TimelineEvent) -> str:
        """By its title; what was done to another service is named with it, for its versions are not this one's."""
        return event.title if self.owns(event) else f"{event.service}: {event.title}"

    def owns(self, event: TimelineEvent) -> bool:
        return self.service is None or event.service in (None, self.service)

    @property
    def close(self) -> tuple[TimelineEvent, ...]:
        """The events that cannot be told apart from the first, and it; none where it may be named alone."""
        if self.separable:
            return ()
        first = self.suspects[0]
        return tuple(s.event for s in self.suspects if s.event is not None and s.odds * CLEAR >= first.odds)

    @property
    def verdict(self) -> str:
        """One sentence for the person who was paged."""
        first = self.suspects[0]
        if not self.separable:
            others = [event for event in self.close if event.id != self.itself]
            if len(others) < len(self.close) and others and not any(event.kind in OF_VERSIONS for event in others):
                named = " or ".join(f"“{self.called(event)}”" for event in others[:2])
                return f"Cannot say whether it came of {named}, or of something upstream that no source records."
            close = [self.called(event) for event in self.close]
            return f"Cannot separate: {' or '.join(close[:3])}." if len(close) > 1 else "Cannot say what caused it."
        if first.event is None:
            return f"None of the events of the last {self.window_s / 60:.0f} min explains it."
        if first.event.id == self.itself:
            return f"It came with what callers send; no recorded change explains it ({100 * first.probability:.0f} % likely)."
        return f"{self.called(first.event)} ({100 * first.probability:.0f} % likely)."


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
    broke: Broke = Broke.ANYTHING,
    itself: TimelineEvent | None = None,
) -> Attribution:
    """Rank the events from ``window_s`` before the change on.

    ``service``: whose signal changed; ``affected``: all services whose signals changed at that moment. ``version``, ``region``:
    the slice that changed alone, `None` when all of the service did. ``shares``: by event id, the share of the service's traffic
    it touched (0..1). ``broke``: what changed. ``itself``: the event that tells this very change (of the
    inputs): it stands for "it came with what callers send, and nothing upstream is recorded". What the same watch told besides is
    no cause of it.
    """
    window_s = max(window_s, 2 * (change.high_s - change.low_s))
    inside = [
        e
        for e in events
        if e.kind in CAUSES
        and change.at_s - window_s <= e.at_s <= change.high_s + 2 * (CAUSES[e.kind].seen_s - SEEN_S)
        and not _told_with(e, itself)
    ]
    weighed: list[tuple[TimelineEvent | None, float, str]] = []
    if itself is not None:
        weighed.append((itself, ITSELF, "the data itself changed, by something nobody records"))
    for event in _one_each(inside):
        weight, why = _scope(event, service, version, region, affected)
        share = min(1.0, max(0.0, shares.get(event.id, 1.0)))
        if share < 1.0:
            weight *= 0.1 + 0.9 * share
            why += f"; it touched {100 * share:.0f} % of the traffic"
        cause = CAUSES[event.kind]
        likely = window_s * _delay_density(change, event.at_s, cause)
        reach = _reach(event, broke)
        if reach < 1.0:
            why += f"; {_CANNOT[broke]}"
        weight *= cause.weight * likely * reach
        if itself is not None and _at_once(event, change, service):
            weight = ITSELF * cause.weight
            why += ", but may have changed the answers at the same moment"
        weighed.append((event, weight, f"{_lag_words(change.at_s - event.at_s)}; {why}"))
    if itself is None:
        weighed.append((None, UNRECORDED, "something that no source records, or chance"))
    else:
        weighed.append((None, CHANCE, "chance, or an error of the watch that told it"))
    total = sum(weight for _, weight, _ in weighed)
    ranked = sorted(weighed, key=lambda one: (-one[1], one[0] is not itself, one[0].at_s if one[0] else 0.0))
    suspects = tuple(
        Suspect(event, weight / max(total - weight, 1e-9 * total), why) for event, weight, why in ranked if weight > 0
    )
    name = itself.id if itself is not None else ""
    return Attribution(suspects, _separable(suspects, change, name), window_s, name, service)


def _reach(event: TimelineEvent, broke: Broke) -> float:
    own = broke is Broke.INPUTS and event.kind is EventKind.CONFIG and event.source == PANEL
    return OUT_OF_REACH if own else REACH.get(broke, {}).get(event.kind, 1.0)


def _told_with(event: TimelineEvent, itself: TimelineEvent | None) -> bool:
    """Whether the watch that told the change told this, too, of this service or of another: effects of one cause, no causes."""
    return itself is not None and (event.kind, event.source) == (itself.kind, itself.source)


def _at_once(event: TimelineEvent, change: ChangePoint, service: str | None) -> bool:
    """Whether from then on another version of the service answered, at the moment of the change as far as that is known."""
    moved = (
        event.kind in (EventKind.DEPLOY, EventKind.ROLLBACK, EventKind.ROUTE) and event.version_from != event.version_to
    )
    return moved and event.service == service and change.low_s - AT_ONCE_S <= event.at_s <= change.high_s + AT_ONCE_S


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
        a.kind in OF_VERSIONS
        and b.kind in OF_VERSIONS
        and a.service is not None
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
        weight, why = (OF_ANOTHER, "it is of another service") if everyone else (1.0, f"it is of {event.service}")
    if version is not None and event.version_to is not None and event.kind in OF_VERSIONS:
        met = event.version_to == version
        weight *= 1.5 if met else 0.02
        why += f"; it {'is' if met else 'is not'} of the version that changed"
    if region is not None:
        met = region.casefold() in f"{event.title} {event.detail}".casefold()
        weight *= 2.0 if met else 0.4
        why += f"; it {'names' if met else 'does not name'} {region}, where alone it changed"
    return weight, why


def _delay_density(change: ChangePoint, event_s: float, cause: Cause) -> float:
    """Density per second of the change showing where it does: an exponential delay, blurred by a normal location error."""
    blur = hypot((change.high_s - change.low_s) / (2 * 1.96), cause.seen_s)
    lag, rate = change.at_s - event_s, 1.0 / cause.delay_s
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


def _separable(suspects: tuple[Suspect, ...], change: ChangePoint, itself: str) -> bool:
    """One suspect may be named alone when it is clearly ahead, and no other plausible one happened at the same moment. Of a change
    that is told as such the moment is the change's own: what else happened then is weighed already."""
    first, *others = suspects
    if others and first.probability < CLEAR * others[0].probability:
        return False
    if first.event is None or first.event.id == itself:
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

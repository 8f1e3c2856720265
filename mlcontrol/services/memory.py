"""What the store remembers of a service, kept at hand: read anew every few seconds, not at every fold."""

from __future__ import annotations

import math
import random
import threading
from dataclasses import dataclass

from mlcontrol.core.review.version_scores import counted_scores
from mlcontrol.core.types import EventKind
from mlcontrol.core.wayback import Rehearsed, carried_before
from mlcontrol.services.assembly import Remembered
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.reviews.counting import Counting

READ_EVERY_S = 2.0
READS_PER_S = 25.0
"""Of so many services everything is read anew in a second, changed or not: a fleet of thousands takes its turns."""
MOVES_READ = 20
PROVEN_S = 60.0
ROUTES_LATE_S = 3600.0
"""An event may be put on the timeline so much later than it was."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What is otherwise as soon as anything of a service has changed; empty where nothing is remembered of it."""

    known: tuple[float, ...] = ()
    drilled: tuple[float, ...] = ()
    routed_s: float | None = None
    reviewed: bool = False


_NOTHING = _Stamp()


class Memory:
    """What is known of versions, drills and routes is read as soon as it has changed, for whichever service; verdicts of people in
    turns, each service every `READ_EVERY_S` in a fleet of fifty and less often in a larger one. *Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._counting = Counting(ctx.clock)
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._looked_s = -math.inf
        self._stamps: dict[str, _Stamp] = {}
        self._routed: dict[str, float] = {}
        self._routed_to_s = 0.0
        self._read: dict[str, tuple[float, _Stamp, Remembered]] = {}  # by service: when it is read again
        self._serving: dict[str, tuple[str, float]] = {}
        self._proven: set[tuple[str, str]] = set()

    def of(self, service: str) -> Remembered:
        now = self._ctx.clock.mono_s()
        stamp = self._stamp_of(service, now)
        with self._lock:
            known = self._read.get(service)
        if known is not None and now < known[0] and stamp == known[1]:
            return known[2]
        fresh = self._fresh(service, stamp)
        every_s = len(self._ctx.settings.services) / READS_PER_S
        # All of them are read when the engine starts: they must not come back all at once.
        again_s = READ_EVERY_S if every_s <= READ_EVERY_S else every_s * random.uniform(0.5, 1.5)  # noqa: S311
        with self._lock:
            self._read[service] = now + again_s, stamp, fresh
        return fresh

    def _stamp_of(self, service: str, now: float) -> _Stamp:
        with self._looking:
            if now - self._looked_s >= READ_EVERY_S:
                store, utc_s = self._ctx.store, self._ctx.clock.utc_s()
                self._routed |= store.timeline.newest((EventKind.ROUTE,), self._routed_to_s)
                self._routed_to_s = utc_s - ROUTES_LATE_S
                known, drilled, reviewed = store.knowledge.stamps(), store.drills.stamps(), store.reviews.reviewed()
                self._stamps = {
                    name: _Stamp(known.get(name, ()), drilled.get(name, ()), self._routed.get(name), name in reviewed)
                    for name in {*known, *drilled, *self._routed, *reviewed}
                }
                self._looked_s = now
            return self._stamps.get(service, _NOTHING)

    def _fresh(self, service: str, stamp: _Stamp) -> Remembered:
        """Only what there is anything of is read."""
        knowledge, drills = self._ctx.store.knowledge, self._ctx.store.drills
        whats = ("rollback", "load", "route") if stamp.known else ()
        seconds = {what: knowledge.measured_seconds(service, what) for what in whats}
        counted = self._counting.of(self._ctx.store.reviews, service) if stamp.reviewed else None
        by_version = counted_scores(counted.tally) if counted is not None else {}
        return Remembered(
            tuple(version for version, _ in knowledge.known_good(service)) if stamp.known else (),
            dict(knowledge.quarantined(service)) if stamp.known else {},
            {what: took_s for what, took_s in seconds.items() if took_s is not None},
            tuple(by_version[version] for version in sorted(by_version)),
            Rehearsed(
                drills.last_return(service) if stamp.drilled else None,
                drills.last_passed_s(service) if stamp.drilled else None,
                self._ctx.clock.utc_s(),
            ),
            traffic_before(self._ctx, service) if stamp.routed_s is not None else (),
        )

    def served(self, service: str, version: str | None) -> None:
        """Called every second with the version that serves well, or `None`; after `PROVEN_S` without a break it is known good."""
        now = self._ctx.clock.mono_s()
        with self._lock:
            since = self._serving.get(service)
            if version is None:
                self._serving.pop(service, None)
                return
            if since is None or since[0] != version:
                self._serving[service] = version, now
                return
            if now - since[1] < PROVEN_S or (service, version) in self._proven:
                return
            self._proven.add((service, version))
        if not self._ctx.view_only:
            self._ctx.store.knowledge.mark_known_good(service, version)


def traffic_before(ctx: ServiceContext, service: str) -> tuple[str, ...]:
    """Versions that traffic was seen to be moved away from, newest first: they answered, however briefly."""
    return carried_before(ctx.store.timeline.query(service, 0.0, None, (EventKind.ROUTE,), "", MOVES_READ))

"""What the store remembers of a service, kept at hand: read anew every few seconds, not at every fold."""

from __future__ import annotations

import threading

from mlcontrol.core.review.version_scores import counted_scores
from mlcontrol.core.types import EventKind
from mlcontrol.core.wayback import Rehearsed, carried_before
from mlcontrol.services.assembly import Remembered
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.reviews.counting import Counting

READ_EVERY_S = 2.0
MOVES_READ = 20
PROVEN_S = 60.0


class Memory:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._counting = Counting(ctx.clock)
        self._lock = threading.Lock()
        self._read: dict[str, tuple[float, Remembered]] = {}
        self._serving: dict[str, tuple[str, float]] = {}
        self._proven: set[tuple[str, str]] = set()

    def of(self, service: str) -> Remembered:
        now = self._ctx.clock.mono_s()
        with self._lock:
            known = self._read.get(service)
        if known is not None and now - known[0] < READ_EVERY_S:
            return known[1]
        knowledge = self._ctx.store.knowledge
        measured = {what: knowledge.measured_seconds(service, what) for what in ("rollback", "load", "route")}
        by_version = counted_scores(self._counting.of(self._ctx.store.reviews, service).tally)
        fresh = Remembered(
            tuple(version for version, _ in knowledge.known_good(service)),
            dict(knowledge.quarantined(service)),
            {what: seconds for what, seconds in measured.items() if seconds is not None},
            tuple(by_version[version] for version in sorted(by_version)),
            Rehearsed(
                self._ctx.store.drills.last_return(service),
                self._ctx.store.drills.last_passed_s(service),
                self._ctx.clock.utc_s(),
            ),
            traffic_before(self._ctx, service),
        )
        with self._lock:
            self._read[service] = now, fresh
        return fresh

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

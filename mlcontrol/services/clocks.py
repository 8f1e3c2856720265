"""Holds this machine's clock against those of the servers and of the shared store, and says while they differ."""

from __future__ import annotations

from mlcontrol.core.clock_notice import clock_notice
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.types import Freshness
from mlcontrol.services.clock_set import LEAST_S, ClockWatch
from mlcontrol.services.context import ClockSaid, ServiceContext

STORE_EVERY_S = 5.0
SHOWN_S = 600.0  # that the clock was set is said for so long, where nobody tells whether it is right now
STORE = "the shared store"


class Clocks:
    """*Thread:* the watch's own."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._set = ClockWatch(ctx)
        self._set_by_s, self._set_at = 0.0, 0.0
        self._store_ahead_s: float | None = None
        self._store_asked: float | None = None

    def look(self) -> None:
        """Tell what is otherwise than it was told."""
        now = self._ctx.clock.mono_s()
        if set_by := self._set.look():
            self._set_by_s, self._set_at = self._set_by_s + set_by, now
            self._store_asked = None
        if abs(self._set_by_s) < LEAST_S or now - self._set_at > SHOWN_S:  # set back again, or long ago
            self._set_by_s = 0.0
        fresh = clock_notice(self._known(now), self._set_by_s)
        if fresh != self._ctx.state().clock:
            self._ctx.emit(ClockSaid(fresh))

    def _known(self, now: float) -> dict[str, float]:
        known = {
            c.id: c.clock_ahead_s
            for c in self._ctx.state().connections.values()
            if c.clock_ahead_s is not None and c.freshness is not Freshness.UNKNOWN
        }
        if self._store_asked is None or now - self._store_asked >= STORE_EVERY_S:
            self._store_asked, self._store_ahead_s = now, self._of_the_store()
        return known if self._store_ahead_s is None else {**known, STORE: self._store_ahead_s}

    def _of_the_store(self) -> float | None:
        try:
            off = self._ctx.store.clock_off()
        except ProblemError:
            return None  # it is away: said elsewhere
        return None if off is None else off.ahead_s

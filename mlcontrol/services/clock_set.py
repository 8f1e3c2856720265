"""Notices that this machine's wall clock was set while the engine runs: ages and leases go on, what is told by it is marked."""

from __future__ import annotations

from datetime import UTC, datetime

from mlcontrol.core.clock_notice import span_words
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.ports.clock import Clock
from mlcontrol.services.context import ServiceContext

LEAST_S = 2.0  # what a time service corrects by slewing stays far below
READ_WITHIN_S = 0.5  # both clocks must be read together: who was stopped in between has seen nothing


class WallClock:
    """Tells when the wall clock was set, by the one that nobody sets. *Thread:* one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart_s: float | None = None  # wall clock less the one that nobody sets

    def set_by(self) -> float | None:
        """By how many seconds since the last look; `None` where it was not, or nobody can tell."""
        before = self._clock.mono_s()
        now_s = self._clock.utc_s()
        after = self._clock.mono_s()
        if after - before > READ_WITHIN_S:
            return None
        apart_s, last = now_s - after, self._apart_s
        self._apart_s = apart_s
        return None if last is None or abs(apart_s - last) < LEAST_S else apart_s - last


class ClockWatch:
    """*Thread:* the watch's own."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._wall = WallClock(ctx.clock)

    def look(self) -> float | None:
        """By how many seconds the wall clock was set since the last look, told on the timeline; `None` where it was not, or nobody
        can tell."""
        set_by = self._wall.set_by()
        if set_by is None:
            return None
        now_s = self._ctx.clock.utc_s()
        self._ctx.emit(
            TimelineEvent(
                id=f"clock-set-{self._ctx.clock.mono_s():.3f}",
                at_s=now_s,
                kind=EventKind.ENGINE,
                title=f"The clock of this machine was set {span_words(set_by)}",
                detail=f"It said {_moment(now_s - set_by)}, now it says {_moment(now_s)}. Ages, leases and the order of the "
                "records do not depend on it; times of the wall before and after this differ by as much.",
                source="engine",
                severity=Health.WARNING,
            )
        )
        return set_by


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

"""Time, as a port: tests drive it, the engine reads the machine's."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from mlcontrol.core.types import Stamp


def ticking_s() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine sleeps: what was read before a laptop was closed
    is hours old when it is opened. Plain ``time.monotonic`` stands still meanwhile on Linux and macOS."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


# macOS gives the sleepless clock the name that Linux gives the other one.
_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class Clock(Protocol):
    def utc_s(self) -> float: ...
    def mono_s(self) -> float: ...
    def stamp(self) -> Stamp: ...


class SystemClock:
    """The machine's clocks: ``mono_s`` as `ticking_s`; sequence numbers grow by one per stamp. *Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seq = 0

    def utc_s(self) -> float:
        return time.time()

    def mono_s(self) -> float:
        return ticking_s()

    def stamp(self) -> Stamp:
        with self._lock:
            self._seq += 1
            return Stamp(time.time(), ticking_s(), self._seq)


class SteadyClock:
    """UTC as it was at the beginning, carried on by the clock that nobody sets: for spans that something hangs on, whatever becomes
    of the wall clock meanwhile. *Thread:* any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart_s = clock.utc_s() - clock.mono_s()

    def utc_s(self) -> float:
        return self._clock.mono_s() + self._apart_s

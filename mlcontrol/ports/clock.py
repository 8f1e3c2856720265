"""Time, as a port: tests drive it, the engine reads the machine's."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from mlcontrol.core.types import Stamp


class Clock(Protocol):
    def utc_s(self) -> float: ...
    def mono_s(self) -> float: ...
    def stamp(self) -> Stamp: ...


class SystemClock:
    """The machine's clocks; sequence numbers grow by one per stamp. *Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seq = 0

    def utc_s(self) -> float:
        return time.time()

    def mono_s(self) -> float:
        return time.monotonic()

    def stamp(self) -> Stamp:
        with self._lock:
            self._seq += 1
            return Stamp(time.time(), time.monotonic(), self._seq)

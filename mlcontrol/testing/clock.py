"""A clock that tests drive."""

from __future__ import annotations

import threading

from mlcontrol.core.types import Stamp


class FakeClock:
    """Stands still until told to move. *Thread:* any."""

    def __init__(self, utc_s: float = 1_800_000_000.0, mono_s: float = 1000.0) -> None:
        self._lock = threading.Lock()
        self._utc_s, self._mono_s, self._seq = utc_s, mono_s, 0

    def utc_s(self) -> float:
        with self._lock:
            return self._utc_s

    def mono_s(self) -> float:
        with self._lock:
            return self._mono_s

    def stamp(self) -> Stamp:
        with self._lock:
            self._seq += 1
            return Stamp(self._utc_s, self._mono_s, self._seq)

    def advance(self, seconds: float) -> None:
        """Time passes on both clocks."""
        with self._lock:
            self._utc_s += seconds
            self._mono_s += seconds

    def jump(self, seconds: float) -> None:
        """Someone sets the wall clock; the monotonic one does not move."""
        with self._lock:
            self._utc_s += seconds

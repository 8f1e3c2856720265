"""Counters to rates: a counter that falls has been reset by a restart; it never gives a negative rate nor one above the real."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from math import isfinite

KEPT_AT_LEAST = 2


class CounterWindow:
    """Readings of one cumulative counter over the last ``window_s``. *Thread:* one."""

    def __init__(self, window_s: float = 30.0) -> None:
        self._window_s = window_s
        self._points: deque[tuple[float, float]] = deque()  # (monotonic s, total without resets)
        self._last: float | None = None
        self._total = 0.0

    def add(self, mono_s: float, value: float) -> bool:
        """Take a reading; true when the counter was reset since the last one. Not finite, or not newer: left out."""
        if not isfinite(value) or (self._points and mono_s <= self._points[-1][0]):
            return False
        reset = self._last is not None and value < self._last
        if self._last is not None:
            # After a reset the counter has counted at least `value` since; what it had counted before the restart is lost.
            self._total += value if reset else value - self._last
        self._last = value
        self._points.append((mono_s, self._total))
        while len(self._points) > KEPT_AT_LEAST and self._points[1][0] <= mono_s - self._window_s:
            self._points.popleft()
        return reset

    def spend(self, amount: float) -> None:
        """Take out what the panel itself has caused since the last reading."""
        if self._points:
            mono_s, _ = self._points[-1]
            before = self._points[-2][1] if len(self._points) > 1 else self._total
            self._total = max(before, self._total - amount)
            self._points[-1] = (mono_s, self._total)

    def increase(self) -> float | None:
        """Counted over the window; `None` before the second reading."""
        return self._points[-1][1] - self._points[0][1] if len(self._points) > 1 else None

    def last_increase(self) -> float | None:
        """Counted between the last two readings."""
        return self._points[-1][1] - self._points[-2][1] if len(self._points) > 1 else None

    def rate(self) -> float | None:
        """Per second over the window."""
        increase = self.increase()
        return None if increase is None else increase / (self._points[-1][0] - self._points[0][0])

    def last_rate(self) -> float | None:
        """Per second between the last two readings."""
        if len(self._points) < 2:
            return None
        (t0, v0), (t1, v1) = self._points[-2], self._points[-1]
        return (v1 - v0) / (t1 - t0)

    def steady(self, intervals: int = 4) -> bool:
        """Whether it has grown between each of the last readings: lasting use, not a burst."""
        totals = [total for _, total in list(self._points)[-intervals - 1 :]]
        return len(totals) == intervals + 1 and all(a < b for a, b in pairwise(totals))

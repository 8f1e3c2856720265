"""Counters to rates: a counter that falls has been reset by a restart; it never gives a negative rate nor one above the real."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from math import isfinite

KEPT_AT_LEAST = 2
JUMPS = 2
JUMPS_KEPT_S = 120.0


class CounterWindow:
    """Readings of one cumulative counter over the last ``window_s``. *Thread:* one."""

    def __init__(self, window_s: float = 30.0) -> None:
        self._window_s = window_s
        self._points: deque[tuple[float, float]] = deque()  # (monotonic s, total without resets)
        self._last: float | None = None
        self._total = 0.0
        self._fallen_from: float | None = None
        self._largest_step = 0.0
        self._jumps: deque[float] = deque()

    def add(self, mono_s: float, value: float) -> bool:
        """Take a reading; true when the counter was reset since the last one. Not finite, or not newer: left out."""
        if not isfinite(value) or (self._points and mono_s <= self._points[-1][0]):
            return False
        reset = self._last is not None and value < self._last
        self._watch_for_jumps(mono_s, value, reset)
        if self._last is not None:
            # After a reset the counter has counted at least `value` since; what it had counted before the restart is lost.
            self._total += value if reset else value - self._last
        self._last = value
        self._points.append((mono_s, self._total))
        while len(self._points) > KEPT_AT_LEAST and self._points[1][0] <= mono_s - self._window_s:
            self._points.popleft()
        return reset

    def _watch_for_jumps(self, mono_s: float, value: float, reset: bool) -> None:
        """A process that begins again counts up from zero by steps; one that is back at once where it had been was never gone:
        two of them answer in turn at one address."""
        if self._last is None:
            return
        step = value - self._last
        if reset:
            self._fallen_from = max(self._last, self._fallen_from or 0.0)
        elif self._fallen_from is not None and value >= self._fallen_from and step > 3 * self._largest_step:
            self._fallen_from = None
            self._jumps.append(mono_s)
        else:
            self._largest_step = max(step, 0.9 * self._largest_step)
            if self._fallen_from is not None and value >= self._fallen_from:
                self._fallen_from = None
        while self._jumps and self._jumps[0] < mono_s - JUMPS_KEPT_S:
            self._jumps.popleft()

    def jumps(self) -> bool:
        """Whether it has fallen and come back at once again and again: its rate is then not known."""
        return len(self._jumps) >= JUMPS

    def is_late(self, mono_s: float) -> bool:
        """Whether two readings of its own beat have been missed."""
        if len(self._points) < 2:
            return False
        beat_s = self._points[-1][0] - self._points[-2][0]
        return mono_s - self._points[-1][0] > 3 * beat_s

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

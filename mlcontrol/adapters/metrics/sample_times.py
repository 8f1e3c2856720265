"""When the samples of a store were made: how long nothing new has come, and what a counter is at between two of them.

A store hands out the newest sample for minutes after whoever made it has stopped, and the same one again and again where it is made
less often than we ask.
"""

from __future__ import annotations

from dataclasses import dataclass

USUAL_S = 60.0  # how often samples are taken to be made while only one is known: longer intervals are rare

SOONER = 0.8  # of the interval between two samples: who asks again before that would see it as a leap


@dataclass(slots=True)
class SampleClock:
    """Of the series that one target makes at the same moment. Times are UTC seconds, by the store's own clock."""

    made_s: float = 0.0
    before_s: float | None = None  # when the sample before was made
    arrived_s: float | None = None  # about when the newest came, where it was seen to come
    asked_s: float = 0.0
    drawn_out: bool = False  # whether the newest two lie further apart than the questions
    _waited: bool = False

    def tell(self, made_s: float, now_s: float) -> None:
        """The newest sample was made at ``made_s``, as of ``now_s``."""
        if self.asked_s and made_s > self.made_s:
            self.before_s, self.arrived_s = self.made_s, max(made_s, self.asked_s)
            sooner = now_s - self.asked_s < SOONER * (made_s - self.made_s)
            self.drawn_out, self._waited = self._waited or sooner, False
        elif self.asked_s:
            self._waited = True
        self.made_s, self.asked_s = max(made_s, self.made_s), now_s

    @property
    def every_s(self) -> float:
        return USUAL_S if self.before_s is None else self.made_s - self.before_s

    def silent_s(self, now_s: float) -> float:
        """For how long nothing new has come. One that comes late and steadily is not silent."""
        return max(0.0, now_s - max(self.made_s, self.arrived_s or 0.0))

    def share(self, now_s: float) -> float:
        """How far a counter has come from the sample before to the newest one; 1 where each question finds a new one. Drawn out so,
        a counter that is made every minute does not stand still for most questions and leap at the others."""
        if not self.drawn_out or self.arrived_s is None:
            return 1.0
        return min(1.0, max(0.0, now_s - self.arrived_s) / self.every_s)


@dataclass(slots=True)
class Drawn:
    """One counter between its newest two samples."""

    newest: float
    before: float
    made_s: float

    def at(self, value: float, clock: SampleClock, now_s: float) -> float:
        """``value``: as it is told now."""
        if clock.made_s != self.made_s:
            self.before, self.newest, self.made_s = self.newest, value, clock.made_s
        if not clock.drawn_out:
            return value
        share = clock.share(now_s)
        if value < self.before:
            return value * share  # it began again
        return self.before + (value - self.before) * share

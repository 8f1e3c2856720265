"""The last hour of a service's traffic: what this engine counted, before that what it had kept, and where nobody counted here what
a source remembers. Its line is drawn, and what is usual is read from it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from math import inf
from statistics import median

from mlcontrol.core.signals.spark import spark

SPARK_S = 900.0
HOUR_S = 3600.0
RECENT_S = 300.0
FEWEST = 12

Points = Sequence[tuple[float, float]]
"""UTC seconds, rising, and queries a second of all versions together."""


@dataclass(slots=True)
class PastTraffic:
    """*Thread:* guarded by its meter's lock."""

    own: list[tuple[float, float]] = field(default_factory=list)
    remembered: Points = ()  # by a source, of moments at which nothing was counted here
    resumed: bool = False  # whether it goes on from what was kept
    asked_until_s: float = -inf  # up to here a source has said what it remembers
    usual: float | None = None  # of the hour before it was last asked

    def add(self, at_s: float, rate: float) -> None:
        if not self.own or at_s > self.own[-1][0]:
            self.own.append((at_s, rate))
        while self.own and self.own[0][0] < at_s - HOUR_S:
            self.own.pop(0)

    def resume(self, kept: Points) -> None:
        """Go on from what an engine before this one kept."""
        first_s = self.own[0][0] if self.own else inf
        self.own[:0] = [point for point in kept if point[0] < first_s]
        self.resumed = True

    def lacks(self, hole_s: float) -> bool:
        """Whether there is a time without a count, longer than ``hole_s``, that no source was asked about yet."""
        if not self.own:
            return False  # nobody has answered yet; what is missing is known when one does
        if self.asked_until_s == -inf and self.own[0][0] > self.own[-1][0] - HOUR_S + hole_s:
            return True
        return any(
            until_s - since_s > hole_s and until_s > self.asked_until_s
            for (since_s, _), (until_s, _) in pairwise(self.own)
        )

    def recall(self, told: Points, asked_until_s: float, hole_s: float) -> None:
        """Take in what a source remembers of the times without a count."""
        edges = [-inf, *(at_s for at_s, _ in self.own)]
        holes = [(since_s, until_s) for since_s, until_s in pairwise(edges) if until_s - since_s > hole_s]
        self.remembered = [p for p in told if any(since_s < p[0] < until_s for since_s, until_s in holes)]
        self.asked_until_s = asked_until_s

    def line(self, until_s: float) -> tuple[float, ...]:
        """A sparkline over a quarter of an hour."""
        since = (until_s - SPARK_S,)
        drawn = (points[bisect_left(points, since) :] for points in (self.remembered, self.own))
        return spark(chain.from_iterable(drawn), until_s, SPARK_S)

    def hour(self, now_s: float, rate: float, *, golden: bool) -> float | None:
        """The median of the hour before the last minutes; while nobody asks, of the hour before that began. ``golden``: this panel
        asks too, which a source counts with the rest: then only what was counted here tells what is usual."""
        since, until = (now_s - HOUR_S,), (now_s - RECENT_S,)
        known = (self.own,) if golden else (self.remembered, self.own)
        before = [
            rate for points in known for _, rate in points[bisect_left(points, since) : bisect_left(points, until)]
        ]
        hour = median(before) if len(before) >= FEWEST else None
        if rate > 0:
            self.usual = hour
        elif self.usual is not None:
            hour = self.usual  # half an hour of silence does not make silence usual
        return hour

"""What one guard says: a verdict, one line of evidence over time, and the figures behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import log

import numpy as np

from mlcontrol.core.judge.policy import ALPHA_FINE, TITLES, Role
from mlcontrol.core.statistics.sequential import Floats

LINE_POINTS = 120


class Verdict(StrEnum):
    FINE = "fine"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"  # data, but not enough to decide
    UNKNOWN = "unknown"  # no data: never fine, never enough to go on


@dataclass(frozen=True, slots=True)
class Reading:
    """``line``: evidence by bucket from -1 (decided: fine) to +1 (decided: worse). ``figures``: both versions, ``limit``:
    when it stops, ``result``/``interval``: the comparison with its 95 % interval that is valid at any moment. ``phi``:
    scatter between buckets over that of independent requests. ``decided_s``: when it decided, UTC seconds. ``note``: why it
    cannot decide, if so."""

    guard: str
    role: Role
    verdict: Verdict
    line: tuple[float, ...] = ()
    figures: str = ""
    limit: str = ""
    result: str = ""
    interval: str = ""
    phi: float | None = None
    decided_s: float | None = None
    note: str = ""

    @property
    def title(self) -> str:
        return TITLES[self.guard]

    def words(self) -> str:
        """The guard in one sentence."""
        end = f" ({self.note})" if self.note else ""
        figures = f": {self.figures}" if self.figures else ""
        return f"{self.title} {self.verdict.value}{figures}{end}"


@dataclass(frozen=True, slots=True)
class Line:
    """The evidence of a guard: verdict, its line and the index of the bucket in which it decided."""

    verdict: Verdict
    points: tuple[float, ...]
    decided_at: int | None


def evidence_line(log_worse: Floats, alpha: float, log_fine: Floats | None, fine_from: int = 0) -> Line:
    """``log_worse``, ``log_fine``: ln E by bucket; ``log_fine`` starts at bucket ``fine_from``. Worse is decided once and
    for all."""
    threshold = log(1.0 / alpha)
    up = np.clip(log_worse / threshold, 0.0, 1.0)
    down = np.zeros_like(up)
    if log_fine is not None and len(log_fine):
        down[fine_from:] = np.clip(log_fine / log(1.0 / ALPHA_FINE), 0.0, 1.0)
    worse = np.maximum.accumulate(up) >= 1.0
    fine = np.maximum.accumulate(down) >= 1.0
    points = np.where(worse, 1.0, np.where(fine, -1.0, up - down))
    if worse.size and worse[-1]:
        return Line(Verdict.WORSE, _thinned(points), int(worse.argmax()))
    if fine.size and fine[-1]:
        return Line(Verdict.FINE, _thinned(points), int(fine.argmax()))
    return Line(Verdict.INCONCLUSIVE, _thinned(points), None)


def _thinned(points: Floats) -> tuple[float, ...]:
    if len(points) > LINE_POINTS:
        points = points[np.linspace(0, len(points) - 1, LINE_POINTS).astype(int)]
    return tuple(round(float(p), 4) for p in points)

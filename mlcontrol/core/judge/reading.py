"""The evidence of one guard over time as a line, and the verdict it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from mlcontrol.core.judge.policy import ALPHA_FINE
from mlcontrol.core.judge.verdict import Verdict
from mlcontrol.core.statistics.sequential import Floats

LINE_POINTS = 120


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

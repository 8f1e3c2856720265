"""What readings of counters say of an incident's impact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcontrol.core.incidents.impact import Impact

MONTH_S = 30 * 86_400.0
HELD_S = 30.0  # a reading speaks for at most this long before it: a gap is not filled with what came after it

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counts:
    """Answers and failed answers counted between two readings; each at the later one's time (UTC seconds). Equal lengths."""

    at_s: Floats
    answers: Floats
    failed: Floats

    def between(self, since_s: float, until_s: float) -> Counts:
        """Readings after ``since_s`` and up to ``until_s``."""
        within = (self.at_s > since_s) & (self.at_s <= until_s)
        return Counts(self.at_s[within], self.answers[within], self.failed[within])

    @property
    def share(self) -> float | None:
        """Failed of all, 0..1; `None` without an answer."""
        total = float(np.sum(self.answers))
        return float(np.sum(self.failed)) / total if total > 0 else None


def impact(counts: Counts, since_s: float, until_s: float, objective: float | None) -> Impact:
    """``objective``: the allowed share of failed answers, 0..1."""
    seconds = max(0.0, until_s - since_s)
    within = counts.between(since_s, until_s)
    if not len(within.at_s) or seconds == 0.0:
        return Impact(seconds)
    answers, failed = float(np.sum(within.answers)), float(np.sum(within.failed))
    steps = np.diff(np.concatenate(([since_s], within.at_s)))
    spoken_s = float(np.sum(np.minimum(steps, HELD_S)))
    rate = answers / spoken_s if spoken_s > 0 else 0.0
    budget = failed / (objective * rate * MONTH_S) if objective and rate > 0 else None
    return Impact(seconds, answers, failed, within.share, budget, min(1.0, spoken_s / seconds))

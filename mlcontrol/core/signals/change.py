"""A change of a signal as a value: where it lies, how sure it is, of what shape. Found by `core.signals.changepoint`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Shape(StrEnum):
    STEP = "step"
    RAMP = "ramp"  # it began to climb or fall; ``at_s`` is when
    SPREAD = "spread"  # the level stayed, the scatter changed; ``before`` and ``after`` are standard deviations


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """``index``: of the first reading after the change, in the series as it was given. ``low_s``..``high_s``: where it lies
    with 95 % confidence. ``before``, ``after``: levels without the season. ``confidence``: 1 - chance of such a change
    anywhere in a series that has none."""

    at_s: float
    low_s: float
    high_s: float
    index: int
    before: float
    after: float
    confidence: float
    shape: Shape = Shape.STEP

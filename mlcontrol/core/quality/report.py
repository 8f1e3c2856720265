"""Measured quality as values: every figure with its interval and the number of answers it rests on. Travels to the panel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    CLASSES = "classes"
    NUMBERS = "numbers"
    RANKING = "ranking"


@dataclass(frozen=True, slots=True)
class Measure:
    """``value`` `None`: not measurable, ``note`` says why. ``low``/``high``: 95 % interval. ``higher`` `None`: neither direction is
    better by itself. ``method``: where the interval comes from."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    higher: bool | None = True
    method: str = ""
    note: str = ""
    share: bool = True  # to be read as per cent


@dataclass(frozen=True, slots=True)
class SliceQuality:
    """The main measure in one slice. ``worse``: than in the rest, beyond 5 % false findings over all slices."""

    slice: str
    value: str
    measure: Measure
    worse: bool = False
    q_value: float | None = None


@dataclass(frozen=True, slots=True)
class FeedbackShare:
    """What users did with the answers: ``positive`` of ``n`` that said something, out of ``served``. ``before``: the share in
    the period before; ``change_low``/``change_high``: 95 % interval of the difference, `None` where one side is empty."""

    kind: str
    positive: int
    n: int
    served: int
    low: float
    high: float
    before: float | None = None
    before_n: int = 0
    change_low: float | None = None
    change_high: float | None = None

    @property
    def share(self) -> float:
        return self.positive / self.n if self.n else 0.0

    @property
    def changed(self) -> bool:
        """Whether the difference to the period before is surely not nought."""
        known = self.change_low is not None and self.change_high is not None
        return known and not self.change_low <= 0.0 <= self.change_high  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """``served``: answers of the version in the span, ``labelled``: those whose label has come; ``drawn``: how many were looked
    at (a large log is sampled). ``estimate``: the main measure over the answers without a label, never measured."""

    service: str
    version: str
    task: Task
    since_s: float
    until_s: float
    served: int
    drawn: int
    labelled: int
    measures: tuple[Measure, ...] = ()
    slices: tuple[SliceQuality, ...] = ()
    estimate: Measure | None = None
    feedback: tuple[FeedbackShare, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def main(self) -> Measure | None:
        return self.measures[0] if self.measures else None

"""What a stack of charts draws, as values: rows of lines or of presence bars on one time axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


_EMPTY: Floats = np.empty(0)


def _nothing() -> Floats:
    return _EMPTY


POINT_HOLDS_S, LEAST_HOLD_S = 600.0, 15.0
SOLID, DASH, DOT, LONG = "solid", "dash", "dot", "long"
NOT_RECORDED = "not recorded"  # in place of a version: nobody asked (the engine did not run)


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """``slot``: version colour; `None`: text colour (``tone``: "primary", "secondary", "quiet" or a state).
    ``points``: sampled scores, drawn as points with their interval. ``band``: ``low`` to ``high`` is shaded behind the line.
    ``limits``: the band is between limits, which need not lie around the line as its spread does.
    ``ghost``: the same at another time. ``gap_s``: as the row's, where the line's own samples lie further apart.
    ``stamp``: equal as long as samples were only added at the end; `None`: not known."""

    label: str
    at_s: Floats
    value: Floats
    low: Floats = field(default_factory=_nothing)
    high: Floats = field(default_factory=_nothing)
    slot: int | None = None
    tone: str = "primary"
    style: str = SOLID
    points: bool = False
    band: bool = False
    limits: bool = False
    ghost: bool = False
    gap_s: float = 0.0
    stamp: object = None

    def spread_at(self, moment_s: float) -> float:
        """Half the width of the band at a moment, NaN without one, or where it is no spread."""
        i = int(np.searchsorted(self.at_s, moment_s, side="right")) - 1
        return (
            float(self.high[i] - self.low[i]) / 2
            if self.band and not self.limits and 0 <= i < len(self.high)
            else math.nan
        )

    def at(self, moment_s: float, within_s: float) -> float:
        """The last value at or before a moment, NaN when there is none that recent."""
        i = int(np.searchsorted(self.at_s, moment_s, side="right")) - 1
        if i < 0 or moment_s - float(self.at_s[i]) > within_s:
            return math.nan
        return float(self.value[i])


@dataclass(frozen=True, eq=False, slots=True)
class Bar:
    """One lane of presence: the version seen between two samples. ``version`` "": asked, and nobody answered."""

    spans: tuple[tuple[float, float, str, int], ...]  # since, until, version, slot (-1: no answer, or not asked)
    dim: bool = False
    label: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class ChartRow:
    """``limit``: a level and its words. ``score``: the axis shows both ends and need not start at 0. ``gap_s``: samples further
    apart are not joined. ``nothing``: why there is no line. ``floor``: the limit is a lower one. ``log``: the axis shows powers.
    ``facts``: more words for the readout."""

    id: str
    title: str
    unit: str
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    weight: float = 1.0
    limit: tuple[float, str] | None = None
    over_limit: Line | None = None  # washed where it lies above the limit
    score: bool = False
    ceiling: float | None = None
    gap_s: float = 20.0
    text: Callable[[float], str] = lambda value: f"{value:.3g}"
    nothing: str = "nothing recorded in this span"
    floor: bool = False
    log: bool = False
    facts: tuple[tuple[str, str], ...] = ()

    def at(self, line: Line, moment_s: float) -> float:
        """What a line says at a moment: its last value, as long as the next is not overdue; else NaN."""
        return line.at(moment_s, max(POINT_HOLDS_S if line.points else 3 * self.gap_s, line.gap_s, LEAST_HOLD_S))

    def beyond(self, value: float) -> bool:
        """Whether a value lies on the wrong side of the limit."""
        return self.limit is not None and (value < self.limit[0] if self.floor else value > self.limit[0])

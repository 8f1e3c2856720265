"""The two axes of a chart row: a span of time and a scale of values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QRect

from mlcontrol.core.series import WILD
from mlcontrol.gui.charts.reduce import Buckets, Floats
from mlcontrol.gui.viewmodels.chart_rows import ChartRow, Line


@dataclass(frozen=True, slots=True)
class Span:
    since_s: float
    until_s: float

    def x(self, at_s: float, plot: QRect) -> float:
        return plot.x() + (at_s - self.since_s) / max(1e-9, self.until_s - self.since_s) * plot.width()


@dataclass(frozen=True, slots=True)
class Scale:
    """A row's value axis. Logarithmic ones show powers of ten; what is not positive lies on their lower edge."""

    low: float
    high: float
    log: bool = False

    def mapped(self, values: Floats) -> Floats:
        if not self.log:
            return values
        with np.errstate(invalid="ignore"):
            return np.log10(np.maximum(values, self.low))

    @property
    def ends(self) -> tuple[float, float]:
        return (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)

    def y(self, value: float, plot: QRect) -> float:
        low, high = self.ends
        at = math.log10(max(value, self.low)) if self.log else value
        return plot.bottom() - (at - low) / max(1e-12, high - low) * plot.height()

    def ys(self, values: Floats, plot: QRect) -> Floats:
        """As `y`, of many."""
        low, high = self.ends
        return plot.bottom() - (self.mapped(values) - low) / max(1e-12, high - low) * plot.height()


def extent(row: ChartRow, span: Span, reduced: Sequence[tuple[Buckets, Floats]], width: int) -> list[float]:
    """Lowest and highest of what the span shows; empty when nothing in it is known. ``reduced``: of each group of lines its
    columns and their extremes."""
    found: list[float] = []
    for of, both in reduced:
        first, end = 0, len(of.columns)
        if end and (of.columns[0] < 0 or of.columns[-1] >= width):
            first, end = of.columns.searchsorted((0, width))
        if first == end and 0 < end < len(of.columns) and not of.breaks[end]:
            first, end = first - 1, end + 1  # between two samples their line is seen
        if first < end:
            shown = both[..., first:end]
            low, high = float(shown[0].min()), float(shown[1].max())
            if math.isnan(low):
                low, high = float(np.fmin.reduce(shown[0], axis=None)), float(np.fmax.reduce(shown[1], axis=None))
            found += [value for value in (low, high) if math.isfinite(value)]
    for line in row.lines:
        if not line.points and not line.band:
            continue
        inside = (line.at_s >= span.since_s) & (line.at_s <= span.until_s)
        for column in (line.value, line.low, line.high):
            part = column[inside] if len(column) == len(inside) else column[:0]
            part = part[np.abs(part) < WILD]
            if len(part):
                # What is never negative has no use for the part of its usual band that is.
                least = 0.0 if line.band and not _negative(line) else -math.inf
                found += [max(least, float(part.min())), max(least, float(part.max()))]
    return found


def y_range(row: ChartRow, found: Sequence[float]) -> Scale:
    """From 0 to a round number over everything in the span; scores show both ends. ``found``: its `extent`."""
    found = list(found)
    if row.limit is not None:
        found.append(row.limit[0])
    if row.log:
        positive = [value for value in found if value > 0]
        if positive:
            low, high = min(positive), max(positive)
            return Scale(10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high) + 1e-9), log=True)
    if not found:
        return Scale(0.0, row.ceiling or 1.0)
    return _linear(min(found), max(found), row.score, row.ceiling)


@lru_cache(maxsize=512)
def _linear(low: float, high: float, score: bool, ceiling: float | None) -> Scale:
    if score:
        pad = max((high - low) * 0.15, 0.005 * max(1.0, abs(high)))
        top = high + pad if ceiling is None else min(ceiling, high + pad)
        return Scale(max(0.0, low - pad) if low >= 0 else low - pad, top)
    top = _round_up(max(high * 1.08, 1e-9))
    # Shares that add up to all of it may miss it by a bit.
    beyond = ceiling is None or high > ceiling * (1 + 1e-9)
    return Scale(min(0.0, low), top if beyond or ceiling is None else min(top, ceiling))


def _negative(line: Line) -> bool:
    return bool(np.any(line.value < 0))


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999)

"""From samples to pixel columns: the minimum and maximum per column, so that no spike is lost and no pixel drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLine
from PySide6.QtGui import QPainter
from shiboken6 import wrapInstance

from mlcontrol.gui.charts.pyramid import WILD, Cover, Pyramid, levels_of

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Lines = NDArray[np.int32]
LONG = 64  # samples a column, from which on a pyramid is worth its making
NEW = -(2**40)  # of a column: not as it was
FEW = 4  # lines, up to which handing over their memory costs more than it saves
FAR = 1_000_000  # pixels beside the plot: as far as a line is drawn
_NO_LINES: Lines = np.empty((0, 4), np.int32)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Which samples lie in which pixel column. Shared by every series on the same times."""

    columns: Ints  # pixel columns that hold samples, ascending; one of either side of the span, so that lines enter and leave it
    starts: Ints  # index of the first sample of each
    ends: Ints  # and one past its last
    breaks: NDArray[np.bool_]  # True where a gap lies before the column

    def part(self, cut: slice) -> Buckets:
        return Buckets(self.columns[cut], self.starts[cut], self.ends[cut], self.breaks[cut])


def buckets(at_s: Floats, since_s: float, until_s: float, width: int, gap_s: float) -> Buckets:
    """``at_s`` ascending. ``gap_s``: two samples further apart than this are not joined. Column i holds what lies from its left
    edge ``since_s + i * step`` on and before the next."""
    step = max(1e-9, until_s - since_s) / width
    cuts = at_s.searchsorted(since_s + step * _edges(width))
    columns = np.flatnonzero(cuts[1:] > cuts[:-1])
    starts, ends = cuts[columns], cuts[columns + 1]
    before, after = int(cuts[0]) - 1, int(cuts[-1])
    if before >= 0:
        column = max(-FAR, int((at_s[before] - since_s) // step))
        columns, starts, ends = _put(columns, min(-1, column)), _put(starts, before), _put(ends, before + 1)
    if after < len(at_s):
        column = max(width, int(min(FAR, (at_s[after] - since_s) // step)))
        columns, starts, ends = np.append(columns, column), np.append(starts, after), np.append(ends, after + 1)
    breaks = np.zeros(len(starts), bool)
    if len(starts):
        breaks = at_s[starts] - at_s[np.maximum(0, starts - 1)] > gap_s
    return Buckets(columns, starts, ends, breaks)


@lru_cache(maxsize=64)
def _edges(width: int) -> Floats:
    return np.arange(width + 1, dtype=float)


def _put(rest: Ints, first: int) -> Ints:
    return np.concatenate([[first], rest])


def extremes(values: Sequence[Floats], b: Buckets) -> tuple[Floats, Floats]:
    """Minimum and maximum per series and column, (series, columns); NaN where a column holds nothing finite."""
    low, high = np.empty((len(values), len(b.starts))), np.empty((len(values), len(b.starts)))
    if len(b.starts):
        first, last = int(b.starts[0]), int(b.ends[-1])
        starts = b.starts - first
        for i, series in enumerate(values):
            part = series[first:last]
            np.minimum.reduceat(part, starts, out=low[i])
            np.maximum.reduceat(part, starts, out=high[i])
        # NaN passes through both; one comparison finds it and what is wild.
        if not (low.min() > -WILD and high.max() < WILD):
            for i, series in enumerate(values):
                part = np.where(np.abs(series[first:last]) < WILD, series[first:last], np.nan)
                np.fmin.reduceat(part, starts, out=low[i])
                np.fmax.reduceat(part, starts, out=high[i])
    return low, high


def _newest(values: Sequence[Floats], b: Buckets) -> tuple[Floats, Floats]:
    """Of the last column alone, which grows with every sample of a live chart."""
    first, last = int(b.starts[-1]), int(b.ends[-1])
    block = np.array([series[first:last] for series in values])
    low, high = block.min(axis=1), block.max(axis=1)
    if low.min() > -WILD and high.max() < WILD:
        return low, high
    lows, highs = extremes(values, b.part(slice(len(b.starts) - 1, None)))
    return lows[:, 0], highs[:, 0]


class Reduced:
    """The columns of lines that share their times, remembered: what is asked again and has only grown costs what is new."""

    def __init__(self) -> None:
        self._stamp: object = None
        self._asked: tuple[float, float, int, float] | None = None
        self._b: Buckets | None = None
        self._low = self._high = np.empty((0, 0))
        self._pyramids: list[Pyramid] = []

    def buckets(self, at_s: Floats, since_s: float, until_s: float, width: int, gap_s: float, stamp: object) -> Buckets:
        """As the function of that name, for a `read` that follows; of a span asked for again only the newest column is new."""
        asked, b = (since_s, until_s, width, gap_s), self._b
        again = stamp is not None and stamp == self._stamp and asked == self._asked
        self._asked = asked
        if again and b is not None and len(b.columns):
            column, end = int(b.columns[-1]), int(b.ends[-1])
            # What begins the next column is told by the very numbers that cut the columns.
            edge = since_s + (max(1e-9, until_s - since_s) / width) * (column + 1.0)
            if 0 <= column < width and end <= len(at_s) and at_s[-1] < edge:
                if end == len(at_s):
                    return b
                ends = b.ends.copy()
                ends[-1] = len(at_s)
                return Buckets(b.columns, b.starts, ends, b.breaks)
        return buckets(at_s, since_s, until_s, width, gap_s)

    def read(self, values: Sequence[Floats], b: Buckets, stamp: object) -> tuple[Floats, Floats, Ints]:
        """As `extremes`, and by how many columns each moved to the left since the last call; `NEW` where it is not as it was.
        ``stamp``: equal to that of the last call while samples were only added at the end; `None`: not known."""
        old = self._b if stamp is not None and stamp == self._stamp else None
        if stamp != self._stamp:
            self._pyramids = []
        long = stamp is not None and len(b.starts) and b.ends[-1] - b.starts[0] > LONG * len(b.starts)
        if old is None or not len(old.starts) or not len(b.starts):
            low, high = self._long(values, b) if long else extremes(values, b)
            moved = np.full(len(b.starts), NEW)
        else:
            low, high, moved = self._renewed(values, b, old, bool(long))
        self._stamp, self._b, self._low, self._high = stamp, b, low, high
        return low, high, moved

    def _renewed(self, values: Sequence[Floats], b: Buckets, old: Buckets, long: bool) -> tuple[Floats, Floats, Ints]:
        """A column over the same samples as before is as it was, wherever it lies now."""
        if b.starts is old.starts and not long:
            moved = np.zeros(len(b.starts), np.intp)
            if b is old:
                return self._low, self._high, moved
            moved[-1] = NEW
            low, high = self._low.copy(), self._high.copy()
            low[:, -1], high[:, -1] = _newest(values, b)
            return low, high, moved
        at = np.minimum(old.starts.searchsorted(b.starts), len(old.starts) - 1)
        same = (old.starts[at] == b.starts) & (old.ends[at] == b.ends)
        moved = np.where(same, old.columns[at] - b.columns, NEW)
        new = np.flatnonzero(~same)
        if len(new) > len(b.starts) // 2:
            return *(self._long(values, b) if long else extremes(values, b)), moved
        low, high = self._low.take(at, axis=1), self._high.take(at, axis=1)
        if len(new):
            for run in np.split(new, np.flatnonzero(np.diff(new) > 1) + 1):
                cut = slice(int(run[0]), int(run[-1]) + 1)
                low[:, cut], high[:, cut] = self._long(values, b.part(cut)) if long else extremes(values, b.part(cut))
        return low, high, moved

    def _long(self, values: Sequence[Floats], b: Buckets) -> tuple[Floats, Floats]:
        if len(self._pyramids) != len(values):
            self._pyramids = [Pyramid(series) for series in values]
        for pyramid, series in zip(self._pyramids, values, strict=True):
            if len(series) != len(pyramid.values):
                pyramid.grow(series)
        cover = Cover(b.starts, b.ends, levels_of(len(values[0])))
        found = [pyramid.extremes(cover) for pyramid in self._pyramids]
        return np.array([low for low, _ in found]), np.array([high for _, high in found])


@dataclass(frozen=True, eq=False, slots=True)
class Strokes:
    """What is drawn of one group of lines.

    ``spans``: (series, columns, 4), an upright line per column as x1, y1, x2, y2, each stretched to meet the one before it.
    ``known``: (series, columns), which of them exist, `None` for all. ``slanted``: per series, where columns are sparse."""

    spans: Lines
    known: NDArray[np.bool_] | None
    slanted: list[Lines]

    def upright(self, series: int, dash: tuple[int, int, int] | None = None, first: int = 0) -> Lines:
        """Of one series, from the ``first`` column of these on. ``dash``: (period, drawn, phase) in columns."""
        spans, known = self.spans[series, first:], self.known
        shown = None if known is None else known[series, first:]
        if dash is not None:
            period, drawn, phase = dash
            on = (spans[:, 0] + phase) % period < drawn
            shown = on if shown is None else shown & on
        chosen: Lines = spans if shown is None else spans[shown]
        return chosen


def strokes(low: Floats, high: Floats, b: Buckets, bottom: int, top: int, y_min: float, y_max: float) -> Strokes:
    """``low``/``high``: (series, columns). ``bottom``/``top``: the plot's pixel rows of ``y_min``/``y_max``."""
    series, columns = low.shape
    spans = np.empty((series, columns, 4), np.int32)
    if not columns:
        return Strokes(spans, None, [_NO_LINES] * series)
    scale = (bottom - top) / max(1e-12, y_max - y_min)
    known = np.isfinite(low)
    whole = bool(known.all())
    if not whole:
        low, high = np.nan_to_num(low), np.nan_to_num(high)
    spans[..., 0] = spans[..., 2] = b.columns
    y_high, y_low = spans[..., 1], spans[..., 3]
    exact = []
    for values, rows in ((low, y_low), (high, y_high)):
        y = values * -scale
        y += bottom + y_min * scale
        exact.append(y)
        rows[...] = np.minimum(np.maximum(y, top), bottom)
    near = b.columns[1:] - b.columns[:-1] == 1
    joined = ~b.breaks[1:] if whole else known[:, 1:] & known[:, :-1] & ~b.breaks[1:]
    slanted: list[Lines] = [_NO_LINES] * series
    if not near.all():
        # Of what lies beyond the scale only the way there is seen: the painter's clip cuts it off.
        middle = (np.clip((exact[0] + exact[1]) / 2, -FAR, FAR)).astype(np.int32)
        for i in range(series):
            far = np.flatnonzero((joined if whole else joined[i]) & ~near) + 1
            x = spans[i, :, 0]
            slanted[i] = np.stack([x[far - 1], middle[i, far - 1], x[far], middle[i, far]], axis=1)
    # Adjacent columns: the span reaches the nearest end of the one before, as that was before it was stretched itself.
    reach = joined & near
    low_before, high_before = y_low[:, :-1].copy(), y_high[:, :-1].copy()
    np.maximum(y_low[:, 1:], high_before, out=y_low[:, 1:], where=reach)
    np.minimum(y_high[:, 1:], low_before, out=y_high[:, 1:], where=reach)
    if y_max < high.max() or low.min() < y_min:
        # What lies wholly beyond the scale is no line along its edge, but where one leads there.
        known = known & ~(((low > y_max) | (high < y_min)) & (y_low == y_high))
        whole = False
    return Strokes(spans, None if whole else known, slanted)


def draw_lines(painter: QPainter, lines: Lines) -> None:
    """Hands the array's memory to Qt as `QLine`s: making objects of them costs four times the drawing. Twice as fast where the
    painter has a clip rectangle."""
    if len(lines) <= FEW:
        for x1, y1, x2, y2 in lines.tolist():
            painter.drawLine(x1, y1, x2, y2)
    else:
        lines = np.ascontiguousarray(lines)
        first = cast(QLine, wrapInstance(lines.__array_interface__["data"][0], QLine))
        painter.drawLines(first, len(lines))

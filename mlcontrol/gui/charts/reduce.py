"""From samples to pixel columns: the minimum and maximum per column, so that no spike is lost and no pixel drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLine
from PySide6.QtGui import QPainter
from shiboken6 import VoidPtr, wrapInstance

from mlcontrol.core.series import WILD
from mlcontrol.gui.charts.pyramid import Cover, Pyramid, levels_of

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Lines = NDArray[np.int32]
LONG = 64  # samples a column, from which on a pyramid is worth its making
SHORT = 256  # samples, up to which a copy of all lines side by side costs less than two calls for each
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
    cuts = np.empty(width + 3, np.intp)
    cuts[1:-1] = at_s.searchsorted(since_s + step * _edges(width))
    before, after = int(cuts[1]) - 1, int(cuts[-2])
    cuts[0], cuts[-1] = max(0, before), min(len(at_s), after + 1)
    held = cuts[1:] > cuts[:-1]
    if held.all():
        columns, starts, ends = np.arange(-1, width + 1), cuts[:-1], cuts[1:]
    else:
        (some,) = held.nonzero()
        columns, starts, ends = some - 1, cuts[some], cuts[some + 1]
    if before >= 0:
        columns[0] = min(-1, max(-FAR, int((at_s[before] - since_s) // step)))
    if after < len(at_s):
        columns[-1] = max(width, int(min(FAR, (at_s[after] - since_s) // step)))
    breaks = np.zeros(len(starts), bool)
    if len(starts):
        breaks = at_s[starts] - at_s[np.maximum(0, starts - 1)] > gap_s
    return Buckets(columns, starts, ends, breaks)


@lru_cache(maxsize=64)
def _edges(width: int) -> Floats:
    return np.arange(width + 1, dtype=float)


def extremes(values: Sequence[Floats], b: Buckets) -> Floats:
    """Minimum and maximum per series and column, (2, series, columns); NaN where a column holds nothing finite."""
    both = np.empty((2, len(values), len(b.starts)))
    if len(b.starts):
        first, last = int(b.starts[0]), int(b.ends[-1])
        starts = b.starts - first
        if last - first <= SHORT:
            came = np.array([series[first:last] for series in values])
            np.minimum.reduceat(came, starts, axis=1, out=both[0])
            np.maximum.reduceat(came, starts, axis=1, out=both[1])
        else:
            for low, high, series in zip(*both, values, strict=True):
                part = series[first:last]
                np.minimum.reduceat(part, starts, out=low)
                np.maximum.reduceat(part, starts, out=high)
        if not _tame(both):
            for low, high, series in zip(*both, values, strict=True):
                part = np.where(np.abs(series[first:last]) < WILD, series[first:last], np.nan)
                np.fmin.reduceat(part, starts, out=low)
                np.fmax.reduceat(part, starts, out=high)
    return both


def _tame(both: Floats) -> bool:
    """Neither NaN, which passes through every minimum and so through this one, nor wild."""
    return bool(both.min() > -WILD and both.max() < WILD)


def _grown(values: Sequence[Floats], known: Floats, first: int, last: int) -> Floats | None:
    """The extremes of a column that took in the samples from ``first`` on: ``known`` itself if nothing changed; `None` where one of
    those is not tame. ``known``: its extremes until then, (2, series)."""
    if last == first + 1:
        low, high = known.tolist()
        # Most samples lie within what their column shows already; NaN lies nowhere.
        if all(least <= series.item(first) <= most for series, least, most in zip(values, low, high, strict=True)):
            return known
    came = np.array([series[first:last] for series in values])
    if not _tame(came):
        return None
    both = np.empty_like(known)
    # Not known until now, as NaN says, it is known by these.
    np.fmin(known[0], came.min(axis=1), out=both[0])
    np.fmax(known[1], came.max(axis=1), out=both[1])
    return both


def _runs(indices: list[int]) -> list[slice]:
    """Ascending indices as the fewest slices."""
    found: list[slice] = []
    for i in indices:
        if found and found[-1].stop == i:
            found[-1] = slice(found[-1].start, i + 1)
        else:
            found.append(slice(i, i + 1))
    return found


class Reduced:
    """The columns of lines that share their times, remembered: what is asked again and has only grown costs what is new."""

    def __init__(self) -> None:
        self._stamp: object = None
        self._asked: tuple[float, float, int, float] | None = None
        self._b: Buckets | None = None
        self._both = np.empty((2, 0, 0))
        self._pyramids: list[Pyramid] = []
        self.new_from: int | None = None  # after `read`: the first column that is not as it was, if none moved

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

    def read(self, values: Sequence[Floats], b: Buckets, stamp: object) -> tuple[Floats, Ints]:
        """As `extremes`, and by how many columns each moved to the left since the last call; `NEW` where it is not as it was.
        ``stamp``: equal to that of the last call while samples were only added at the end; `None`: not known."""
        old = self._b if stamp is not None and stamp == self._stamp else None
        self.new_from = None
        if stamp != self._stamp:
            self._pyramids = []
        long = stamp is not None and len(b.starts) and b.ends[-1] - b.starts[0] > LONG * len(b.starts)
        if old is None or not len(old.starts) or not len(b.starts):
            both, moved = self._made(values, b, bool(long)), np.full(len(b.starts), NEW)
        else:
            both, moved = self._renewed(values, b, old, bool(long))
        self._stamp, self._b, self._both = stamp, b, both
        return both, moved

    def _renewed(self, values: Sequence[Floats], b: Buckets, old: Buckets, long: bool) -> tuple[Floats, Ints]:
        """A column over the same samples as before is as it was, wherever it lies now."""
        if b.starts is old.starts and not long:
            moved = np.zeros(len(b.starts), np.intp)
            known = self._both[..., -1]
            newest = known if b is old else _grown(values, known, int(old.ends[-1]), int(b.ends[-1]))
            if newest is None:
                newest = extremes(values, b.part(slice(len(b.starts) - 1, None)))[..., 0]
            if newest is known or (newest == known).all():
                self.new_from = len(b.starts)
                return self._both, moved
            self.new_from = len(b.starts) - 1
            moved[-1] = NEW
            both = self._both.copy()
            both[..., -1] = newest
            return both, moved
        at = np.minimum(old.starts.searchsorted(b.starts), len(old.starts) - 1)
        same = (old.starts[at] == b.starts) & (old.ends[at] == b.ends)
        moved = np.where(same, old.columns[at] - b.columns, NEW)
        (new,) = (~same).nonzero()
        if len(new) > len(b.starts) // 2:
            return self._made(values, b, long), moved
        both = self._both.take(at, axis=2)
        for cut in _runs(new.tolist()):
            both[..., cut] = self._made(values, b.part(cut), long)
        return both, moved

    def _made(self, values: Sequence[Floats], b: Buckets, long: bool) -> Floats:
        if not long:
            return extremes(values, b)
        if len(self._pyramids) != len(values):
            self._pyramids = [Pyramid(series) for series in values]
        for pyramid, series in zip(self._pyramids, values, strict=True):
            if len(series) != len(pyramid.values):
                pyramid.grow(series)
        cover = Cover(b.starts, b.ends, levels_of(len(values[0])))
        found = [pyramid.extremes(cover) for pyramid in self._pyramids]
        return np.array([[low for low, _ in found], [high for _, high in found]])


@dataclass(frozen=True, eq=False, slots=True)
class Strokes:
    """What is drawn of one group of lines.

    All lines are y1, x1, y2, x2 with x from the right: those of a picture that lies on its left side.
    ``spans``: (series, columns, 4), an upright line per column, its upper end first, each stretched to meet the one before it.
    ``known``: (series, columns), which of them exist, `None` for all. ``slanted``: per series, where columns are sparse."""

    spans: Lines
    columns: Ints
    known: NDArray[np.bool_] | None
    slanted: list[Lines]

    def upright(self, series: int, dash: tuple[int, int, int] | None = None, first: int = 0) -> Lines:
        """Of one series, from the ``first`` column of these on. ``dash``: (period, drawn, phase) in columns."""
        spans, known = self.spans[series, first:], self.known
        shown = None if known is None else known[series, first:]
        if dash is not None:
            period, drawn, phase = dash
            on = (self.columns[first:] + phase) % period < drawn
            shown = on if shown is None else shown & on
        chosen: Lines = spans if shown is None else spans[shown]
        return chosen


def strokes(both: Floats, b: Buckets, right: int, bottom: int, top: int, y_min: float, y_max: float) -> Strokes:
    """``both``: lowest and highest, (2, series, columns). ``right``: the plot's last pixel column; ``bottom``/``top``: the rows of
    ``y_min``/``y_max``."""
    _, series, columns = both.shape
    spans = np.empty((series, columns, 4), np.int32)
    if not columns:
        return Strokes(spans, b.columns, None, [_NO_LINES] * series)
    known = None
    least, most = both[0].min(), both[1].max()
    if not (least > -np.inf and most < np.inf):  # nor where one is NaN
        known = np.isfinite(both[0])
        both = np.nan_to_num(both)
        least, most = both.min(), both.max()
    scale = (bottom - top) / max(1e-12, y_max - y_min)
    exact = both * -scale
    exact += bottom + y_min * scale
    y_low, y_high = np.minimum(np.maximum(exact, top), bottom).astype(np.int32)
    near = b.columns[1:] - b.columns[:-1] == 1
    joined = ~b.breaks[1:] if known is None else known[:, 1:] & known[:, :-1] & ~b.breaks[1:]
    slanted: list[Lines] = [_NO_LINES] * series
    if not near.all():
        # Of what lies beyond the scale only the way there is seen: the painter's clip cuts it off.
        middle = np.clip(exact.mean(axis=0), -FAR, FAR).astype(np.int32)
        x = (right - b.columns).astype(np.int32)
        for i in range(series):
            far = np.flatnonzero((joined if known is None else joined[i]) & ~near) + 1
            slanted[i] = np.stack([middle[i, far - 1], x[far - 1], middle[i, far], x[far]], axis=1)
    # Adjacent columns: the span reaches the nearest end of the one before, as that was before it was stretched itself.
    spans[..., 0], spans[..., 2] = y_high, y_low
    spans[..., 1] = spans[..., 3] = right - b.columns
    reach = joined & near
    where = True if reach.all() else reach  # a mask costs ten times the work
    np.maximum(y_low[:, 1:], y_high[:, :-1], out=spans[:, 1:, 2], where=where)
    np.minimum(y_high[:, 1:], y_low[:, :-1], out=spans[:, 1:, 0], where=where)
    if y_max < most or least < y_min:
        # What lies wholly beyond the scale is no line along its edge, but where one leads there.
        inside = ~(((both[0] > y_max) | (both[1] < y_min)) & (spans[..., 0] == spans[..., 2]))
        known = inside if known is None else known & inside
    return Strokes(spans, b.columns, known, slanted)


def dashed(slanted: Lines, dash: tuple[int, int, int], right: int) -> Lines:
    """Slanted lines as upright ones, a piece a column, those between the dashes left out: a pen would begin its dashes anew with
    every sample, and none would be seen where samples are close. All as `Strokes` keeps them; ``dash``: as for `upright`."""
    period, drawn, phase = dash
    y_from, x_from, y_to, x_to = slanted.T.astype(np.int64)
    steps = np.maximum(1, x_from - x_to)
    # Of what lies beside the plot nothing is made.
    first, last = np.maximum(0, x_from - right), np.minimum(steps, x_from + 1)
    count = np.maximum(0, last - first)
    of = np.repeat(np.arange(len(steps)), count)
    step = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count) + first[of]
    slope = (y_to - y_from)[of] / steps[of]
    begin, end = (np.rint(y_from[of] + slope * at).astype(np.int32) for at in (step, step + 1))
    x = (x_from[of] - step).astype(np.int32)
    pieces: Lines = np.stack([np.minimum(begin, end), x, np.maximum(begin, end), x], axis=1)
    shown: Lines = pieces[(right - x + phase) % period < drawn]
    return shown


def draw_lines(painter: QPainter, lines: Lines) -> None:
    """Hands the array's memory to Qt as `QLine`s: making objects of them costs four times the drawing. Twice as fast where the
    painter has a clip rectangle."""
    if len(lines) <= FEW:
        for x1, y1, x2, y2 in lines.tolist():
            painter.drawLine(x1, y1, x2, y2)
    else:
        lines = np.ascontiguousarray(lines)
        painter.drawLines(cast(QLine, wrapInstance(address(lines), QLine)), len(lines))


def address(lines: Lines) -> int:
    """Of an array's memory, six times as fast as numpy says it."""
    return int(cast(Any, VoidPtr)(lines))

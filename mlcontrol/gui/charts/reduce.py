"""From samples to pixel columns: the minimum and maximum per column, so that no spike is lost and no pixel drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLine, QRect
from PySide6.QtGui import QPainter
from shiboken6 import wrapInstance

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Lines = NDArray[np.int32]
WILD = 1e300  # no reading of anything, nor is infinity: a gap
_NO_LINES: Lines = np.empty((0, 4), np.int32)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Where each pixel column's samples begin. Shared by every series on the same times."""

    columns: Ints  # pixel columns that hold samples, ascending
    starts: Ints  # index of the first sample of each
    first: int  # samples before it lie left of the span
    last: int  # one past the last sample in the span
    breaks: NDArray[np.bool_]  # True where a gap lies before the column


def buckets(at_s: Floats, since_s: float, until_s: float, width: int, gap_s: float) -> Buckets:
    """``at_s`` ascending. ``gap_s``: two samples further apart than this are not joined."""
    first, last = (int(i) for i in np.searchsorted(at_s, (since_s, until_s), side="left"))
    # One sample beyond each edge, so that a line enters and leaves the plot.
    first, last = max(0, first - 1), min(len(at_s), last + 1)
    times = at_s[first:last]
    x = np.floor((times - since_s) * (width / max(1e-9, until_s - since_s))).astype(np.intp)
    new = np.empty(len(x), bool)
    new[:1] = True
    np.not_equal(x[1:], x[:-1], out=new[1:])
    starts = np.flatnonzero(new)
    breaks = np.zeros(len(starts), bool)
    if len(times):
        apart = np.zeros(len(times), bool)
        apart[1:] = np.diff(times) > gap_s
        breaks = apart[starts]
    return Buckets(x[starts], starts, first, last, breaks)


def extremes(values: Sequence[Floats], b: Buckets) -> tuple[Floats, Floats]:
    """Minimum and maximum per series and column, (series, columns); NaN where a column holds nothing finite. The series share
    their times: one pass over all of them."""
    if not len(b.starts):
        return np.empty((len(values), 0)), np.empty((len(values), 0))
    part = np.array([series[b.first : b.last] for series in values])
    low, high = np.fmin.reduceat(part, b.starts, axis=1), np.fmax.reduceat(part, b.starts, axis=1)
    if (low <= -WILD).any() or (high >= WILD).any():
        part[np.abs(part) >= WILD] = np.nan
        low, high = np.fmin.reduceat(part, b.starts, axis=1), np.fmax.reduceat(part, b.starts, axis=1)
    return low, high


def column_lines(
    low: Floats, high: Floats, b: Buckets, bottom: int, top: int, y_min: float, y_max: float, left: int
) -> list[tuple[Lines, Lines]]:
    """For each series its vertical spans per column, each stretched to meet the one before it, and slanted lines where columns
    are sparse.

    ``low``/``high``: (series, columns). ``bottom``/``top``: the plot's pixel rows of ``y_min``/``y_max``. Rows are x1, y1, x2, y2.
    """
    series, columns = low.shape
    if not columns:
        return [(_NO_LINES, _NO_LINES)] * series
    scale = (bottom - top) / max(1e-12, y_max - y_min)
    known = np.isfinite(low)
    whole = bool(known.all())
    if not whole:
        low, high = np.nan_to_num(low), np.nan_to_num(high)
    lines = np.empty((series, columns, 4), np.int32)
    lines[..., 0] = lines[..., 2] = b.columns + left
    y_high, y_low = lines[..., 1], lines[..., 3]
    y_low[...] = np.clip(bottom - (low - y_min) * scale, top, bottom)
    y_high[...] = np.clip(bottom - (high - y_min) * scale, top, bottom)
    near = np.diff(b.columns) == 1
    joined = known[:, 1:] & known[:, :-1] & ~b.breaks[1:]
    slanted: list[Lines] = [_NO_LINES] * series
    if not near.all():
        middle = (y_low + y_high) // 2
        for i in range(series):
            far = np.flatnonzero(joined[i] & ~near) + 1
            x = lines[i, :, 0]
            slanted[i] = np.stack([x[far - 1], middle[i, far - 1], x[far], middle[i, far]], axis=1)
    # Adjacent columns: the span reaches the nearest end of the one before, as that was before it was stretched itself.
    reach = joined & near
    low_before, high_before = y_low[:, :-1].copy(), y_high[:, :-1].copy()
    np.maximum(y_low[:, 1:], high_before, out=y_low[:, 1:], where=reach)
    np.minimum(y_high[:, 1:], low_before, out=y_high[:, 1:], where=reach)
    return [(lines[i] if whole else lines[i][known[i]], slanted[i]) for i in range(series)]


def draw_lines(painter: QPainter, lines: Lines) -> None:
    """Hands the array's memory to Qt as `QLine`s: making objects of them costs four times the drawing."""
    if len(lines):
        first = cast(QLine, wrapInstance(lines.ctypes.data, QLine))
        painter.drawLines(first, len(lines))


def fill_spans(painter: QPainter, spans: Lines) -> None:
    """Upright lines of one pixel as rectangles in the painter's brush, without a pen: half the cost of lines."""
    if len(spans):
        first = cast(QRect, wrapInstance(spans.ctypes.data, QRect))  # left, top, right, bottom: as they are
        painter.drawRects(first, len(spans))

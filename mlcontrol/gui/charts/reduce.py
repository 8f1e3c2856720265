"""From samples to pixel columns: the minimum and maximum per column, so that no spike is lost and no pixel drawn twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLine
from PySide6.QtGui import QPainter
from shiboken6 import wrapInstance

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Lines = NDArray[np.int32]


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


def extremes(values: Floats, b: Buckets) -> tuple[Floats, Floats]:
    """Minimum and maximum per column; NaN where a column holds nothing finite."""
    part = values[b.first : b.last]
    if not len(b.starts):
        return np.empty(0), np.empty(0)
    return np.fmin.reduceat(part, b.starts), np.fmax.reduceat(part, b.starts)


def column_lines(
    low: Floats, high: Floats, b: Buckets, bottom: int, top: int, y_min: float, y_max: float, left: int
) -> Lines:
    """Vertical spans per column, each stretched to meet the one before it, or slanted lines where columns are sparse.

    ``bottom``/``top``: the plot's pixel rows of ``y_min``/``y_max``. Returns rows of x1, y1, x2, y2.
    """
    if not len(low):
        return np.empty((0, 4), np.int32)
    scale = (bottom - top) / max(1e-12, y_max - y_min)
    known = np.isfinite(low)
    y_low = np.clip(bottom - (np.nan_to_num(low) - y_min) * scale, top, bottom).astype(np.int32)
    y_high = np.clip(bottom - (np.nan_to_num(high) - y_min) * scale, top, bottom).astype(np.int32)
    x = (b.columns + left).astype(np.int32)
    joined = np.zeros(len(x), bool)
    joined[1:] = known[1:] & known[:-1] & ~b.breaks[1:]
    near = np.zeros(len(x), bool)
    near[1:] = np.diff(b.columns) == 1
    middle = (y_low + y_high) // 2
    far = np.flatnonzero(joined & ~near)
    slanted = np.stack([x[far - 1], middle[far - 1], x[far], middle[far]], axis=1)
    # Adjacent columns: the span reaches the nearest end of the one before.
    index = np.flatnonzero(joined & near)
    low_before, high_before = y_low[index - 1], y_high[index - 1]
    y_low[index] = np.maximum(y_low[index], high_before)
    y_high[index] = np.minimum(y_high[index], low_before)
    upright = np.stack([x[known], y_high[known], x[known], y_low[known]], axis=1)
    return np.ascontiguousarray(np.concatenate([upright, slanted]) if len(slanted) else upright, dtype=np.int32)


def draw_lines(painter: QPainter, lines: Lines) -> None:
    """Hands the array's memory to Qt as `QLine`s: making objects of them costs four times the drawing."""
    if len(lines):
        first = cast(QLine, wrapInstance(lines.ctypes.data, QLine))
        painter.drawLines(first, len(lines))

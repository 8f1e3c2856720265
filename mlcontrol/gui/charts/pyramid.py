"""Extremes of long series: lowest and highest of 8, 32, 128 ... samples, so that a view of millions costs what its pixels cost.

Exact: the two ends of a pixel column, which no whole cell covers, are taken from the next finer level, down to the samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcontrol.core.series import WILD

Values = NDArray[np.floating]
Ints = NDArray[np.intp]
FIRST, FACTOR = 8, 4


class Pyramid:
    """Over one growing series. Memory: a third of the series for both extremes of all levels."""

    def __init__(self, values: Values) -> None:
        self._levels: list[tuple[Values, Values]] = []
        self._cells: list[int] = []
        self.values = values
        self.grow(values)

    def grow(self, values: Values) -> None:
        """``values``: what was there, unchanged, and what has come since. Only whole cells are kept: work goes with what is new."""
        self.values = values
        size, level, below = FIRST, 0, (values, values)
        while len(values) >= size * FACTOR:
            if level == len(self._levels):
                self._levels.append((np.empty(0, values.dtype), np.empty(0, values.dtype)))
                self._cells.append(0)
            have, want = self._cells[level], len(values) // size
            if want > have:
                self._levels[level] = self._extended(level, below, have, want)
                self._cells[level] = want
            below = self._levels[level]
            size *= FACTOR
            level += 1

    def _extended(self, level: int, below: tuple[Values, Values], have: int, want: int) -> tuple[Values, Values]:
        fold = FIRST if level == 0 else FACTOR
        result = []
        for part, merge, old in zip(below, (np.fmin, np.fmax), self._levels[level], strict=True):
            source = part[have * fold : want * fold]
            if level == 0 and source.size and not np.isfinite(source).all():
                source = np.where(np.abs(source) < WILD, source, np.nan)
            new = source[0::fold].copy()
            for i in range(1, fold):
                merge(new, source[i::fold], out=new)
            if want > len(old):
                grown = np.empty(max(want, len(old) * 3 // 2), part.dtype)
                grown[:have] = old[:have]
                old = grown
            old[have:want] = new
            result.append(old)
        return result[0], result[1]

    def extremes(self, cover: Cover) -> tuple[Values, Values]:
        """Lowest and highest of each bucket of the cover; NaN where it holds nothing finite."""
        # `take` with a mode does not look at every index beforehand; a cover's are all inside.
        raw = self.values.take(cover.samples, mode="clip")
        if not np.isfinite(raw).all():
            raw = np.where(np.abs(raw) < WILD, raw, np.nan)
        low, high = np.fmin.reduce(raw, axis=0), np.fmax.reduce(raw, axis=0)
        for (lows, highs), (buckets, cells) in zip(self._levels, cover.levels, strict=False):
            lowest = np.fmin.reduce(lows.take(cells, mode="clip"), axis=0)
            highest = np.fmax.reduce(highs.take(cells, mode="clip"), axis=0)
            if len(buckets) == len(low):
                np.fmin(low, lowest, out=low)
                np.fmax(high, highest, out=high)
            else:
                low[buckets] = np.fmin(low[buckets], lowest)
                high[buckets] = np.fmax(high[buckets], highest)
        return low, high


class Cover:
    """Which samples and cells together make up each bucket of samples; one for all series on the same times.

    ``starts``, ``ends``: first and one past the last sample of each bucket, none empty. ``levels``: how many levels there are.
    """

    def __init__(self, starts: Ints, ends: Ints, levels: int) -> None:
        step = np.arange(FIRST - 1)[:, None]
        # A sample named twice harms no minimum: what would leave its bucket is put back into it.
        self.samples = np.concatenate([np.minimum(starts + step, ends - 1), np.maximum(ends - 1 - step, starts)])
        self.levels: list[tuple[Ints, Ints]] = []
        size = FIRST
        step = np.arange(FACTOR - 1)[:, None]
        for level in range(levels):
            first, end = -(-starts // size), ends // size
            buckets = np.flatnonzero(end > first)
            if not len(buckets):
                break
            first, end = first[buckets], end[buckets]
            if level == levels - 1:
                step = np.arange(int((end - first).max()))[:, None]
            cells = np.concatenate([np.minimum(first + step, end - 1), np.maximum(end - 1 - step, first)])
            self.levels.append((buckets, cells))
            size *= FACTOR


def levels_of(samples: int) -> int:
    """How many levels a pyramid over that many samples has."""
    count, size = 0, FIRST
    while samples >= size * FACTOR:
        count, size = count + 1, size * FACTOR
    return count

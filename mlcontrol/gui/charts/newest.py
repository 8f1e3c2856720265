"""The newest columns of a live chart, set pixel by pixel: a painter costs more to open than the few it would draw.

Draws what `strokes` and `paint_lying` would, and says so where it cannot; pixel for pixel, which a test holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlcontrol.gui.charts.reduce import Buckets, Floats

MOST = 4  # columns; from more on the painter is the faster one
Pixels = NDArray[np.uint32]
Run = list[tuple[int, int, int]]  # column, first row, last row


def columns_of(
    both: Floats, b: Buckets, cut: slice, seen_from: int, width: int, bottom: int, top: int, y_min: float, y_max: float
) -> list[Run] | None:
    """Of each series the upright lines from the column ``seen_from`` on. `None` where columns are sparse, hold something unknown
    or reach beyond the scale. ``both``: on the scale, as for `strokes`, of the ``cut``; likewise ``bottom`` and ``top``."""
    columns = b.columns[cut].tolist()
    if not columns or columns[-1] - columns[0] != len(columns) - 1 or columns[-1] >= width:
        return None
    if len(columns) > MOST + 2 or b.breaks[cut][1:].any():
        return None
    if not (both.min() >= y_min and both.max() <= y_max):  # nor where one is NaN
        return None
    scale = (bottom - top) / max(1e-12, y_max - y_min)
    exact = both * -scale
    exact += bottom + y_min * scale
    lows, highs = np.minimum(np.maximum(exact, top), bottom).astype(np.int32).tolist()
    found: list[Run] = []
    for low, high in zip(lows, highs, strict=True):
        run: Run = []
        for i, column in enumerate(columns):
            if column >= seen_from:
                # It reaches the nearest end of the one before, as `strokes` has it.
                upper, lower = (min(high[i], low[i - 1]), max(low[i], high[i - 1])) if i else (high[i], low[i])
                run.append((column, upper, lower))
        found.append(run)
    return found


def set_columns(
    pixels: Pixels, from_x: int, ground: int, grid: tuple[int, Sequence[int]], runs: Sequence[tuple[int, Run]]
) -> None:
    """``ground``, and in ``grid`` and ``runs`` the first: colours. A later run lies over an earlier one."""
    part = pixels[:, from_x:]
    part[:] = ground
    colour, levels = grid
    for y in levels:
        part[y] = colour
    for ink, run in runs:
        for column, upper, lower in run:
            pixels[upper : lower + 1, column] = ink

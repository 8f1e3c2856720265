"""Where words stand in a plot: of the places they may take, the one that the fewest lines cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRect, QRectF

from mlcontrol.core.series import WILD
from mlcontrol.gui.charts.reduce import Buckets, Floats
from mlcontrol.gui.charts.scale import Scale, Span
from mlcontrol.gui.viewmodels.chart_rows import ChartRow

STEP_PX = 3  # how finely a line is followed under a word
EQUAL = 4  # steps that make no difference
LINE_PX = 2.0  # closer than this, a line touches


@dataclass(frozen=True, slots=True)
class Ink:
    """The lines of a plot in its pixels. Of each: where it is known, ascending, its upper and its lower edge there."""

    lines: tuple[tuple[Floats, Floats, Floats], ...]

    def crossed(self, box: QRectF) -> int:
        """How much of a box is crossed by lines."""
        at = np.arange(box.left(), box.right() + 1, STEP_PX)
        found = 0
        for x, upper, lower in self.lines:
            inside = at[(at >= x[0]) & (at <= x[-1])]
            top, bottom = np.interp(inside, x, upper), np.interp(inside, x, lower)
            found += int(((top <= box.bottom() + LINE_PX) & (bottom >= box.top() - LINE_PX)).sum())
        return found

    def quietest(self, boxes: Sequence[QRectF]) -> QRectF:
        """The least crossed; of what is about equal the first, so that words do not jump with every sample."""
        return min(boxes, key=lambda box: self.crossed(box) // EQUAL)


def ink_of(row: ChartRow, drawn: Sequence[tuple[Buckets, Floats]], span: Span, plot: QRect, scale: Scale) -> Ink:
    """``drawn``: of each group of lines its columns and their extremes, as `RowPicture` reads them."""
    lines = []
    for buckets, both in drawn:
        upper, lower = scale.ys(both[1], plot), scale.ys(both[0], plot)
        for top, bottom in zip(upper, lower, strict=True):
            known = np.isfinite(top)
            if known.any():
                lines.append((plot.x() + buckets.columns[known], top[known], bottom[known]))
    for line in row.lines:
        known = np.abs(line.value) < WILD if line.points else np.zeros(0, bool)
        if known.any():
            x = plot.x() + (line.at_s[known] - span.since_s) / (span.until_s - span.since_s) * plot.width()
            whole = len(line.low) == len(line.value) == len(line.high)
            ends = (line.high[known], line.low[known]) if whole else (line.value[known], line.value[known])
            top, bottom = (scale.ys(np.where(np.isfinite(end), end, line.value[known]), plot) for end in ends)
            lines.append((x, top, bottom))
    return Ink(tuple(lines))

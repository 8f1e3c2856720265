"""The last few values of a signal as a line in a cell: no axis, no antialias, a gap where nothing was known."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect
from PySide6.QtGui import QColor, QPainter, QPen

SLOTS = 32
FEWEST = 6  # fewer are a stroke that says nothing


def paint_sparkline(painter: QPainter, rect: QRect, values: Sequence[float], colour: QColor) -> None:
    """At most the last 32 values; the newest stands at the right edge."""
    shown = list(values)[-SLOTS:]
    known = [v for v in shown if math.isfinite(v)]
    if len(known) < FEWEST:
        return
    low, high = min(known), max(known)
    # A line that does not move lies in the middle; tiny wobbles stay tiny.
    span = max(high - low, abs(high) * 0.02, 1e-9)
    middle = (high + low) / 2
    step = rect.width() / (SLOTS - 1)
    left = rect.x() + (SLOTS - len(shown)) * step
    painter.setPen(QPen(colour, 1))
    run: list[QPointF] = []
    for i, value in enumerate([*shown, math.nan]):
        if math.isfinite(value):
            y = rect.y() + rect.height() / 2 - (value - middle) / span * (rect.height() - 2)
            run.append(QPointF(round(left + i * step), round(y)))
        elif run:
            painter.drawPolyline(run)
            run = []

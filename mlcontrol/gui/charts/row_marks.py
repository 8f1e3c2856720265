"""What a chart row shows beside its lines: limit, bands, points with their intervals, bars of presence."""

from __future__ import annotations

import math
import time

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from mlcontrol.gui.charts.quiet_place import Ink
from mlcontrol.gui.charts.reduce import buckets, extremes
from mlcontrol.gui.charts.scale import Scale, Span
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.chart_rows import Bar, ChartRow, Line
from mlcontrol.gui.viewmodels.phrases import duration_text, version_text, visible_text
from mlcontrol.gui.viewmodels.time_axis import dated_text


def line_colour(line: Line) -> QColor:
    t = tokens()
    if line.slot is not None:
        return t.version.slot(line.slot)
    if line.tone in ("primary", "secondary", "quiet"):
        colour: QColor = getattr(t.text, line.tone)
        return colour
    return t.state.of(line.tone)


def paint_band(painter: QPainter, line: Line, gap_s: float, span: Span, plot: QRect, scale: Scale) -> None:
    """From low to high, shaded: where a reading usually lies. A gap is a gap here too."""
    if not len(line.low):
        return
    found = buckets(line.at_s, span.since_s, span.until_s, plot.width(), max(gap_s, line.gap_s))
    low, high = extremes([line.low, line.high], found)
    lower, upper = low[0], high[1]
    known = np.isfinite(lower) & np.isfinite(upper)
    ends = np.flatnonzero(found.breaks | ~known)
    lower, upper = scale.ys(lower, plot), scale.ys(upper, plot)
    shade = QColor(line_colour(line))
    shade.setAlphaF(0.14)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(shade)
    for run in np.split(np.arange(len(known)), ends):
        of = run[known[run]]
        if len(of) > 1:
            x = (plot.x() + found.columns[of] + 0.5).tolist()  # the middle of a pixel: a peak fills its column
            edge = [QPointF(*at) for at in zip(x, upper[of].tolist(), strict=True)]
            edge += [QPointF(*at) for at in zip(reversed(x), lower[of][::-1].tolist(), strict=True)]
            painter.drawPolygon(QPolygonF(edge))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_over(painter: QPainter, row: ChartRow, span: Span, plot: QRect, ink: Ink) -> None:
    """A wash where the row lies on the wrong side of its limit; what is not known is not washed."""
    over = row.over_limit
    if row.limit is None or over is None:
        return
    for since_s, until_s in spans_beyond(row, over):
        left, right = span.x(since_s, plot), span.x(until_s, plot)
        if right >= plot.left() and left <= plot.right():
            box = QRectF(left, plot.top() - 5, max(2.0, right - left), plot.height() + 9)
            painter.fillRect(box, tokens().wash.critical)
            _say_beyond(painter, since_s, box.intersected(QRectF(plot)), ink)


def spans_beyond(row: ChartRow, over: Line) -> list[tuple[float, float]]:
    """Since when and until when a line lies beyond the row's limit: from its first sample there to the one that is back, or to
    where nothing was known any more."""
    if row.limit is None or not len(over.at_s):
        return []
    gap_s = max(row.gap_s, over.gap_s)
    above = over.value < row.limit[0] if row.floor else over.value > row.limit[0]
    gaps = np.concatenate([[False], np.diff(over.at_s) > gap_s])
    begins = np.flatnonzero(above & ~(np.concatenate([[False], above[:-1]]) & ~gaps))
    found = []
    for first in begins.tolist():
        ends = np.flatnonzero(~above[first + 1 :] | gaps[first + 1 :])
        after = first + 1 + int(ends[0]) if len(ends) else len(above)
        back = after < len(above) and not gaps[after] and math.isfinite(over.value[after])
        found.append((float(over.at_s[first]), float(over.at_s[after if back else after - 1])))
    return found


def paint_limit(painter: QPainter, row: ChartRow, plot: QRect, scale: Scale, ink: Ink) -> None:
    """The limit as a dashed level with its words, where lines leave them room."""
    t = tokens()
    level, words = row.limit or (0.0, "")
    y = round(scale.y(level, plot))
    pen = QPen(t.text.secondary, 1)
    pen.setDashPattern([6, 4])
    painter.setPen(pen)
    painter.drawLine(plot.left(), y, plot.right(), y)
    painter.setFont(theme.font("caption"))
    painter.setPen(t.text.quiet)
    metrics = painter.fontMetrics()
    size = QSizeF(metrics.horizontalAdvance(words), metrics.ascent())
    levels = [y - 3 - size.height(), y + theme.px(12) - size.height()]
    # Within the plot; first above the line, then below it, then the same at the right end.
    levels = [top for top in levels if top >= plot.top() - 4 and top + size.height() <= plot.bottom() + 4] or levels[:1]
    sides = (plot.left() + 4.0, plot.right() - 4.0 - size.width())
    place = ink.quietest([QRectF(QPointF(x, top), size) for x in sides for top in levels])
    painter.drawText(QPointF(place.left(), place.bottom()), words)


def _say_beyond(painter: QPainter, since_s: float, box: QRectF, ink: Ink) -> None:
    """Since when, where there is room for it in the wash."""
    words = f"beyond the limit since {dated_text(since_s, time.time())}"
    painter.setFont(theme.font("caption"))
    metrics = painter.fontMetrics()
    wide, high = metrics.horizontalAdvance(words), metrics.height()
    if wide + 12 < box.width() and box.height() > theme.px(40):
        left = box.center().x() - wide / 2
        tops = (box.center().y() - high / 2, box.top(), box.bottom() - high)
        place = ink.quietest([QRectF(left, top, wide, high) for top in tops])
        painter.setPen(tokens().state.critical)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip), words)


def paint_points(painter: QPainter, line: Line, gap_s: float, span: Span, plot: QRect, scale: Scale) -> None:
    colour = line_colour(line)
    painter.setPen(QPen(colour, 1))
    size, gap_s = 5, max(gap_s, line.gap_s)
    inside = np.flatnonzero((line.at_s >= span.since_s) & (line.at_s <= span.until_s) & np.isfinite(line.value))
    # More intervals than a reader can tell apart: one of every few, the line through all.
    step = max(1, len(inside) // max(1, plot.width() // 9))
    before: QPointF | None = None
    whiskers: list[QLineF] = []
    for i in inside.tolist():
        x, y = span.x(float(line.at_s[i]), plot), scale.y(float(line.value[i]), plot)
        here = QPointF(round(x), round(y))
        if before is not None and float(line.at_s[i] - line.at_s[i - 1]) <= gap_s:
            painter.drawLine(before, here)
        before = here
        if i % step == 0:
            if len(line.low) and math.isfinite(line.low[i]) and math.isfinite(line.high[i]):
                top, bottom = scale.y(float(line.high[i]), plot), scale.y(float(line.low[i]), plot)
                whiskers.append(QLineF(here.x(), round(top), here.x(), round(bottom)))
            painter.fillRect(QRectF(here.x() - size // 2, here.y() - size // 2, size, size), colour)
    faint = QColor(colour)
    faint.setAlphaF(0.6)
    painter.setPen(faint)
    painter.drawLines(whiskers)


def paint_bars(painter: QPainter, bars: tuple[Bar, ...], span: Span, plot: QRect) -> None:
    t = tokens()
    # Bars with words in them are as high as the words; the dim ones share what is left.
    full, dim = theme.px(11), sum(bar.dim for bar in bars)
    left = plot.height() - 12 - (len(bars) - dim) * full - 4 * len(bars)
    heights = [max(4, min(full, left // dim)) if bar.dim else full for bar in bars]
    y = plot.top() + (plot.height() - sum(heights) - 4 * len(bars)) // 2 + 1
    painter.save()
    painter.setClipRect(plot)
    for bar, height in zip(bars, heights, strict=True):
        for since_s, until_s, version, slot in bar.spans:
            left, right = round(span.x(since_s, plot)), round(span.x(until_s, plot))
            if right < plot.left() or left > plot.right():
                continue
            left, right = max(left, plot.left() - 2), min(right, plot.right() + 2)
            rect = QRect(left, y, max(2, right - left), height)
            if slot < 0:
                pen = QPen(t.state.unknown, 1)
                pen.setDashPattern([2, 2])
                painter.setPen(pen)
                painter.setBrush(t.wash.unknown)
                painter.drawRect(rect.adjusted(0, 0, -1, -1))
                painter.setFont(theme.font("caption"))
                words = f"{version or 'no answer'} {duration_text(until_s - since_s)}"
                if painter.fontMetrics().horizontalAdvance(words) + 8 < rect.width():
                    painter.setPen(t.state.unknown)
                    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, words)
                continue
            colour = QColor(t.version.slot(slot))
            colour.setAlphaF(0.5 if bar.dim else 1.0)
            painter.fillRect(rect, colour)
            if not bar.dim and rect.width() > 40:
                painter.setFont(theme.font("caption"))
                painter.setPen(t.surface.plot)
                words = painter.fontMetrics().elidedText(
                    visible_text(version_text(version), 120), Qt.TextElideMode.ElideMiddle, rect.width() - 8
                )
                painter.drawText(rect.adjusted(5, -1, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), words)
        y += height + 4
    painter.restore()


def rule_pen(kind: str, colour: QColor) -> QPen:
    """The vertical rule of an event through every chart of the stack."""
    pen = QPen(colour, 1)
    patterns = {"deploy": None, "rollback": [6.0, 3.0], "alert": [2.0, 2.0]}
    pattern = patterns.get(kind, [1.0, 3.0])
    if pattern is not None:
        pen.setDashPattern(pattern)
    return pen

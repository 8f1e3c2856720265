"""Draws one row of a chart stack: the words at its left, grid, limit, lines, points, bars."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QLine, QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from mlcontrol.gui.charts.reduce import buckets, column_lines, draw_lines, extremes
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.chart_rows import DASH, DOT, Bar, ChartRow, Line
from mlcontrol.gui.viewmodels.phrases import duration_text, version_text


@dataclass(frozen=True, slots=True)
class Span:
    since_s: float
    until_s: float

    def x(self, at_s: float, plot: QRect) -> float:
        return plot.x() + (at_s - self.since_s) / max(1e-9, self.until_s - self.since_s) * plot.width()


def line_colour(line: Line) -> QColor:
    t = tokens()
    if line.slot is not None:
        return t.version.slot(line.slot)
    if line.tone in ("primary", "secondary", "quiet"):
        colour: QColor = getattr(t.text, line.tone)
        return colour
    return t.state.of(line.tone)


def y_range(row: ChartRow, span: Span) -> tuple[float, float]:
    """From 0 to a round number over everything in the span; scores show both ends."""
    found: list[float] = []
    for line in row.lines:
        inside = (line.at_s >= span.since_s) & (line.at_s <= span.until_s)
        for column in (line.value, line.low, line.high):
            part = column[inside] if len(column) == len(inside) else column[:0]
            part = part[np.isfinite(part)]
            if len(part):
                found += [float(part.min()), float(part.max())]
    if row.limit is not None:
        found.append(row.limit[0])
    if not found:
        return 0.0, row.ceiling or 1.0
    low, high = min(found), max(found)
    if row.score:
        pad = max((high - low) * 0.15, 0.005 * max(1.0, abs(high)))
        top = high + pad if row.ceiling is None else min(row.ceiling, high + pad)
        return max(0.0, low - pad) if low >= 0 else low - pad, top
    top = _round_up(max(high * 1.08, 1e-9))
    return min(0.0, low), top if row.ceiling is None or high > row.ceiling else min(top, row.ceiling)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999)


def paint_row(painter: QPainter, row: ChartRow, span: Span, label: QRect, plot: QRect) -> None:
    t = tokens()
    painter.fillRect(plot, t.surface.plot)
    _words(painter, row, label)
    if row.bars:
        _bars(painter, row.bars, span, plot)
        return
    if not any(len(line.at_s) for line in row.lines):
        painter.setPen(t.text.quiet)
        painter.setFont(theme.font("caption"))
        painter.drawText(plot.adjusted(10, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), f"? {row.nothing}")
        return
    low, high = y_range(row, span)
    inner = plot.adjusted(0, 5, 0, -4)
    painter.setPen(t.line.grid)
    painter.drawLine(plot.left(), inner.center().y(), plot.right(), inner.center().y())
    _axis_words(painter, row, low, high, label)
    painter.save()
    painter.setClipRect(plot)
    if row.limit is not None:
        _limit(painter, row, span, inner, low, high)
    for line in row.lines:
        if line.points:
            _points(painter, line, row.gap_s, span, inner, low, high)
        else:
            _line(painter, line, row.gap_s, span, inner, low, high)
    painter.restore()


def _words(painter: QPainter, row: ChartRow, label: QRect) -> None:
    t = tokens()
    tight = label.height() < theme.px(38)
    painter.setFont(theme.font("body"))
    painter.setPen(t.text.primary)
    flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    top = label.adjusted(16, 2 if tight else 5, -4, 0)
    painter.drawText(top, flags, row.title)
    painter.setFont(theme.font("caption"))
    painter.setPen(t.text.quiet)
    painter.drawText(top.adjusted(0, theme.px(16), 0, 0), flags, row.unit)


def _axis_words(painter: QPainter, row: ChartRow, low: float, high: float, label: QRect) -> None:
    painter.setFont(theme.font("caption"))
    painter.setPen(tokens().text.quiet)
    side = label.adjusted(0, 3, -6, -2)
    right = Qt.AlignmentFlag.AlignRight
    painter.drawText(side, int(right | Qt.AlignmentFlag.AlignTop), row.text(high))
    if label.height() > theme.px(34):
        painter.drawText(side, int(right | Qt.AlignmentFlag.AlignBottom), row.text(low))


def _y(value: float, plot: QRect, low: float, high: float) -> float:
    return plot.bottom() - (value - low) / max(1e-12, high - low) * plot.height()


def _limit(painter: QPainter, row: ChartRow, span: Span, plot: QRect, low: float, high: float) -> None:
    t = tokens()
    level, words = row.limit or (0.0, "")
    over = row.over_limit
    if over is not None and len(over.at_s):
        above = over.value > level
        edges = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(np.int8)))
        for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            left = span.x(float(over.at_s[first]), plot)
            right = span.x(float(over.at_s[min(end, len(over.at_s) - 1)]), plot)
            if right >= plot.left() and left <= plot.right():
                painter.fillRect(
                    QRectF(left, plot.top() - 5, max(2.0, right - left), plot.height() + 9), t.wash.critical
                )
    y = round(_y(level, plot, low, high))
    pen = QPen(t.text.secondary, 1)
    pen.setDashPattern([6, 4])
    painter.setPen(pen)
    painter.drawLine(plot.left(), y, plot.right(), y)
    painter.setFont(theme.font("caption"))
    painter.setPen(t.text.quiet)
    above_line = y - 3 if y - plot.top() > theme.px(12) else y + theme.px(12)
    painter.drawText(QPointF(plot.left() + 4, above_line), words)


def _line(painter: QPainter, line: Line, gap_s: float, span: Span, plot: QRect, low: float, high: float) -> None:
    if not len(line.at_s):
        return
    pen = QPen(line_colour(line), 1)
    pen.setCosmetic(True)
    if line.style == DASH:
        pen.setDashPattern([5, 2])
    elif line.style == DOT:
        pen.setDashPattern([2, 3])
    painter.setPen(pen)
    b = buckets(line.at_s, span.since_s, span.until_s, plot.width(), gap_s)
    least, most = extremes(line.value, b)
    lines = column_lines(least, most, b, plot.bottom(), plot.top(), low, high, plot.left())
    draw_lines(painter, lines)


def _points(painter: QPainter, line: Line, gap_s: float, span: Span, plot: QRect, low: float, high: float) -> None:
    colour = line_colour(line)
    painter.setPen(QPen(colour, 1))
    size = 5
    inside = np.flatnonzero((line.at_s >= span.since_s) & (line.at_s <= span.until_s) & np.isfinite(line.value))
    # More intervals than a reader can tell apart: one of every few, the line through all.
    step = max(1, len(inside) // max(1, plot.width() // 9))
    before: QPointF | None = None
    whiskers: list[QLineF] = []
    for i in inside.tolist():
        x, y = span.x(float(line.at_s[i]), plot), _y(float(line.value[i]), plot, low, high)
        here = QPointF(round(x), round(y))
        if before is not None and float(line.at_s[i] - line.at_s[i - 1]) <= gap_s:
            painter.drawLine(before, here)
        before = here
        if i % step == 0:
            if len(line.low) and math.isfinite(line.low[i]) and math.isfinite(line.high[i]):
                top, bottom = _y(float(line.high[i]), plot, low, high), _y(float(line.low[i]), plot, low, high)
                whiskers.append(QLineF(here.x(), round(top), here.x(), round(bottom)))
            painter.fillRect(QRectF(here.x() - size // 2, here.y() - size // 2, size, size), colour)
    faint = QColor(colour)
    faint.setAlphaF(0.6)
    painter.setPen(faint)
    painter.drawLines(whiskers)


def _bars(painter: QPainter, bars: tuple[Bar, ...], span: Span, plot: QRect) -> None:
    t = tokens()
    height = max(6, min(theme.px(11), (plot.height() - 12) // max(1, len(bars)) - 3))
    y = plot.top() + (plot.height() - len(bars) * (height + 4)) // 2 + 1
    painter.save()
    painter.setClipRect(plot)
    for bar in bars:
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
                painter.drawText(rect.adjusted(5, -1, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), version_text(version))
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


def vertical(x: int, top: int, bottom: int) -> QLine:
    return QLine(x, top, x, bottom)

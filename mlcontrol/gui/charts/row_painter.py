"""Draws one row of a chart stack: grid, limit, bands, lines, points, bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QLine, QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from mlcontrol.gui.charts.reduce import (
    WILD,
    Buckets,
    Floats,
    Lines,
    buckets,
    column_lines,
    draw_lines,
    extremes,
    fill_spans,
)
from mlcontrol.gui.charts.row_words import paint_words
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.chart_rows import DASH, DOT, SOLID, Bar, ChartRow, Line
from mlcontrol.gui.viewmodels.phrases import clock_text, duration_text, version_text


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


@dataclass(frozen=True, slots=True)
class Scale:
    """A row's value axis. Logarithmic ones show powers of ten; what is not positive lies on their lower edge."""

    low: float
    high: float
    log: bool = False

    def mapped(self, values: Floats) -> Floats:
        if not self.log:
            return values
        with np.errstate(invalid="ignore"):
            return np.log10(np.maximum(values, self.low))

    @property
    def ends(self) -> tuple[float, float]:
        return (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)

    def y(self, value: float, plot: QRect) -> float:
        low, high = self.ends
        at = math.log10(max(value, self.low)) if self.log else value
        return plot.bottom() - (at - low) / max(1e-12, high - low) * plot.height()


@dataclass(frozen=True, eq=False, slots=True)
class _Group:
    """Lines on the same times, reduced to the lowest and highest of each pixel column: (lines, columns)."""

    lines: list[Line]
    buckets: Buckets
    low: Floats
    high: Floats


def _groups(row: ChartRow, span: Span, width: int) -> list[_Group]:
    """One pass over all lines that were sampled together; series of one scrape are."""
    shared: list[list[Line]] = []
    for line in row.lines:
        if line.points or not len(line.at_s):
            continue
        for lines in shared:
            if lines[0].gap_s == line.gap_s and _same(lines[0].at_s, line.at_s):
                lines.append(line)
                break
        else:
            shared.append([line])
    groups = []
    for lines in shared:
        found = buckets(lines[0].at_s, span.since_s, span.until_s, width, max(row.gap_s, lines[0].gap_s))
        groups.append(_Group(lines, found, *extremes([line.value for line in lines], found)))
    return groups


def _same(one: Floats, other: Floats) -> bool:
    return one is other or (len(one) == len(other) and one[0] == other[0] and bool((one == other).all()))


def _y_range(row: ChartRow, span: Span, groups: Sequence[_Group], width: int) -> Scale:
    """From 0 to a round number over everything in the span; scores show both ends."""
    found: list[float] = []
    for group in groups:
        inside = (group.buckets.columns >= 0) & (group.buckets.columns < width)
        for part in (group.low[:, inside], group.high[:, inside]):
            part = part[np.abs(part) < WILD]
            if part.size:
                found += [float(part.min()), float(part.max())]
    for line in row.lines:
        if not line.points and not line.band:
            continue
        inside = (line.at_s >= span.since_s) & (line.at_s <= span.until_s)
        for column in (line.value, line.low, line.high):
            part = column[inside] if len(column) == len(inside) else column[:0]
            part = part[np.abs(part) < WILD]
            if len(part):
                found += [float(part.min()), float(part.max())]
    if row.limit is not None:
        found.append(row.limit[0])
    if row.log:
        positive = [value for value in found if value > 0]
        if positive:
            low, high = min(positive), max(positive)
            return Scale(10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high) + 1e-9), log=True)
    if not found:
        return Scale(0.0, row.ceiling or 1.0)
    low, high = min(found), max(found)
    if row.score:
        pad = max((high - low) * 0.15, 0.005 * max(1.0, abs(high)))
        top = high + pad if row.ceiling is None else min(row.ceiling, high + pad)
        return Scale(max(0.0, low - pad) if low >= 0 else low - pad, top)
    top = _round_up(max(high * 1.08, 1e-9))
    return Scale(min(0.0, low), top if row.ceiling is None or high > row.ceiling else min(top, row.ceiling))


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999)


def paint_row(painter: QPainter, row: ChartRow, span: Span, label: QRect, plot: QRect) -> None:
    t = tokens()
    painter.fillRect(plot, t.surface.plot)
    if row.bars:
        paint_words(painter, row, label, "", "")
        _bars(painter, row.bars, span, plot)
        return
    if not any(len(line.at_s) for line in row.lines):
        paint_words(painter, row, label, "", "")
        painter.setPen(t.text.quiet)
        painter.setFont(theme.font("caption"))
        painter.drawText(plot.adjusted(10, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), f"? {row.nothing}")
        return
    groups = _groups(row, span, plot.width())
    scale = _y_range(row, span, groups, plot.width())
    inner = plot.adjusted(0, 5, 0, -4)
    painter.setPen(t.line.grid)
    for y in _grid(scale, inner):
        painter.drawLine(plot.left(), y, plot.right(), y)
    paint_words(painter, row, label, row.text(scale.high), row.text(scale.low))
    painter.save()
    painter.setClipRect(plot)
    if row.limit is not None:
        _limit(painter, row, span, inner, scale)
    for line in row.lines:
        if line.band:
            _band(painter, line, span, inner, scale)
    # In the order of the row: a later line lies over an earlier one.
    drawn = {id(line): lines for group in groups for line, lines in _drawn(group, scale, inner)}
    for line in row.lines:
        if line.points:
            _points(painter, line, row.gap_s, span, inner, scale)
        elif id(line) in drawn:
            _paint_line(painter, line, *drawn[id(line)])
    painter.restore()


def _grid(scale: Scale, plot: QRect) -> list[int]:
    if not scale.log:
        return [plot.center().y()]
    first, last = (round(end) for end in scale.ends)
    return [round(scale.y(10.0**power, plot)) for power in range(first + 1, last)]


def _drawn(group: _Group, scale: Scale, plot: QRect) -> list[tuple[Line, tuple[Lines, Lines]]]:
    low, high = scale.ends
    lines = column_lines(
        scale.mapped(group.low),
        scale.mapped(group.high),
        group.buckets,
        plot.bottom(),
        plot.top(),
        low,
        high,
        plot.left(),
    )
    return list(zip(group.lines, lines, strict=True))


def _paint_line(painter: QPainter, line: Line, upright: Lines, slanted: Lines) -> None:
    if line.style == SOLID:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(line_colour(line))
        fill_spans(painter, upright)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if len(slanted):
            painter.setPen(_pen(line))
            draw_lines(painter, slanted)
        return
    painter.setPen(_pen(line))
    draw_lines(painter, upright)
    draw_lines(painter, slanted)


def _pen(line: Line) -> QPen:
    pen = QPen(line_colour(line), 1)
    pen.setCosmetic(True)
    if line.style == DASH:
        pen.setDashPattern([5, 2])
    elif line.style == DOT:
        pen.setDashPattern([2, 3])
    return pen


def _band(painter: QPainter, line: Line, span: Span, plot: QRect, scale: Scale) -> None:
    """From low to high, shaded: where a reading usually lies."""
    inside = (line.at_s >= span.since_s - line.gap_s) & (line.at_s <= span.until_s) & np.isfinite(line.low)
    index = np.flatnonzero(inside)
    if len(index) < 2:
        return
    step = max(1, len(index) // max(1, plot.width()))
    index = index[::step].tolist()
    upper = [QPointF(span.x(float(line.at_s[i]), plot), scale.y(float(line.high[i]), plot)) for i in index]
    lower = [QPointF(span.x(float(line.at_s[i]), plot), scale.y(float(line.low[i]), plot)) for i in reversed(index)]
    shade = QColor(line_colour(line))
    shade.setAlphaF(0.14)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(shade)
    painter.drawPolygon(QPolygonF(upper + lower))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _limit(painter: QPainter, row: ChartRow, span: Span, plot: QRect, scale: Scale) -> None:
    t = tokens()
    level, words = row.limit or (0.0, "")
    over = row.over_limit
    if over is not None and len(over.at_s):
        above = over.value < level if row.floor else over.value > level
        edges = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(np.int8)))
        for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            left = span.x(float(over.at_s[first]), plot)
            right = span.x(float(over.at_s[min(end, len(over.at_s) - 1)]), plot)
            if right >= plot.left() and left <= plot.right():
                box = QRectF(left, plot.top() - 5, max(2.0, right - left), plot.height() + 9)
                painter.fillRect(box, t.wash.critical)
                _say_beyond(painter, float(over.at_s[first]), box.intersected(QRectF(plot)))
    y = round(scale.y(level, plot))
    pen = QPen(t.text.secondary, 1)
    pen.setDashPattern([6, 4])
    painter.setPen(pen)
    painter.drawLine(plot.left(), y, plot.right(), y)
    painter.setFont(theme.font("caption"))
    painter.setPen(t.text.quiet)
    above_line = y - 3 if y - plot.top() > theme.px(12) else y + theme.px(12)
    painter.drawText(QPointF(plot.left() + 4, above_line), words)


def _say_beyond(painter: QPainter, since_s: float, box: QRectF) -> None:
    """Since when, where there is room for it in the middle of the wash."""
    words = f"beyond the limit since {clock_text(since_s)}"
    painter.setFont(theme.font("caption"))
    if painter.fontMetrics().horizontalAdvance(words) + 12 < box.width() and box.height() > theme.px(40):
        painter.setPen(tokens().state.critical)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


def _points(painter: QPainter, line: Line, gap_s: float, span: Span, plot: QRect, scale: Scale) -> None:
    colour = line_colour(line)
    painter.setPen(QPen(colour, 1))
    size = 5
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

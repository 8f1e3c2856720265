"""What a chart stack draws across its rows: the times below, the events and their rules, the crosshair."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter

from mlcontrol.core.types import TimelineEvent
from mlcontrol.gui.charts.event_words import named
from mlcontrol.gui.charts.lanes import paint_marker
from mlcontrol.gui.charts.row_marks import rule_pen
from mlcontrol.gui.charts.scale import Span
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.phrases import middle_elided, visible_text
from mlcontrol.gui.viewmodels.time_axis import dated_text, ticks

LANE_H, AXIS_H = 26, 22


def paint_axis(painter: QPainter, plot: QRect, span: Span, follows: bool) -> None:
    """``plot``: where the times stand, below the rows."""
    t = tokens()
    painter.setPen(t.line.hairline)
    painter.drawLine(0, plot.top(), plot.right(), plot.top())
    painter.setFont(theme.font("caption"))
    painter.setPen(t.text.quiet)
    last = plot.right() - (theme.px(34) if follows else 4)
    for at_s, words in ticks(span.since_s, span.until_s, max(3, plot.width() // theme.px(110))):
        x = span.x(at_s, plot)
        half = painter.fontMetrics().horizontalAdvance(words) / 2 + 1
        if plot.left() + 4 <= x - half and x + half <= last:  # else it would stand on the names, or under "now"
            painter.drawText(QRectF(x - half, plot.top(), 2 * half, plot.height()), Qt.AlignmentFlag.AlignCenter, words)
    if follows:
        place = plot.adjusted(0, 0, -4, 0)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), "now")


def paint_events(painter: QPainter, lane: QRect, bottom: int, span: Span, events: Sequence[TimelineEvent]) -> None:
    """``bottom``: down to where the rules of events run."""
    t = tokens()
    painter.setFont(theme.font("body"))
    painter.setPen(t.text.primary)
    painter.drawText(QRect(16, 0, lane.left() - 16, lane.height()), int(Qt.AlignmentFlag.AlignVCenter), "Events")
    painter.setFont(theme.font("caption"))
    shown = [e for e in events if span.since_s <= e.at_s <= span.until_s]
    for e in shown:
        x = round(span.x(e.at_s, lane))
        if e.kind.value != "review":
            loud = e.kind.value in ("deploy", "rollback")
            colour = t.state.critical if e.severity.value == "critical" else (t.text.primary if loud else t.text.quiet)
            painter.setPen(rule_pen(e.kind.value, colour))
            painter.drawLine(x, lane.height(), x, bottom)
        paint_marker(painter, QPointF(x, lane.center().y() + 1), e, t)
    metrics = QFontMetrics(painter.font())
    painter.setPen(t.text.primary)
    marks = [(span.x(e.at_s, lane), e) for e in shown]
    for one in named(
        marks, lambda e: float(metrics.horizontalAdvance(event_name(e))), float(lane.left()), float(lane.right())
    ):
        box = QRectF(one.left, 0, lane.right() - one.left, lane.height())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), event_name(one.event))


def paint_crosshair(painter: QPainter, plot: QRect, span: Span, cross_s: float, now_s: float) -> None:
    """``plot``: the whole height of the stack, its lane and axis with it."""
    t = tokens()
    x = round(span.x(cross_s, plot))
    if not plot.left() <= x <= plot.right():
        return
    axis = theme.px(AXIS_H)
    painter.setPen(t.accent.accent)
    painter.drawLine(x, theme.px(LANE_H) // 2, x, plot.bottom() + 1 - axis)
    painter.setFont(theme.font("caption"))
    words = dated_text(cross_s, now_s)
    wide = QFontMetrics(painter.font()).horizontalAdvance(words) + 10
    left = min(max(plot.left(), x - wide // 2), plot.right() - wide)
    box = QRect(left, plot.bottom() + 1 - axis + 2, wide, axis - 4)
    painter.fillRect(box, t.accent.accent)
    painter.setPen(t.text.on_accent)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


def event_name(event: TimelineEvent) -> str:
    return middle_elided(visible_text(event.title, 200), 28)

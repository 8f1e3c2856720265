"""Lanes of the timeline: one per service, what served as a bar, what happened as shapes, on one time axis."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tokens import Tokens
from mlcontrol.gui.viewmodels.phrases import middle_elided, version_text, visible_text
from mlcontrol.gui.viewmodels.time_axis import dated_text, ticks
from mlcontrol.gui.viewmodels.timeline_lanes import Lane

LANE_H, AXIS_H, LABEL_W = 36, 28, 148
MIN_SPAN_S, MAX_SPAN_S = 10.0, 400 * 86_400.0
NEAR_PX = 9


class LanesChart(QWidget):
    """Wheel zooms around the pointer, dragging pans, dragging with Shift brushes a span of one lane, arrows walk the events; Home
    and End go to the first and the last.

    *Signals:* ``picked(event id)``; ``brushed(since_s, until_s, service)``; ``span_changed(since_s, until_s)`` after every zoom or
    pan; ``moment_picked(at_s)`` when the crosshair was set by a click on free ground. Times are UTC seconds.
    """

    picked = Signal(str)
    brushed = Signal(float, float, str)
    span_changed = Signal(float, float)
    moment_picked = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lanes: tuple[Lane, ...] = ()
        now = time.time()
        self.since_s, self.until_s = now - 3600, now
        self._picked: str | None = None
        self._hover: QPoint | None = None
        self._moment: float | None = None
        self._drag: tuple[int, float, float] | None = None
        self._dragged = False
        self._brushing: tuple[float, str] | None = None
        self._brush: tuple[float, float] | None = None
        self._marks: tuple[str, ...] = ()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Timeline lanes")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def set_lanes(self, lanes: Sequence[Lane], since_s: float, until_s: float) -> None:
        self._lanes = tuple(lanes)
        self.since_s, self.until_s = since_s, until_s
        count = sum(len(lane.events) for lane in self._lanes)
        self.setAccessibleName(f"Timeline lanes: {len(self._lanes)} lanes, {count} events")
        self.setMinimumHeight(self.sizeHint().height())
        self.updateGeometry()
        self.update()

    def pick(self, event_id: str | None) -> None:
        self._picked = event_id
        self.update()

    def set_marks(self, event_ids: Sequence[str]) -> None:
        """The events that are compared, numbered in this order."""
        self._marks = tuple(event_ids)
        self.update()

    def set_brush(self, span: tuple[float, float] | None) -> None:
        self._brush = span
        self.update()

    @property
    def moment_s(self) -> float | None:
        return self._moment

    def sizeHint(self) -> QSize:
        return QSize(640, theme.px(AXIS_H) + theme.px(LANE_H) * max(1, len(self._lanes)) + 1)

    # --- geometry ---

    def x_of(self, at_s: float) -> float:
        left, width = self._plot()
        return left + (at_s - self.since_s) / (self.until_s - self.since_s) * width

    def at_of(self, x: float) -> float:
        left, width = self._plot()
        return self.since_s + (x - left) / max(1, width) * (self.until_s - self.since_s)

    def _plot(self) -> tuple[int, int]:
        left = theme.px(LABEL_W)
        return left, max(1, self.width() - left - theme.px(16))

    def _event_at(self, point: QPoint) -> TimelineEvent | None:
        row = (point.y() - theme.px(AXIS_H)) // theme.px(LANE_H)
        if not 0 <= row < len(self._lanes):
            return None
        near = [(abs(self.x_of(e.at_s) - point.x()), i, e) for i, e in enumerate(self._lanes[row].events)]
        near = [n for n in near if n[0] <= theme.px(NEAR_PX)]
        return min(near)[2] if near else None

    def zoom(self, factor: float, around_s: float | None = None) -> None:
        """``factor`` < 1 shows less time."""
        span = self.until_s - self.since_s
        wanted = min(MAX_SPAN_S, max(MIN_SPAN_S, span * factor))
        middle = around_s if around_s is not None else (self.since_s + self.until_s) / 2
        share = (middle - self.since_s) / span
        self._move(middle - wanted * share, wanted)

    def _move(self, since_s: float, span_s: float) -> None:
        since_s = max(0.0, since_s)
        self.since_s, self.until_s = since_s, since_s + span_s
        self.span_changed.emit(self.since_s, self.until_s)
        self.update()

    # --- painting ---

    def paintEvent(self, event: QPaintEvent) -> None:
        t, dirty = tokens(), event.rect()
        painter = QPainter(self)
        painter.fillRect(dirty, t.surface.plot)
        left, width = self._plot()
        self._paint_axis(painter, t, left, width)
        # Of a fleet's thousands of lanes a dozen are seen.
        top, high = theme.px(AXIS_H), theme.px(LANE_H)
        for row in range(
            max(0, (dirty.top() - top) // high), min(len(self._lanes), (dirty.bottom() - top) // high + 1)
        ):
            self._paint_lane(painter, t, self._lanes[row], QRect(0, top + row * high, self.width(), high), left, width)
        self._paint_brush(painter, t, left)
        self._paint_crosshair(painter, t, left)
        if self.hasFocus():
            painter.setPen(t.accent.focus)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_axis(self, painter: QPainter, t: Tokens, left: int, width: int) -> None:
        painter.fillRect(QRect(0, 0, self.width(), theme.px(AXIS_H)), t.surface.panel)
        painter.setFont(theme.font("small"))
        for at_s, words in ticks(self.since_s, self.until_s, max(2, width // theme.px(120))):
            x = round(self.x_of(at_s))
            painter.setPen(t.line.grid)
            painter.drawLine(x, theme.px(AXIS_H), x, self.height())
            if x - painter.fontMetrics().horizontalAdvance(words) // 2 < left:
                continue  # it would stand half under the label column
            painter.setPen(t.text.quiet)
            painter.drawText(QRect(x - 60, 0, 120, theme.px(AXIS_H)), Qt.AlignmentFlag.AlignCenter, words)
        painter.setPen(t.text.quiet)
        day = time.strftime("%d %b %Y", time.gmtime(self.since_s))
        painter.fillRect(QRect(0, 0, left - theme.px(4), theme.px(AXIS_H)), t.surface.panel)
        painter.drawText(QRect(theme.px(16), 0, left, theme.px(AXIS_H)), int(Qt.AlignmentFlag.AlignVCenter), day)
        painter.setPen(t.line.border)
        painter.drawLine(0, theme.px(AXIS_H) - 1, self.width(), theme.px(AXIS_H) - 1)

    def _paint_brush(self, painter: QPainter, t: Tokens, left: int) -> None:
        if self._brush is None:
            return
        first, last = max(float(left), self.x_of(self._brush[0])), self.x_of(self._brush[1])
        if last <= left:
            return
        shade = QColor(t.accent.accent)
        shade.setAlphaF(0.12)
        painter.fillRect(QRectF(first, 0, last - first, self.height()), shade)
        painter.setPen(t.accent.accent)
        for x in (first, last):
            painter.drawLine(round(x), 0, round(x), self.height())

    def _paint_lane(self, painter: QPainter, t: Tokens, lane: Lane, rect: QRect, left: int, width: int) -> None:
        picked_here = any(e.id == self._picked for e in lane.events)
        if picked_here:
            painter.fillRect(rect, t.surface.selection)
        painter.setPen(t.line.hairline)
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        painter.setFont(theme.font("strong" if picked_here else "body"))
        painter.setPen(t.text.primary if lane.events else t.text.secondary)
        name = painter.fontMetrics().elidedText(
            visible_text(lane.title, 200), Qt.TextElideMode.ElideMiddle, left - theme.px(20)
        )
        painter.drawText(
            QRect(theme.px(16), rect.top(), left - theme.px(20), rect.height()),
            int(Qt.AlignmentFlag.AlignVCenter),
            name,
        )
        painter.save()
        painter.setClipRect(QRect(left - theme.px(8), rect.top(), width + theme.px(24), rect.height()))
        self._paint_spans(painter, t, lane, rect, left)
        for at in lane.events:
            x = self.x_of(at.at_s)
            if left - theme.px(8) <= x <= left + width + theme.px(16):
                centre = QPointF(round(x), rect.top() + theme.px(13))
                paint_marker(painter, centre, at, t)
                if at.id in self._marks:
                    self._paint_mark(painter, t, centre, self._marks.index(at.id) + 1)
                if at.id == self._picked:
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.setPen(QPen(t.accent.accent, 1))
                    painter.drawEllipse(centre, theme.px(9), theme.px(9))
        painter.restore()

    def _paint_mark(self, painter: QPainter, t: Tokens, centre: QPointF, number: int) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(t.accent.accent, 1.5))
        painter.drawEllipse(centre, theme.px(9), theme.px(9))
        painter.setFont(theme.font("caption"))
        side = -theme.px(17) if number == 1 else theme.px(11)
        painter.drawText(QPointF(centre.x() + side, centre.y() - theme.px(3)), str(number))

    def _paint_spans(self, painter: QPainter, t: Tokens, lane: Lane, rect: QRect, left: int) -> None:
        slots: dict[str, int] = {}
        y, high = rect.bottom() - theme.px(9), theme.px(5)
        painter.setFont(theme.font("small", mono=True))
        marks = sorted(self.x_of(e.at_s) for e in lane.events)
        for span in lane.spans:
            start = max(float(left), self.x_of(max(span.since_s, self.since_s)))
            end = self.x_of(min(span.until_s, self.until_s))
            box = QRectF(start, y, max(1.0, end - start), high)
            if span.version is None:
                pen = QPen(t.state.unknown, 1, Qt.PenStyle.DashLine)
                painter.setPen(pen)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(box)
            else:
                slot = slots.setdefault(span.version, len(slots))
                painter.fillRect(box, t.version.slot(slot))
            words = visible_text(version_text(span.version), 200)
            at = _beside(marks, start + theme.px(14), painter.fontMetrics().horizontalAdvance(words), theme.px(8))
            if at + painter.fontMetrics().horizontalAdvance(words) < max(end, start + theme.px(14)):
                painter.setPen(t.text.quiet)
                painter.drawText(QPointF(at, y - theme.px(3)), words)

    def _paint_crosshair(self, painter: QPainter, t: Tokens, left: int) -> None:
        at_s = self._moment
        if self._hover is not None and self._hover.x() >= left:
            at_s = self.at_of(self._hover.x())
        if at_s is None or not self.since_s <= at_s <= self.until_s:
            return
        x = round(self.x_of(at_s))
        painter.setPen(QPen(t.accent.accent, 1))
        painter.drawLine(x, theme.px(AXIS_H), x, self.height())
        painter.setFont(theme.font("caption"))
        words = dated_text(at_s, time.time())
        wide = painter.fontMetrics().horizontalAdvance(words) + theme.px(10)
        box = QRect(min(max(left, x - wide // 2), self.width() - wide), theme.px(5), wide, theme.px(18))
        painter.fillRect(box, t.accent.accent)
        painter.setPen(t.text.on_accent)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)

    # --- input (Qt overrides) ---

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = event.angleDelta().y() / 120
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or not steps:
            event.ignore()
            return
        self.zoom(0.8**steps, self.at_of(event.position().x()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._dragged = False
        point = event.position().toPoint()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            row = min(max(0, (point.y() - theme.px(AXIS_H)) // theme.px(LANE_H)), max(0, len(self._lanes) - 1))
            self._brushing = self.at_of(point.x()), self._lanes[row].service if self._lanes else ""
            return
        self._drag = (point.x(), self.since_s, self.until_s)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover = event.position().toPoint()
        if self._brushing is not None:
            here = self.at_of(self._hover.x())
            self.set_brush((min(self._brushing[0], here), max(self._brushing[0], here)))
            return
        if self._drag is not None and event.buttons() & Qt.MouseButton.LeftButton:
            moved = self._hover.x() - self._drag[0]
            if abs(moved) > 4 or self._dragged:
                self._dragged = True
                _left, width = self._plot()
                span = self._drag[2] - self._drag[1]
                self._move(self._drag[1] - moved / width * span, span)
        found = self._event_at(self._hover)
        self.setToolTip(_tip(found) if found else "")
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag = None
        if self._brushing is not None:
            service, self._brushing = self._brushing[1], None
            if self._brush is not None:
                self.brushed.emit(*self._brush, service)
            return
        if self._dragged:
            return
        found = self._event_at(event.position().toPoint())
        if found:
            self.picked.emit(found.id)
        elif event.position().x() >= self._plot()[0]:
            self._moment = self.at_of(event.position().x())
            self.moment_picked.emit(self._moment)
        self.update()

    def leaveEvent(self, event: object) -> None:
        self._hover = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        events = sorted((e for lane in self._lanes for e in lane.events), key=lambda e: (e.at_s, e.id))
        ids = [e.id for e in events]
        at = ids.index(self._picked) if self._picked in ids else len(ids)
        keys = {Qt.Key.Key_Left: at - 1, Qt.Key.Key_Right: at + 1, Qt.Key.Key_Home: 0, Qt.Key.Key_End: len(ids) - 1}
        wanted = keys.get(Qt.Key(event.key()))
        if wanted is None or not ids:
            super().keyPressEvent(event)
            return
        self.picked.emit(ids[min(len(ids) - 1, max(0, wanted))])


def _beside(marks: Sequence[float], left: float, wide: float, room: float) -> float:
    """Where words may begin, from ``left`` on: under no mark. ``marks``: ascending; ``room``: half of a mark and some air."""
    for x in marks:
        if left - room < x < left + wide + room:
            left = x + room
    return left


def _tip(event: TimelineEvent) -> str:
    words = f"{dated_text(event.at_s, time.time())} {middle_elided(visible_text(event.title, 400), 120)}"
    return "<p>" + words.replace("&", "&amp;").replace("<", "&lt;") + "</p>"


def paint_marker(painter: QPainter, centre: QPointF, event: TimelineEvent, t: Tokens) -> None:
    """The event's shape, 10 px: the same shape means the same kind on every page."""
    r = theme.px(10) / 2
    x, y = centre.x(), centre.y()
    ink = t.text.primary
    if event.severity in (Health.CRITICAL, Health.WARNING, Health.UNKNOWN):
        ink = t.state.of(event.severity.value)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    filled = event.kind in (EventKind.DEPLOY, EventKind.ALERT, EventKind.CONFIG, EventKind.REVIEW, EventKind.HEALTH)
    painter.setPen(QPen(ink, 1.4))
    painter.setBrush(ink if filled else t.surface.plot)
    match event.kind:
        case EventKind.DEPLOY:
            painter.drawPolygon(_polygon((x, y - r), (x + r, y + r), (x - r, y + r)))
        case EventKind.ROLLBACK:
            painter.drawPolygon(_polygon((x - r, y - r), (x + r, y - r), (x, y + r)))
        case EventKind.ALERT | EventKind.HEALTH:
            corners = [
                (x + r * math.cos(math.pi / 8 + i * math.pi / 4), y + r * math.sin(math.pi / 8 + i * math.pi / 4))
                for i in range(8)
            ]
            painter.drawPolygon(_polygon(*corners))
        case EventKind.ALIAS | EventKind.ROUTE:
            painter.drawRect(QRectF(x - r + 1, y - r + 1, 2 * r - 2, 2 * r - 2))
        case EventKind.CONFIG | EventKind.CONNECTION:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_quiet(event, ink, t))
            painter.drawRect(QRectF(x - r + 1, y - r + 1, 2 * r - 2, 2 * r - 2))
        case EventKind.DATA:  # rows of a table
            for top in (y - r + 0.5, y + 1):
                painter.fillRect(QRectF(x - r + 1, top, 2 * r - 2, r - 1.5), ink)
        case EventKind.REVIEW:
            painter.fillRect(QRectF(x - r, y - r, r - 1, 2 * r), ink)
            painter.fillRect(QRectF(x + 1, y - r, r - 1, 2 * r), ink)
        case EventKind.PROBE | EventKind.DRILL:
            painter.drawEllipse(centre, r, r)
            painter.setBrush(ink)
            painter.drawEllipse(centre, r / 3, r / 3)
        case EventKind.RESTART | EventKind.ENGINE | EventKind.LOAD:
            painter.drawEllipse(centre, r - 1, r - 1)
        case _:
            painter.drawPolygon(_polygon((x, y - r), (x + r, y), (x, y + r), (x - r, y)))
    painter.restore()


def _quiet(event: TimelineEvent, ink: QColor, t: Tokens) -> QColor:
    return ink if event.severity is not Health.OK else t.text.quiet


def _polygon(*points: tuple[float, float]) -> QPolygonF:
    return QPolygonF([QPointF(px, py) for px, py in points])

"""A stack of charts on one time axis with one crosshair: event lane on top, readout at the right, times below.

One widget paints it all: what does not follow the pointer is kept as a picture, the crosshair and the readout go over it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QCursor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from mlcontrol.core.types import TimelineEvent
from mlcontrol.gui.charts.readout import bar_at, paint_readings, paint_readout_head
from mlcontrol.gui.charts.row_painter import paint_row
from mlcontrol.gui.charts.row_picture import RowPicture
from mlcontrol.gui.charts.scale import Span
from mlcontrol.gui.charts.spans import SPANS_S, USUAL_S, fitting
from mlcontrol.gui.charts.stack_marks import AXIS_H, LANE_H, paint_axis, paint_crosshair, paint_events
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tips import plain_tip
from mlcontrol.gui.viewmodels.chart_rows import ChartRow
from mlcontrol.gui.viewmodels.phrases import duration_text, version_text, visible_text
from mlcontrol.gui.viewmodels.time_axis import dated_text

LABEL_W, READOUT_W = 148, 236
NEAR_PX = 8
NOTCH = 120.0  # of a wheel, in the units of its events


class ChartStack(QWidget):
    """`[` and `]` zoom, the wheel zooms around the pointer, dragging pans, End follows "now" again, arrows move the crosshair.

    *Signals:* ``span_changed(since_s, until_s)`` in UTC seconds; ``event_picked(event id)``.
    """

    span_changed = Signal(float, float)
    event_picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        now = time.time()
        self.span = Span(now - USUAL_S, now)
        self.follows = True
        self.fits = True
        self.readout = True
        self.log_rows: frozenset[str] = frozenset()
        self._rows: tuple[ChartRow, ...] = ()
        self._events: tuple[TimelineEvent, ...] = ()
        self._cross_s: float | None = None
        self._drag: tuple[float, Span] | None = None
        self._picture: QPixmap | None = None
        self._kept: dict[str, RowPicture] = {}  # by row: what has not changed is not drawn again
        self._places: list[tuple[ChartRow, QRect]] = []
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Charts of the service on one time axis")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def crosshair_s(self) -> float | None:
        return self._cross_s

    def set_rows(self, rows: Sequence[ChartRow], events: Sequence[TimelineEvent]) -> None:
        """Also brings "now" forward while the stack follows it; the axis stands still while the crosshair is on."""
        self._rows = self.with_logs(rows)
        self._events = tuple(events)
        self.setAccessibleDescription("; ".join(f"{row.title}: {self._said(row)}" for row in self._rows))
        self._picture = None
        self.update()

    def with_logs(self, rows: Sequence[ChartRow]) -> tuple[ChartRow, ...]:
        """With powers of ten where a person chose them."""
        return tuple(replace(row, log=True) if row.id in self.log_rows else row for row in rows)

    @property
    def rows(self) -> tuple[ChartRow, ...]:
        """What is drawn."""
        return self._rows

    def row_at_pointer(self) -> str:
        """The id of the row under the pointer; empty if it is elsewhere."""
        at_y = self.mapFromGlobal(QCursor.pos()).y()
        return next(
            (row.id for row, rect in self._places if rect.top() <= at_y <= rect.bottom() and self.underMouse()), ""
        )

    def toggle_log(self) -> bool:
        """Powers of ten on the axis of the row under the pointer, or of every row that has lines. Returns whether they show now."""
        at = self.row_at_pointer()
        under = {at} if at else set()
        chosen = under or {row.id for row in self._rows if row.lines and not row.score}
        self.log_rows = self.log_rows - chosen if chosen <= self.log_rows else self.log_rows | chosen
        self.set_rows([replace(row, log=False) for row in self._rows], self._events)
        return bool(chosen & self.log_rows)

    def fit(self, oldest_s: float | None) -> None:
        """As long as what is known since ``oldest_s``; nothing happens once a person chose a span, or while the crosshair is on."""
        if oldest_s is None or not self.fits or not self.follows or self._cross_s is not None:
            return
        length_s = fitting(self.span.until_s - oldest_s)
        if length_s != self.span.until_s - self.span.since_s:
            self.span = Span(self.span.until_s - length_s, self.span.until_s)
            self._moved()

    def look_at(self, since_s: float, until_s: float) -> None:
        """Show this span and stop following."""
        self.fits = self.follows = False
        self._cross_s = None
        self.span = Span(since_s, until_s)
        self._moved()

    def advance(self, now_s: float) -> None:
        """Whole pixels to the left, unless the person looks at another span or holds the crosshair."""
        if not self.follows or self._cross_s is not None:
            return
        length = self.span.until_s - self.span.since_s
        step = length / max(1, self._plot_width())
        if now_s - self.span.until_s >= step or now_s < self.span.until_s:
            moved = math.floor((now_s - self.span.until_s) / step) * step
            self.span = Span(self.span.since_s + moved, self.span.until_s + moved)
            self._picture = None
            self.update()

    def set_length(self, length_s: float, around_s: float | None = None) -> None:
        """``around_s`` keeps its place on the axis; while following, the right end is "now"."""
        self.fits = False
        length_s = min(SPANS_S[-1], max(SPANS_S[0], length_s))
        old = self.span
        if self.follows or around_s is None:
            self.span = Span(old.until_s - length_s, old.until_s)
        else:
            share = (around_s - old.since_s) / (old.until_s - old.since_s)
            self.span = Span(around_s - share * length_s, around_s + (1 - share) * length_s)
        self._moved()

    def zoom(self, steps: int) -> None:
        """To the next shorter (-1) or longer (+1) round span."""
        length = self.span.until_s - self.span.since_s
        nearest = min(range(len(SPANS_S)), key=lambda i: abs(math.log(SPANS_S[i] / length)))
        self.set_length(SPANS_S[max(0, min(len(SPANS_S) - 1, nearest + steps))], self._cross_s)

    def follow(self) -> None:
        self.follows, self._cross_s = True, None
        length = self.span.until_s - self.span.since_s
        now = time.time()
        self.span = Span(now - length, now)
        self._moved()

    def _moved(self) -> None:
        self._picture = None
        self.update()
        self.span_changed.emit(self.span.since_s, self.span.until_s)

    # Geometry.

    def _plot_width(self) -> int:
        return max(50, self.width() - theme.px(LABEL_W) - (theme.px(READOUT_W) if self.readout else 0))

    def _plot(self, top: int, height: int) -> QRect:
        return QRect(theme.px(LABEL_W), top, self._plot_width(), height)

    def _layout_rows(self) -> list[tuple[ChartRow, QRect]]:
        top, bottom = theme.px(LANE_H), self.height() - theme.px(AXIS_H)
        weights = sum(row.weight for row in self._rows) or 1.0
        places, used = [], 0.0
        for row in self._rows:
            first = top + round(used / weights * (bottom - top))
            used += row.weight
            last = top + round(used / weights * (bottom - top))
            places.append((row, QRect(0, first, self.width(), last - first)))
        return places

    def _time_at(self, x: float) -> float:
        plot = self._plot(0, 1)
        return self.span.since_s + (x - plot.x()) / plot.width() * (self.span.until_s - self.span.since_s)

    # Painting.

    def sizeHint(self) -> QSize:
        return QSize(900, theme.px(LANE_H + AXIS_H) + len(self._rows) * theme.px(56))

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        if self._picture is None:
            self._picture = QPixmap(self.size() * ratio)
            self._picture.setDevicePixelRatio(ratio)
            self._paint_still(self._picture)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        if self._cross_s is not None:
            paint_crosshair(painter, self._plot(0, self.height()), self.span, self._cross_s, time.time())
        if self.readout:
            self._paint_readout(painter)
        painter.end()

    def _paint_still(self, picture: QPixmap) -> None:
        t = tokens()
        picture.fill(t.surface.window)
        painter = QPainter(picture)
        self._places = self._layout_rows()
        label_w = theme.px(LABEL_W)
        self._kept = {row.id: self._kept.get(row.id) or RowPicture() for row in self._rows}
        for row, rect in self._places:
            label, plot = QRect(0, rect.top(), label_w, rect.height()), self._plot(rect.top(), rect.height())
            paint_row(painter, row, self.span, label, plot, self._kept[row.id])
        painter.setPen(t.line.hairline)
        for _row, rect in self._places:
            painter.drawLine(0, rect.top(), label_w + self._plot_width(), rect.top())
        axis_h = theme.px(AXIS_H)
        paint_axis(painter, self._plot(self.height() - axis_h, axis_h), self.span, self.follows)
        paint_events(painter, self._plot(0, theme.px(LANE_H)), self.height() - axis_h, self.span, self._events)
        painter.setPen(t.line.hairline)
        painter.drawLine(label_w - 1, 0, label_w - 1, self.height())
        painter.end()

    def _paint_readout(self, painter: QPainter) -> None:
        t = tokens()
        left = self.width() - theme.px(READOUT_W)
        area = QRect(left, 0, theme.px(READOUT_W), self.height())
        painter.fillRect(area, t.surface.window)
        painter.setPen(t.line.hairline)
        painter.drawLine(left, 0, left, self.height())
        # While it looks back, the values at the right end of what is shown, not those of now.
        at_s = self._cross_s if self._cross_s is not None or self.follows else min(self.span.until_s, time.time())
        moment = at_s if at_s is not None else time.time()
        paint_readout_head(painter, area, theme.px(LANE_H), at_s)
        for row, rect in self._places:
            box = QRect(left + 12, rect.top() + 4, area.width() - 24, rect.height() - 6)
            paint_readings(painter, row, box, moment)

    def _said(self, row: ChartRow) -> str:
        now = time.time()
        said = [f"{line.label} {row.text(v)}" for line in row.lines if math.isfinite(v := row.at(line, now))]
        said += [f"{bar.label} {version_text(bar_at(bar, now)[0])}" for bar in row.bars]
        return ", ".join(said) or row.nothing

    # Pointer and keys.

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._drag is not None:
            start_x, span = self._drag
            shift = (start_x - x) / self._plot_width() * (span.until_s - span.since_s)
            if abs(start_x - x) > 3 or not self.follows:
                self._pan(span, shift)
            return
        plot = self._plot(0, self.height())
        self._cross_s = self._time_at(x) if plot.left() <= x <= plot.right() else None
        self._tell_event(event)
        self.update()

    def _tell_event(self, event: QMouseEvent) -> None:
        found = self._event_near(event.position().x()) if event.position().y() <= theme.px(LANE_H) else None
        if found is not None:
            head = f"{dated_text(found.at_s, time.time())}  {found.title}"
            words = visible_text(f"{head}\n{found.detail}\n{found.source} {found.actor}".strip())
            QToolTip.showText(event.globalPosition().toPoint(), plain_tip(words), self)

    def _event_near(self, x: float) -> TimelineEvent | None:
        plot = self._plot(0, 1)
        near = [(abs(self.span.x(e.at_s, plot) - x), i) for i, e in enumerate(self._events)]
        near = [pair for pair in near if pair[0] <= NEAR_PX]
        return self._events[min(near)[1]] if near else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            found = self._event_near(event.position().x()) if event.position().y() <= theme.px(LANE_H) else None
            if found is not None:
                self.event_picked.emit(found.id)
                return
            self._drag = (event.position().x(), self.span)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """A touch pad sends parts of a notch, and sideways: that pans."""
        length, turned = self.span.until_s - self.span.since_s, event.angleDelta()
        if turned.y():
            self.set_length(length * 0.8 ** (turned.y() / NOTCH), self._time_at(event.position().x()))
        elif turned.x():
            self._pan(self.span, -length / 10 * turned.x() / NOTCH)
        event.accept()

    def _pan(self, start: Span, by_s: float) -> None:
        """To later times as far as now: nothing is known beyond."""
        by_s = min(by_s, max(0.0, time.time() - start.until_s))
        self.follows, self._cross_s = False, None
        self.span = Span(start.since_s + by_s, start.until_s + by_s)
        self._moved()

    def leaveEvent(self, event: QEvent) -> None:
        self._cross_s = None
        self.update()
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, length = event.key(), self.span.until_s - self.span.since_s
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = length / 60 * (1 if key == Qt.Key.Key_Right else -1)
            here = self._cross_s if self._cross_s is not None else self.span.until_s
            self._cross_s = min(self.span.until_s, max(self.span.since_s, here + step))
            self.update()
        elif key == Qt.Key.Key_Escape and self._cross_s is not None:
            self._cross_s = None
            self.update()
        elif key == Qt.Key.Key_End:
            self.follow()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._picture = None
        super().resizeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._picture = None
        super().changeEvent(event)


def span_words(span: Span) -> str:
    return duration_text(round(span.until_s - span.since_s))

"""Traffic as it was and as it is expected, with its band, up to its capacity."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.capacity import Forecast
from mlcontrol.gui.charts.row_picture import ABOVE, BELOW, RowPicture
from mlcontrol.gui.charts.scale import Span
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.capacity_words import capacity_row
from mlcontrol.gui.viewmodels.phrases import rate_text
from mlcontrol.gui.viewmodels.time_axis import ticks


class ForecastChart(QWidget):
    """*Thread:* GUI."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: Forecast | None = None
        self._picture = RowPicture()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Traffic forecast")

    def put(self, found: Forecast | None, words: str = "") -> None:
        self._found = found if found is not None and found.past_at_s else None
        self._picture = RowPicture()
        self.setAccessibleDescription(words)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, theme.px(150))

    def paintEvent(self, event: QPaintEvent) -> None:
        found, t = self._found, tokens()
        painter = QPainter(self)
        painter.setFont(theme.font("caption"))
        if found is None:
            painter.setPen(t.text.quiet)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "? Too little history to draw a forecast.")
            painter.end()
            return
        labels, foot = theme.px(58), theme.px(16)
        plot = QRect(labels, 2, self.width() - labels - theme.px(8), self.height() - foot - 4)
        now_s = found.past_at_s[-1] + found.bucket_s / 2
        span = Span(found.past_at_s[0], found.at_s[-1])
        self._picture.paint(painter, capacity_row(found), span, plot)
        inner = plot.adjusted(0, ABOVE, 0, -BELOW)
        self._paint_now(painter, round(span.x(now_s, plot)), plot)
        if found.reached_s is not None:
            self._paint_reached(painter, found, span, inner)
        painter.setFont(theme.font("caption"))
        painter.setPen(t.text.quiet)
        for value in self._picture.scale.ends:
            y = round(self._picture.scale.y(value, inner))
            box = QRect(0, y - theme.px(8), labels - theme.px(6), theme.px(16))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), rate_text(value))
        for at_s, words in ticks(span.since_s, span.until_s, max(2, plot.width() // theme.px(90))):
            x = round(span.x(at_s, plot))
            wide = painter.fontMetrics().horizontalAdvance(words)
            if plot.left() + wide // 2 < x < plot.right() - wide // 2:
                painter.drawText(
                    QRect(x - wide, plot.bottom() + 2, 2 * wide, foot), Qt.AlignmentFlag.AlignCenter, words
                )
        painter.end()

    def _paint_now(self, painter: QPainter, x: int, plot: QRect) -> None:
        t = tokens()
        painter.setPen(QPen(t.line.grid, 1))
        painter.drawLine(x, plot.top(), x, plot.bottom())
        painter.setPen(t.text.quiet)
        painter.drawText(x + 4, plot.top() + theme.px(12), "now")

    def _paint_reached(self, painter: QPainter, found: Forecast, span: Span, plot: QRect) -> None:
        """A mark on the capacity where it is reached, and a bar over the moments between which it may be."""
        t, level = tokens(), found.capacity.per_s or 0.0
        y = round(self._picture.scale.y(level, plot))
        left = span.x(found.earliest_s or found.at_s[0], plot)
        right = span.x(found.latest_s or span.until_s, plot)
        pen = QPen(t.state.warning, 3)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        painter.drawLine(round(left), y, round(right), y)
        x = round(span.x(found.reached_s or 0.0, plot))
        painter.setPen(QPen(t.state.warning, 1))
        painter.drawLine(x, y, x, plot.bottom())

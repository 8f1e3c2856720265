"""Control charts side by side: what is plotted, its limits, where it is out of them, and what the limits promise."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.control_chart import ControlChart
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tokens import Tokens
from mlcontrol.gui.viewmodels.control_words import promise, reading

GAP_BUCKETS = 2.5


class ControlCharts(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._charts: tuple[ControlChart, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Control charts")

    def put(self, charts: Sequence[ControlChart]) -> None:
        self._charts = tuple(charts)
        self.setAccessibleDescription("; ".join(f"{c.name}: {promise(c)}" for c in self._charts))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, theme.px(150))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._charts:
            painter.setFont(theme.font("small"))
            painter.setPen(t.text.quiet)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "? No series of this service is recorded yet.")
        gap = theme.px(20)
        wide = (self.width() - gap * max(0, len(self._charts) - 1)) / max(1, len(self._charts))
        for i, chart in enumerate(self._charts):
            self._paint(painter, t, chart, QRectF(i * (wide + gap), 0, wide, self.height()))
        painter.end()

    def _paint(self, painter: QPainter, t: Tokens, chart: ControlChart, box: QRectF) -> None:
        line = theme.px(15)
        painter.setFont(theme.font("small"))
        painter.setPen(t.state.critical if chart.signals else t.text.primary)
        head = chart.name if not chart.signals else f"{chart.name}: {chart.signals} x out of limits"
        painter.drawText(QRectF(box.left(), box.top(), box.width(), line), Qt.AlignmentFlag.AlignLeft, head)
        painter.setFont(theme.font("caption"))
        painter.setPen(t.text.quiet)
        foot = QRectF(box.left(), box.bottom() - line, box.width(), line)
        words = painter.fontMetrics().elidedText(promise(chart), Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, words)
        plot = box.adjusted(0, line + 4, -theme.px(46), -line - 6)
        ends = [*chart.value, *chart.low, *chart.high]
        if plot.height() < 16 or len(chart.value) < 2:
            return
        low, high = min(ends), max(ends)
        pad = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
        low, high = low - pad, high + pad
        first, last = chart.at_s[0], max(chart.at_s[-1], chart.at_s[0] + 1)

        def at(i: int, value: float) -> QPointF:
            x = plot.left() + (chart.at_s[i] - first) / (last - first) * plot.width()
            return QPointF(x, plot.bottom() - (value - low) / (high - low) * plot.height())

        if chart.low:
            painter.setPen(QPen(t.text.secondary, 1, Qt.PenStyle.DashLine))
            for limits in (chart.low, chart.high):
                painter.drawPolyline(QPolygonF([at(i, v) for i, v in enumerate(limits)]))
            painter.setPen(t.line.grid)
            painter.drawLine(at(0, chart.centre), at(len(chart.value) - 1, chart.centre))
            painter.setPen(t.text.quiet)
            for value in (chart.high[-1], chart.low[-1]):
                spot = at(len(chart.value) - 1, value)
                painter.drawText(QPointF(spot.x() + 4, spot.y() + 4), reading(chart, value))
        painter.setPen(QPen(t.version.v1, 1.2))
        run: list[QPointF] = []
        for i, value in enumerate(chart.value):
            if run and chart.at_s[i] - chart.at_s[i - 1] > GAP_BUCKETS * chart.bucket_s:
                painter.drawPolyline(QPolygonF(run))
                run = []
            run.append(at(i, value))
        painter.drawPolyline(QPolygonF(run))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.state.critical)
        for i, out in enumerate(chart.out):
            if out:
                painter.drawEllipse(at(i, chart.value[i]), 2.2, 2.2)
        painter.setBrush(Qt.BrushStyle.NoBrush)

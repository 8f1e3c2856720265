"""A series of numbers as one line."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.viewmodels.phrases import metric_text


class SeriesBlock(QWidget):
    """One line, its extremes written at their height, its ends at their places: the first and last number, or 0 and ``length``
    in ``unit``."""

    def __init__(self, unit: str = "", length: float = 0.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unit, self._length = unit, length
        self._values: tuple[float, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_values(self, values: tuple[float, ...], name: str) -> None:
        self._values = values
        low, high = min(values), max(values)
        self.setAccessibleName(
            f"{name}, {len(values)} values from {metric_text(low)} to {metric_text(high)}, last {metric_text(values[-1])}"
        )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(420), theme.px(150))

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._values:
            return
        t = tokens()
        painter = QPainter(self)
        painter.setFont(theme.font("caption", mono=True))
        low, high = min(self._values), max(self._values)
        labels = theme.px(64)
        plot = QRect(labels, theme.px(8), self.width() - labels - theme.px(4), self.height() - theme.px(30))
        painter.fillRect(plot, t.surface.plot)
        painter.setPen(t.text.quiet)
        for value, y in ((high, plot.top()), (low, plot.bottom())):
            painter.setPen(t.line.grid)
            painter.drawLine(plot.left(), y, plot.right(), y)
            painter.setPen(t.text.quiet)
            painter.drawText(QRect(0, y - theme.px(8), labels - theme.px(8), theme.px(16)), _RIGHT, metric_text(value))
        foot = QRect(plot.left(), plot.bottom() + theme.px(4), plot.width(), theme.px(16))
        first, last = ("0", f"{self._length:.2f} {self._unit}") if self._unit else ("1", str(len(self._values)))
        painter.drawText(foot, _LEFT, first)
        painter.drawText(foot, _RIGHT, last)
        span, steps = (high - low) or 1.0, max(1, len(self._values) - 1)
        line = QPolygonF(
            [
                QPointF(plot.left() + plot.width() * i / steps, plot.bottom() - plot.height() * (v - low) / span)
                for i, v in enumerate(self._values)
            ]
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(t.accent.accent, 1.5))
        painter.drawPolyline(line)
        painter.end()


_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
_RIGHT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)

"""Train, validation, test and production quality over the generations of a model."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tokens import Tokens
from mlcontrol.gui.viewmodels.generations import KINDS, Generations
from mlcontrol.gui.viewmodels.phrases import metric_text, version_text

_DASHES: dict[str, list[float] | None] = {"train": [1, 3], "validation": [5, 2], "test": None, "production": None}


class GenerationsChart(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what: Generations | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Quality by version")

    def show_generations(self, what: Generations | None) -> None:
        if what != self._what:
            self._what = what
            if what is not None:
                self.setAccessibleDescription(what.verdict)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, theme.px(170))

    def paintEvent(self, event: QPaintEvent) -> None:
        t, what = tokens(), self._what
        painter = QPainter(self)
        painter.setFont(theme.font("small"))
        painter.setPen(t.text.quiet)
        if what is None:
            painter.drawText(
                self.rect(), Qt.AlignmentFlag.AlignCenter, "? No version carries train, validation or test metrics."
            )
            painter.end()
            return
        plot = self.rect().adjusted(theme.px(52), 10, -24, -theme.px(22))
        known = [s for kind in KINDS for s in what.scores.get(kind, ()) if s is not None]
        if known and plot.height() > 20:
            low, high = min(known), max(known)
            pad = max((high - low) * 0.12, abs(high) * 0.002, 1e-6)
            self._paint(painter, t, what, plot, low - pad, high + pad)
        painter.end()

    def _paint(self, painter: QPainter, t: Tokens, what: Generations, plot: QRect, low: float, high: float) -> None:
        count = len(what.versions)
        step = plot.width() / max(1, count)
        xs = [plot.left() + step * (i + 0.5) for i in range(count)]

        def y(value: float) -> float:
            return plot.bottom() - (value - low) / (high - low) * plot.height()

        painter.setPen(t.line.grid)
        for value in (low, (low + high) / 2, high):
            painter.drawLine(plot.left(), round(y(value)), plot.right(), round(y(value)))
        painter.setFont(theme.font("caption"))
        painter.setPen(t.text.quiet)
        for value in (low, high):
            box = QRectF(0, y(value) - 8, plot.left() - 6, 16)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), metric_text(value))
        if what.tone == "warning" and xs:
            painter.fillRect(
                QRectF(xs[-1] - step * 0.4, plot.top() - 6, step * 0.8, plot.height() + 10), t.wash.warning
            )
        for x, version in zip(xs, what.versions, strict=True):
            here = version == what.current
            painter.setFont(theme.font("caption", mono=True))
            painter.setPen(t.text.primary if here else t.text.quiet)
            painter.drawText(
                QRectF(x - step / 2, plot.bottom() + 4, step, 16), Qt.AlignmentFlag.AlignCenter, version_text(version)
            )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for kind in KINDS:
            self._paint_kind(
                painter, t, kind, [(x, y(s)) for x, s in zip(xs, what.scores[kind], strict=True) if s is not None]
            )

    def _paint_kind(self, painter: QPainter, t: Tokens, kind: str, points: list[tuple[float, float]]) -> None:
        colour: QColor = {"test": t.version.v2, "production": t.text.primary}.get(kind, t.text.secondary)
        pen = QPen(colour, 1)
        dashes = _DASHES[kind]
        if dashes is not None:
            pen.setDashPattern(dashes)
        painter.setPen(pen)
        corners = [QPointF(x, y) for x, y in points]
        if len(corners) > 1:
            painter.drawPolyline(corners)
        painter.setPen(QPen(colour, 1.2))
        painter.setBrush(colour if kind in ("test", "production") else Qt.BrushStyle.NoBrush)
        for corner in corners:
            paint_kind_mark(painter, kind, corner)


def paint_kind_mark(painter: QPainter, kind: str, at: QPointF) -> None:
    """Square, diamond, dot, bar: the kinds differ by shape before colour."""
    if kind == "train":
        painter.drawRect(QRectF(at.x() - 3, at.y() - 3, 6, 6))
    elif kind == "validation":
        painter.drawPolygon(
            [
                QPointF(at.x(), at.y() - 4),
                QPointF(at.x() + 4, at.y()),
                QPointF(at.x(), at.y() + 4),
                QPointF(at.x() - 4, at.y()),
            ]
        )
    elif kind == "test":
        painter.drawEllipse(at, 3, 3)
    else:
        painter.drawRect(QRectF(at.x() - 5, at.y() - 1, 10, 2))


class KindLegend(QWidget):
    """Names the four marks of the chart beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(theme.px(20))
        self.setAccessibleName("Marks: " + ", ".join(KINDS))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setFont(theme.font("caption"))
        x = 0.0
        for kind in KINDS:
            colour: QColor = {"test": t.version.v2, "production": t.text.primary}.get(kind, t.text.secondary)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(colour, 1.2))
            painter.setBrush(colour if kind in ("test", "production") else Qt.BrushStyle.NoBrush)
            paint_kind_mark(painter, kind, QPointF(x + 6, self.height() / 2))
            painter.setPen(t.text.secondary)
            wide = painter.fontMetrics().horizontalAdvance(kind)
            painter.drawText(QRectF(x + 15, 0, wide + 4, self.height()), int(Qt.AlignmentFlag.AlignVCenter), kind)
            x += 15 + wide + 14
        painter.end()

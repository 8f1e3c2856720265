"""State glyphs as painted paths (never font characters): state is shape before it is colour."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPixmap, QPolygonF

from mlcontrol.gui.cached_pixmap import cached_pixmap, clear_pixmap
from mlcontrol.gui.theme import tokens

# Beside the health values and "stale": how a step or a check stands.
RUNNING = "running"
WAITING = "waiting"
DONE = "done"

_BOX = 12.0


def glyph_colour(state: str) -> QColor:
    t = tokens()
    if state == RUNNING:
        return t.accent.accent
    if state == WAITING:
        return t.text.quiet
    return t.state.ok if state == DONE else t.state.of(state)


def paint_glyph(painter: QPainter, rect: QRect | QRectF, state: str) -> None:
    """``state``: a health value, "stale", "running", "waiting" or "done". The box is square and centred in ``rect``."""
    side = int(min(rect.width(), rect.height()))

    def paint(inner: QPainter) -> None:
        inner.scale(side / _BOX, side / _BOX)
        _draw(inner, state, glyph_colour(state), tokens().text.on_state)

    ratio = painter.device().devicePixelRatioF()
    pixmap = cached_pixmap(f"glyph-{state}-{tokens().name}", side, side, ratio, paint)
    painter.drawPixmap(
        round(rect.x() + (rect.width() - side) / 2), round(rect.y() + (rect.height() - side) / 2), pixmap
    )


def glyph_pixmap(state: str, side: int, ratio: float = 1.0) -> QPixmap:
    pixmap = clear_pixmap(side, side, ratio)
    painter = QPainter(pixmap)
    paint_glyph(painter, QRect(0, 0, side, side), state)
    painter.end()
    return pixmap


def _draw(p: QPainter, state: str, colour: QColor, on: QColor) -> None:
    p.setPen(Qt.PenStyle.NoPen)
    p.setBrush(QBrush(colour))
    if state == "ok":
        p.drawEllipse(QPointF(6, 6), 3.5, 3.5)
    elif state == "warning":
        p.drawPolygon(QPolygonF([QPointF(6, 0.8), QPointF(11.5, 10.8), QPointF(0.5, 10.8)]))
        p.setBrush(QBrush(on))
        p.drawRect(QRectF(5.4, 4.2, 1.2, 3.4))
        p.drawRect(QRectF(5.4, 8.4, 1.2, 1.2))
    elif state == "critical":
        near, far = 3.6, 8.4
        p.drawPolygon(QPolygonF([
            QPointF(near, 0.5), QPointF(far, 0.5), QPointF(11.5, near), QPointF(11.5, far),
            QPointF(far, 11.5), QPointF(near, 11.5), QPointF(0.5, far), QPointF(0.5, near),
        ]))  # fmt: skip
        p.setPen(QPen(on, 1.4))
        p.drawLine(QPointF(4, 4), QPointF(8, 8))
        p.drawLine(QPointF(8, 4), QPointF(4, 8))
    elif state == DONE:
        p.setPen(QPen(colour, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawPolyline(QPolygonF([QPointF(2, 6.5), QPointF(4.8, 9.2), QPointF(10, 3)]))
    else:
        _draw_ring(p, state, colour)


def _draw_ring(p: QPainter, state: str, colour: QColor) -> None:
    p.setBrush(Qt.BrushStyle.NoBrush)
    ring = QRectF(1, 1, 10, 10)
    pen = QPen(colour, 1.2)
    if state == RUNNING:
        p.setPen(QPen(colour, 1.8))
        p.drawArc(ring, 90 * 16, -270 * 16)
        return
    if state == "unknown":
        pen.setDashPattern([1.8, 1.4])
        p.setPen(pen)
        p.drawEllipse(ring)
        p.setPen(QPen(colour, 1.1, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        p.drawArc(QRectF(4.4, 3.0, 3.2, 3.0), -60 * 16, 240 * 16)
        p.drawLine(QPointF(6.1, 6.0), QPointF(6.0, 7.0))
        p.drawPoint(QPointF(6, 8.8))
        return
    p.setPen(pen)
    p.drawEllipse(ring)
    if state == "stale":
        p.drawLine(QPointF(6, 6), QPointF(6, 3.2))
        p.drawLine(QPointF(6, 6), QPointF(8.2, 7))

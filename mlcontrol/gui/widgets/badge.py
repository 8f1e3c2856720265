"""A state in words: glyph and text on the wash of the state. The painter serves delegates, the widget the headers."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.glyphs import glyph_colour, paint_glyph
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tips import plain_tip
from mlcontrol.gui.tokens import STALE
from mlcontrol.gui.widgets.cached_text import paint_text

WASHED = ("warning", "critical", "unknown")


def paint_badge(painter: QPainter, rect: QRect, state: str, text: str, *, calm: bool = False) -> None:
    """``calm``: an ok or stale state gets no wash (cells); as a header badge every state has one."""
    t = tokens()
    if state in WASHED or (not calm and state in ("ok", STALE)):
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.wash.of(state))
        painter.drawRoundedRect(QRectF(rect), 3, 3)
        painter.restore()
    side = theme.px(12)
    paint_glyph(painter, QRect(rect.x() + 6, rect.y() + (rect.height() - side) // 2, side, side), state)
    loud = state in WASHED
    painter.setPen(glyph_colour(state) if loud or not calm else t.text.secondary)
    paint_text(painter, rect.adjusted(6 + side + 6, 0, -4, 0), text)


class Badge(QWidget):
    """Glyph + words. ``state``: a health value, "stale", "running", "waiting" or "done"."""

    def __init__(self, state: str = "unknown", text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._text = state, text
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{text} ({state})")

    def set(self, state: str, text: str, detail: str = "") -> None:
        self.setToolTip(plain_tip(detail))
        if (state, text) != (self._state, self._text):
            self._state, self._text = state, text
            self.setAccessibleName(f"{text} ({state})")
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font("body"))
        return QSize(metrics.horizontalAdvance(self._text) + theme.px(12) + 20, theme.px(20))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(48), theme.px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._state in ("running", "waiting", "done"):
            paint_badge(painter, self.rect(), self._state, self._text, calm=True)
        else:
            paint_badge(painter, self.rect(), self._state, self._text)
        painter.end()

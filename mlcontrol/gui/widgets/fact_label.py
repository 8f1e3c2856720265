"""A fact in a bar: a glyph and quiet words, louder where something is wrong."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.glyphs import glyph_colour, paint_glyph
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.tips import plain_tip
from mlcontrol.gui.viewmodels.status_facts import StatusFact


class FactLabel(QWidget):
    """Glyph and quiet words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fact = StatusFact("", "")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set(self, fact: StatusFact) -> None:
        if fact != self._fact:
            self._fact = fact
            self.setToolTip(plain_tip(fact.detail or fact.text))
            self.setAccessibleName(f"{fact.text} ({fact.state})" if fact.state else fact.text)
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        glyph = theme.px(12) + 4 if self._fact.state else 0
        return QSize(QFontMetrics(theme.font("small")).horizontalAdvance(self._fact.text) + glyph + 2, theme.px(20))

    def minimumSizeHint(self) -> QSize:
        return QSize(20, theme.px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        left = 0
        if self._fact.state:
            side = theme.px(12)
            paint_glyph(painter, QRect(0, (self.height() - side) // 2, side, side), self._fact.state)
            left = side + 4
        painter.setFont(theme.font("small"))
        loud = self._fact.state in ("critical", "warning", "unknown")
        painter.setPen(glyph_colour(self._fact.state) if loud else t.text.secondary)
        metrics = QFontMetrics(painter.font())
        shown = metrics.elidedText(self._fact.text, Qt.TextElideMode.ElideMiddle, self.width() - left)
        painter.drawText(self.rect().adjusted(left, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), shown)
        painter.end()

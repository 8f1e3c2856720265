"""The only label class: plain text whatever a server sends, a type role, a tone, and elision in the middle."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from mlcontrol.core.visible import visible
from mlcontrol.gui.theme import theme
from mlcontrol.gui.tips import plain_tip


class PlainLabel(QLabel):
    """``role``: "caption", "small", "body", "strong", "title", "sentence", "answer", "clock". ``tone``: "primary", "secondary",
    "quiet", "accent", "production" or a state. ``elide``: one line, cut in the middle, the whole text in the tool tip."""

    def __init__(
        self,
        text: str = "",
        role: str = "body",
        tone: str = "primary",
        *,
        mono: bool = False,
        wrap: bool = False,
        elide: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._role, self._mono, self._elide = role, mono, elide
        self.setWordWrap(wrap)
        if elide:
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setProperty("tone", tone)
        self.setFont(theme.font(role, mono))
        self.setText(text)

    def set_tone(self, tone: str) -> None:
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            self.style().unpolish(self)
            self.style().polish(self)

    def setText(self, text: str) -> None:
        """Characters that would turn a line round or hide in it are shown as escapes."""
        text = text if text.isprintable() else visible(text)
        if text == self.text():
            return
        super().setText(text)
        if self._elide:
            self.setToolTip(plain_tip(text))
            self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(24, hint.height()) if self._elide else hint

    def changeEvent(self, event: QEvent) -> None:
        # Palette and style sheet are replaced together with the type scale.
        if event.type() in (QEvent.Type.ApplicationFontChange, QEvent.Type.StyleChange):
            font = theme.font(self._role, self._mono)
            if font != self.font():
                self.setFont(font)
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._elide:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        rect = self.contentsRect()
        shown = QFontMetrics(self.font()).elidedText(self.text(), Qt.TextElideMode.ElideMiddle, rect.width())
        painter.drawText(rect, int(self.alignment()) | int(Qt.TextFlag.TextSingleLine), shown)
        painter.end()

"""A panel over the window: the palette and the key sheet. Esc, or a click elsewhere, closes it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from mlcontrol.gui.theme import theme, tokens


class Overlay(QWidget):
    """Covers its window and holds one panel, ``panel``, in the upper middle. Lives until it is closed."""

    def __init__(self, window: QWidget, width: int) -> None:
        super().__init__(window)
        self._window = window
        self._before = window.focusWidget()
        self._width = width
        self.panel = QFrame(self)
        self.panel.setProperty("surface", "card")
        self.body = QVBoxLayout(self.panel)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        window.installEventFilter(self)
        self.setGeometry(window.rect())

    def open(self) -> None:
        self.show()
        self.raise_()
        self._place()

    def close_panel(self) -> None:
        self.hide()
        if self._before is not None:
            self._before.setFocus()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._window:
            self.setGeometry(self._window.rect())
            self._place()
        return False

    def _place(self) -> None:
        width = min(theme.px(self._width), self.width() - 32)
        height = min(self.panel.sizeHint().height(), self.height() - theme.px(44) - 48)
        self.panel.setGeometry(QRect((self.width() - width) // 2, theme.px(56), width, height))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # the page under it must not act
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.panel.geometry().contains(event.position().toPoint()):
            self.close_panel()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        veil = QColor(tokens().surface.window)
        veil.setAlphaF(0.55)
        painter.fillRect(self.rect(), veil)
        painter.end()

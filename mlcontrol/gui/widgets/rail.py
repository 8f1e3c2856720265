"""The rail of pages at the left: icon, name and keys; the current one carries the selection bar."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QVBoxLayout, QWidget

from mlcontrol.gui.actions import KEY_SHEET, PAGES
from mlcontrol.gui.icons import icon_pixmap
from mlcontrol.gui.theme import paint_focus_ring, theme, tokens
from mlcontrol.gui.widgets.button import paint_key_cap

WIDTH = 152


class RailItem(QAbstractButton):
    """``note``: what is going on there ("1 live"); it takes the place of the keys."""

    def __init__(self, name: str, text: str, keys: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self._keys, self._note = name, keys, ""
        self.setText(text)
        self.setCheckable(True)
        self.setAccessibleName(text)
        self.setToolTip(f"{text}: press {keys.replace(' ', ' then ')}")

    def set_note(self, note: str) -> None:
        if note != self._note:
            self._note = note
            self.setAccessibleName(f"{self.text()}, {note}" if note else self.text())
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(WIDTH), theme.px(32))

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        here = self.isChecked()
        if here:
            painter.fillRect(self.rect(), t.surface.selection)
            painter.fillRect(QRect(0, 0, 2, self.height()), t.accent.accent)
        elif self.underMouse():
            painter.fillRect(self.rect(), t.surface.raised)
        side = theme.px(14)
        colour = t.text.primary if here else t.text.secondary
        painter.drawPixmap(
            11, (self.height() - side) // 2, icon_pixmap(self.name, colour, side, self.devicePixelRatioF())
        )
        painter.setPen(colour)
        painter.setFont(theme.font("body"))
        left = 11 + side + 9
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(self.rect().adjusted(left, 0, 0, 0), middle, self.text())
        painter.setFont(theme.font("caption"))
        words = self._note or self._keys
        used = left + QFontMetrics(theme.font("body")).horizontalAdvance(self.text()) + 6
        if used + QFontMetrics(painter.font()).horizontalAdvance(words) < self.width() - 8:
            painter.setPen(t.text.primary if self._note else t.text.quiet)
            painter.drawText(self.rect().adjusted(0, 0, -10, 0), middle | int(Qt.AlignmentFlag.AlignRight), words)
        if self.hasFocus():
            paint_focus_ring(painter, self.rect())
        painter.end()


class _Brand(QWidget):
    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        side = theme.px(16)
        painter.drawPixmap(
            11, (self.height() - side) // 2, icon_pixmap("logo", t.accent.accent, side, self.devicePixelRatioF())
        )
        painter.setFont(theme.font("strong"))
        painter.setPen(t.text.primary)
        painter.drawText(self.rect().adjusted(11 + side + 8, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), "mlcontrol")
        painter.end()


class _KeysHint(QAbstractButton):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText("keys on this page")
        self.setAccessibleName(KEY_SHEET.text)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(WIDTH), theme.px(32))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        paint_key_cap(painter, 11 + theme.px(16), self.height() // 2, "?", t.text.quiet)
        painter.setFont(theme.font("caption"))
        painter.setPen(t.text.primary if self.underMouse() else t.text.quiet)
        painter.drawText(
            self.rect().adjusted(11 + theme.px(16) + 8, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self.text()
        )
        if self.hasFocus():
            paint_focus_ring(painter, self.rect())
        painter.end()


class Rail(QFrame):
    """*Signals:* ``chosen(page name)``; ``keys_asked()``."""

    chosen = Signal(str)
    keys_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("rule", "right")
        self.setFixedWidth(theme.px(WIDTH))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 1, 4)
        column.setSpacing(0)
        brand = _Brand()
        brand.setFixedHeight(theme.px(44))
        column.addWidget(brand)
        self._items: dict[str, RailItem] = {}
        self._group = QButtonGroup(self)
        for name, text, key in PAGES:
            item = RailItem(name, text, f"G {key}")
            item.clicked.connect(lambda _checked=False, name=name: self.chosen.emit(name))
            self._group.addButton(item)
            self._items[name] = item
            column.addWidget(item)
        column.addStretch(1)
        hint = _KeysHint()
        hint.clicked.connect(self.keys_asked)
        column.addWidget(hint)

    def set_current(self, name: str) -> None:
        if name in self._items:
            self._items[name].setChecked(True)

    def set_note(self, name: str, note: str) -> None:
        self._items[name].set_note(note)

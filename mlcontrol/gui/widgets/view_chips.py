"""One of several views of the same place: words in a row, the shown one marked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from mlcontrol.gui.theme import paint_focus_ring, theme, tokens


class _Chip(QPushButton):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(theme.font("strong")).horizontalAdvance(self.text()) + theme.px(8), theme.px(26))

    def paintEvent(self, event: QPaintEvent) -> None:
        t, chosen = tokens(), self.isChecked()
        painter = QPainter(self)
        painter.setFont(theme.font("strong" if chosen else "body"))
        painter.setPen(t.text.primary if chosen else t.text.secondary)
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self.text())
        if chosen:
            painter.fillRect(theme.px(4), self.height() - 2, self.width() - theme.px(8), 2, t.accent.accent)
        if self.hasFocus():
            paint_focus_ring(painter, self.rect())
        painter.end()


class ViewChips(QWidget):
    """*Signals:* ``chosen(index)``, by a person or by `choose`."""

    chosen = Signal(int)

    def __init__(self, names: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        self._group = QButtonGroup(self)
        for i, name in enumerate(names):
            chip = _Chip(name)
            chip.setAccessibleName(f"Show {name}")
            self._group.addButton(chip, i)
            row.addWidget(chip)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._group.button(0).setChecked(True)
        self._group.idToggled.connect(lambda i, on: self.chosen.emit(i) if on else None)

    @property
    def current(self) -> int:
        return self._group.checkedId()

    def choose(self, index: int) -> None:
        self._group.button(index).setChecked(True)

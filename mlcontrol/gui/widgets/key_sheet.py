"""What every key does on this page, and why some cannot act now."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from mlcontrol.gui.actions import Bound, Context
from mlcontrol.gui.theme import theme, tokens
from mlcontrol.gui.widgets.button import cap_width, paint_key_cap
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.overlay import Overlay
from mlcontrol.gui.widgets.scrolled import scrolled


class _Caps(QWidget):
    def __init__(self, cap: str) -> None:
        super().__init__()
        self._keys = cap.split(" ")
        self.setFixedSize(sum(cap_width(key) + 3 for key in self._keys), theme.px(20))
        self.setAccessibleName(cap)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        right = self.width() - 1
        for key in reversed(self._keys):
            right = paint_key_cap(painter, right, self.height() // 2, key, tokens().text.secondary) - 3
        painter.end()


class KeySheet(Overlay):
    def __init__(
        self, window: QWidget, title: str, here: Iterable[Bound], everywhere: Iterable[Bound], context: Context
    ) -> None:
        super().__init__(window, 720)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Keys on this page")
        self.body.setContentsMargins(20, 16, 8, 16)
        content = QWidget()
        content.setProperty("surface", "panel")
        content.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        grid = QGridLayout(content)
        grid.setContentsMargins(0, 0, 12, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(2, 1)
        row = 0
        for heading, bounds in ((title, here), ("Everywhere", everywhere)):
            keyed = [b.action for b in bounds if b.action.keys]
            if not keyed:
                continue
            grid.addWidget(PlainLabel(heading, "title"), row, 0, 1, 3)
            row += 1
            for action in keyed:
                reason = action.rule(context)
                grid.addWidget(_Caps(action.cap), row, 0, Qt.AlignmentFlag.AlignRight)
                grid.addWidget(PlainLabel(action.text, tone="quiet" if reason else "primary"), row, 1)
                grid.addWidget(PlainLabel(f"not now: {reason}" if reason else action.help, "small", "quiet"), row, 2)
                row += 1
            grid.setRowMinimumHeight(row, 10)
            row += 1
        area = scrolled(content)
        area.setMinimumHeight(content.sizeHint().height() + 4)
        self.body.addWidget(area)
        area.setMinimumHeight(0)
        self._content_height = content.sizeHint().height()

    def open(self) -> None:
        self.panel.setMinimumHeight(min(self._content_height + 44, self.height() - theme.px(44) - 48))
        super().open()
        self.setFocus()

"""Words for others, ready to send: the status channel, colleagues, callers, the next on call, the commands by hand."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.incident_words import texts
from mlcontrol.gui.viewmodels.phrases import visible_text
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.overlay import Overlay
from mlcontrol.gui.widgets.row_list import Row, RowList
from mlcontrol.gui.widgets.scrolled import scrolled


class TextsSheet(Overlay):
    """Up and Down choose, Enter or the number copies, Esc leaves. *Signals:* ``copied(name, text)``."""

    copied = Signal(str, str)

    def __init__(self, window: QWidget, brief: Brief) -> None:
        super().__init__(window, 860)
        self.texts = texts(brief)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Words for others")
        self.body.setContentsMargins(16, 12, 16, 12)
        self.body.addWidget(PlainLabel("Words for others", "title"))
        self.body.addWidget(PlainLabel("a number or Enter copies; nothing is sent from here", "small", "quiet"))
        self.body.addSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(12)
        self.names = RowList("Which words")
        self.names.setFixedWidth(theme.px(220))
        self.names.set_rows([Row(str(i), name, code=str(i + 1)) for i, (name, _text) in enumerate(self.texts)], "0")
        self.names.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.names.moved.connect(self._show)
        self.names.chosen.connect(self._copy)
        self.preview = PlainLabel("", "body", "primary", wrap=True)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.preview.setContentsMargins(4, 4, 12, 4)
        area = scrolled(self.preview)
        area.setMinimumHeight(theme.px(420))
        row.addWidget(self.names)
        row.addWidget(area, 1)
        self.body.addLayout(row, 1)
        self._show("0")

    def open(self) -> None:
        super().open()
        self.setFocus()

    def _show(self, row: str) -> None:
        text = self.texts[int(row or 0)][1]
        self.preview.setText(
            "\n".join(visible_text(line, 400) for line in text.splitlines()) or "There is nothing to say."
        )

    def _copy(self, row: str) -> None:
        name, text = self.texts[int(row or 0)]
        self.close_panel()
        self.copied.emit(name, text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, at = event.key(), self.names.currentIndex().row()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            to = (at + (1 if key == Qt.Key.Key_Down else -1)) % len(self.texts)
            self.names.setCurrentIndex(self.names.model().index(to, 0))
            return
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._copy(str(at))
            return
        number = key - Qt.Key.Key_1
        if 0 <= number < len(self.texts):
            self._copy(str(number))
            return
        super().keyPressEvent(event)

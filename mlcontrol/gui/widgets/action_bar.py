"""The bar under a view: what is selected, the sentence about it, then what can be done. Its height never changes."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.label import PlainLabel


class ActionBar(QFrame):
    """The way back goes in last: it stands at the right end on every page."""

    def __init__(self, buttons: tuple[KeyButton, ...] = (), parent: QWidget | None = None, *, height: int = 44) -> None:
        super().__init__(parent)
        self.setProperty("surface", "raised")
        self.setFixedHeight(theme.px(height))
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(8)
        self._subject = PlainLabel("", "strong")
        self._sentence = PlainLabel("", tone="secondary", elide=True)
        self._subject.setContentsMargins(0, 0, 12, 0)
        self._subject.hide()
        row.addWidget(self._subject)
        row.addWidget(self._sentence, 1)
        for button in buttons:
            row.addWidget(button)

    def say(self, subject: str, sentence: str, tone: str = "secondary") -> None:
        self._subject.setText(subject)
        self._subject.setVisible(bool(subject))
        self._sentence.setText(sentence)
        self._sentence.set_tone(tone)

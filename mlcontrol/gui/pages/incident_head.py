"""The head of the incident page: three sentences, and how long it has hurt."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mlcontrol.gui.glyphs import glyph_pixmap
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.incident_words import Head
from mlcontrol.gui.widgets.label import PlainLabel


class IncidentHead(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 16, 8)
        row.setSpacing(12)
        self._glyph = QLabel()
        self._glyph.setTextFormat(Qt.TextFormat.PlainText)
        self._glyph.setFixedWidth(theme.px(16))
        row.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        left = QVBoxLayout()
        left.setSpacing(2)
        self._sentences = tuple(PlainLabel("", "sentence", wrap=True) for _ in range(3))
        for label in self._sentences:
            left.addWidget(label)
        left.addStretch(1)
        row.addLayout(left, 1)
        right = QVBoxLayout()
        right.setSpacing(0)
        self._note = PlainLabel("", "small", "quiet")
        self._clock = PlainLabel("", "clock")
        self._freeze = PlainLabel("", "small", "secondary")
        self._age = PlainLabel("", "small", "unknown")
        for label in (self._note, self._clock, self._freeze, self._age):
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            right.addWidget(label)
        right.addStretch(1)
        row.addLayout(right)

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(label.text() for label in self._sentences)

    def show_head(self, head: Head, age: str) -> None:
        for label, text in zip(self._sentences, head.sentences, strict=True):
            label.setText(text)
        self._sentences[0].set_tone(head.tone if head.tone in ("critical", "warning", "unknown") else "primary")
        self._glyph.setPixmap(glyph_pixmap(head.tone, theme.px(16), self.devicePixelRatioF()))
        self._note.setText(head.clock_note)
        self._clock.setText(head.clock)
        self._freeze.setText(head.freeze)
        self._age.setText(age)
        self._age.setVisible(bool(age))

"""A bordered surface with a title; and the card that stands in for a view that has nothing to show."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mlcontrol.gui.glyphs import glyph_pixmap
from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.label import PlainLabel


class Card(QFrame):
    """Put content into ``body``."""

    def __init__(self, title: str = "", note: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(16, 12, 16, 12)
        self.body.setSpacing(8)
        if title:
            self.head_row = head = QHBoxLayout()
            head.setSpacing(8)
            self.title = PlainLabel(title, "strong")
            self.note = PlainLabel(note, "small", "quiet")
            head.addWidget(self.title)
            head.addWidget(self.note)
            head.addStretch(1)
            self.body.addLayout(head)


class EmptyState(QWidget):
    """A fact, a consequence and a way on, in a card in the middle of the place it stands in for."""

    def __init__(
        self,
        fact: str,
        consequence: str = "",
        buttons: tuple[KeyButton, ...] = (),
        *,
        state: str = "",
        note: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 16, 16, 16)
        self._card = Card()
        self._card.setFixedWidth(theme.px(520))
        head = QHBoxLayout()
        head.setSpacing(8)
        self._glyph = QLabel()
        self._glyph.setTextFormat(Qt.TextFormat.PlainText)
        self._fact = PlainLabel(fact, "title", wrap=True)
        head.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self._fact, 1)
        self._consequence = PlainLabel(consequence, tone="secondary", wrap=True)
        self._note = PlainLabel(note, "small", "quiet", wrap=True)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        self._card.body.addLayout(head)
        self._card.body.addWidget(self._consequence)
        self._card.body.addWidget(self._note)
        self._card.body.addSpacing(12)
        self._card.body.addLayout(self._row)
        # Stretches on both sides, not an alignment: an aligned item is not asked how high it is at its width.
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self._card)
        middle.addStretch(1)
        outer.addStretch(2)
        outer.addLayout(middle)
        outer.addStretch(3)
        for button in buttons:
            self._row.addWidget(button)
        self._row.addStretch(1)
        self.say(fact, consequence, state=state, note=note)

    def say(self, fact: str, consequence: str = "", *, state: str = "", note: str = "") -> None:
        """Change the words; the buttons stay."""
        self._fact.setText(fact)
        self._fact.set_tone(state if state in ("critical", "unknown", "warning") else "primary")
        self._consequence.setText(consequence)
        self._consequence.setVisible(bool(consequence))
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self._glyph.setVisible(bool(state))
        if state:
            self._glyph.setPixmap(glyph_pixmap(state, theme.px(16), self.devicePixelRatioF()))

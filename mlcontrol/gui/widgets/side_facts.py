"""A narrow column of facts: a quiet name over each value."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.label import PlainLabel


class SideFacts(QFrame):
    """*Thread:* GUI. `put` takes (name, words, tone); tone "" is plain."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(theme.px(132))
        self.setProperty("rule", "left")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 6, 8, 8)
        self._column.setSpacing(1)
        self._column.addStretch(1)
        self._pairs: list[tuple[PlainLabel, PlainLabel]] = []
        self.setAccessibleName("Facts of the service")

    def put(self, facts: Sequence[tuple[str, str, str]]) -> None:
        while len(self._pairs) < len(facts):
            pair = PlainLabel("", "caption", "quiet"), PlainLabel("", "small", "primary", wrap=True)
            at = 3 * len(self._pairs)
            self._column.insertWidget(at, pair[0])
            self._column.insertWidget(at + 1, pair[1])
            self._column.insertSpacing(at + 2, 7)
            self._pairs.append(pair)
        for i, (name, words) in enumerate(self._pairs):
            shown = i < len(facts)
            name.setVisible(shown)
            words.setVisible(shown)
            if shown:
                name.setText(facts[i][0])
                words.setText(facts[i][1])
                words.set_tone(facts[i][2] or "primary")

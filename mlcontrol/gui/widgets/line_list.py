"""A few plain sentences under one another, each in its own tone."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlcontrol.gui.viewmodels.phrases import visible_text
from mlcontrol.gui.widgets.label import PlainLabel


class LineList(QWidget):
    """Labels are kept and filled anew, so that nothing flickers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels: list[PlainLabel] = []
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(12, 6, 12, 8)
        self._rows.setSpacing(2)

    def show_lines(self, lines: Sequence[tuple[str, str]]) -> None:
        """(words, tone) a line."""
        while len(self._labels) < len(lines):
            label = PlainLabel("", "small", "secondary", wrap=True)
            self._labels.append(label)
            self._rows.addWidget(label)
        for i, label in enumerate(self._labels):
            text, tone = lines[i] if i < len(lines) else ("", "quiet")
            label.setText(visible_text(text, 300))
            label.set_tone(tone)
            label.setVisible(i < len(lines))

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(label.text() for label in self._labels if not label.isHidden())

"""A golden set over the generations: an interval a version, then what to know of it."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlcontrol.core.golden_history import GoldenLook
from mlcontrol.gui.viewmodels.golden_words import golden_words
from mlcontrol.gui.viewmodels.phrases import visible_text
from mlcontrol.gui.widgets.interval_list import Interval, IntervalList
from mlcontrol.gui.widgets.label import PlainLabel

SENTENCES = 3


class GoldenBlock(QWidget):
    """``summary``: the words for the heading above it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.summary = PlainLabel("", "small", "quiet")
        self.intervals = IntervalList("Golden score of each version")
        self.sentences = [PlainLabel("", "small", "secondary", wrap=True) for _ in range(SENTENCES)]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 6, 12, 8)
        layout.setSpacing(2)
        layout.addWidget(self.intervals)
        for label in self.sentences:
            layout.addWidget(label)
        self.show_nothing("not asked yet")

    def show_nothing(self, why: str) -> None:
        self.summary.setText("")
        self.intervals.setVisible(False)
        self._say((why, "unknown"))

    def show_look(self, look: GoldenLook, candidate: str | None) -> None:
        words = golden_words(look, candidate)
        self.summary.setText(words.summary)
        self.intervals.show_rows([Interval(*row) for row in words.rows])
        self.intervals.setVisible(bool(words.rows))
        self._say(*words.sentences)

    def _say(self, *sentences: tuple[str, str]) -> None:
        for i, label in enumerate(self.sentences):
            text, tone = sentences[i] if i < len(sentences) else ("", "quiet")
            label.setText(visible_text(text, 300))
            label.set_tone(tone)
            label.setVisible(bool(text))

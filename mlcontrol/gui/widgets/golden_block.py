"""A golden set over the generations: an interval a version, then what to know of it."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlcontrol.core.golden_history import GoldenLook
from mlcontrol.gui.viewmodels.golden_words import golden_words
from mlcontrol.gui.widgets.interval_list import Interval, IntervalList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.line_list import LineList


class GoldenBlock(QWidget):
    """``summary``: the words for the heading above it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.summary = PlainLabel("", "small", "quiet")
        self.intervals = IntervalList("Golden score of each version")
        self.sentences = LineList()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(0)
        held = QVBoxLayout()
        held.setContentsMargins(12, 0, 12, 0)
        held.addWidget(self.intervals)
        layout.addLayout(held)
        layout.addWidget(self.sentences)
        self.show_nothing("not asked yet")

    def show_nothing(self, why: str) -> None:
        self.summary.setText("")
        self.intervals.setVisible(False)
        self.sentences.show_lines(((why, "unknown"),))

    def show_look(self, look: GoldenLook, candidate: str | None) -> None:
        words = golden_words(look, candidate)
        self.summary.setText(words.summary)
        self.intervals.show_rows([Interval(*row) for row in words.rows])
        self.intervals.setVisible(bool(words.rows))
        self.sentences.show_lines(words.sentences)

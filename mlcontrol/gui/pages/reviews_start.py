"""The first page of a sitting, and what the calibration round came to."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.core.review.sitting import Explained
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.review_start import StartView, calibration_words
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.scrolled import scrolled


class ReviewsStart(QWidget):
    """``go.clicked`` goes on to the item; ``other.clicked`` to the list of campaigns."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("What is asked")
        self.go = KeyButton("Start judging", "Enter", PRIMARY, big=True)
        self.other = KeyButton("Another queue", "B", big=True)
        self._title = PlainLabel("", "small", "quiet")
        self._question = PlainLabel("", "sentence", wrap=True)
        self._guidance = PlainLabel("", wrap=True)
        self._calibration = PlainLabel("", wrap=True)
        self._facts = FactList()
        self._keys = Card("Keys")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(2, 1)
        self._keys.body.addLayout(self._grid)
        self._cells: list[QWidget] = []
        content = QWidget()
        content.setMaximumWidth(theme.px(720))
        column = QVBoxLayout(content)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(12)
        for label in (self._title, self._question, self._guidance, self._calibration):
            column.addWidget(label)
        column.addWidget(self._keys)
        column.addWidget(self._facts)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.go)
        row.addWidget(self.other)
        row.addStretch(1)
        column.addLayout(row)
        column.addStretch(1)
        middle = QWidget()
        centred = QHBoxLayout(middle)
        centred.setContentsMargins(0, 0, 0, 0)
        centred.addStretch(1)
        centred.addWidget(content, 20)
        centred.addStretch(1)
        scroll = scrolled(middle, sideways=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        self.setFocusProxy(self.go)

    def show_start(self, view: StartView) -> None:
        self.go.set_label("Start the calibration round" if view.calibration else "Start judging")
        self._say(view.title, view.question, view.guidance, view.calibration)
        self._keys.title.setText("Keys")
        self._fill([(key, text, hint, "") for key, text, hint in view.keys])
        self._facts.set_facts(list(view.facts))
        self._facts.setVisible(True)

    def show_calibrated(self, title: str, known: list[tuple[str, Explained]]) -> None:
        """``known``: the label given, and what is known of the item, in order."""
        self.go.set_label("Go on")
        self._say(title, "The calibration round is over", calibration_words([one for _, one in known]), "")
        self._keys.title.setText("What was known")
        self._fill(
            [
                (
                    str(number),
                    "as known" if one.agreed else f"you said {said}, known: {one.expected}",
                    one.why,
                    "ok" if one.agreed else "warning",
                )
                for number, (said, one) in enumerate(known, start=1)
            ]
        )
        self._facts.setVisible(False)

    def _say(self, title: str, question: str, guidance: str, calibration: str) -> None:
        self._title.setText(title)
        self._question.setText(question)
        for label, text in ((self._guidance, guidance), (self._calibration, calibration)):
            label.setText(text)
            label.setVisible(bool(text))

    def _fill(self, rows: list[tuple[str, str, str, str]]) -> None:
        for old in self._cells:
            self._grid.removeWidget(old)
            old.deleteLater()
        self._cells = []
        for number, (key, text, hint, tone) in enumerate(rows):
            cells = (
                PlainLabel(key, "strong", "secondary", mono=True),
                PlainLabel(text, "body", tone or "primary"),
                PlainLabel(hint, "small", "quiet", wrap=True),
            )
            for column, cell in enumerate(cells):
                self._grid.addWidget(cell, number, column, Qt.AlignmentFlag.AlignTop)
                self._cells.append(cell)

"""One answer of a model, or what was expected, as large as it deserves."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.review_bench import AnswerView
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.item_views import ScoreBars
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.review_blocks import BlockView, TextBlock


class AnswerCard(Card):
    """*Signals:* ``chosen(key)``: clicked, where a key chooses it."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._key = ""
        self._title = PlainLabel("", "small", "quiet")
        self._cap = PlainLabel("", "caption", "secondary")
        self.answer = PlainLabel("", "clock", elide=True)
        self.answer.setMinimumHeight(theme.px(48))
        self.bars = ScoreBars()
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self._cap)
        said = QHBoxLayout()
        said.setSpacing(16)
        said.addWidget(self.answer, 2)
        said.addWidget(self.bars, 3)
        self._blocks = QVBoxLayout()
        self._blocks.setSpacing(8)
        self.views: list[BlockView] = []
        self.body.addLayout(head)
        self.body.addLayout(said)
        self.body.addLayout(self._blocks)
        self.body.addStretch(1)

    def show_answer(self, view: AnswerView) -> None:
        self._key = view.key
        self._title.setText(view.title)
        self._cap.setText(view.key)
        self._cap.setVisible(bool(view.key))
        self.answer.setText(view.text)
        self.answer.setAccessibleName(f"{view.title}: {view.text}")
        self.answer.setVisible(bool(view.text))
        self.bars.show_scores(view.scores)
        for old in self.views:
            self._blocks.removeWidget(old)
            if old.sound is not None:
                old.sound.discard()
            old.deleteLater()
        self.views = [BlockView(block, titled=bool(block.name)) for block in view.blocks]
        for made in self.views:
            self._blocks.addWidget(made)

    @property
    def text_block(self) -> TextBlock | None:
        return next((view.text for view in self.views if view.text is not None), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._key:
            self.chosen.emit(self._key)
        super().mousePressEvent(event)

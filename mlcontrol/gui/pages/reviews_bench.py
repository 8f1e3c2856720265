"""The bench: one item, large, with every key in sight and no hint of the version that answered."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from mlcontrol.core.review import JudgementVerdict, ReviewItem
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.review_bench import KEYS, ItemView, Session
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.item_views import JudgementTrail, PictureView, ScoreBars
from mlcontrol.gui.widgets.label import PlainLabel


class ReviewsBench(QWidget):
    """*Signals:* ``judged(JudgementVerdict)``, ``asked(name)`` for "undo", "comment" and "flag"; ``correct_given()``: Enter in the
    field for the right answer; ``comment_given()``."""

    judged = Signal(object)
    asked = Signal(str)
    correct_given = Signal()
    comment_given = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Review bench")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._question = PlainLabel("", "title", elide=True)
        self._rubric = PlainLabel(
            "What would a careful person answer? If it cannot be told, press 3.", tone="secondary"
        )
        self._progress = PlainLabel("", "strong")
        self._pace = PlainLabel("", tone="secondary")
        self._stored = PlainLabel("", tone="ok")
        self.picture = PictureView()
        self._picture_words = PlainLabel("", "small", "quiet")
        self._features = FactList()
        self._answer_title = PlainLabel("The model answered", "small", "quiet")
        self.answer = PlainLabel("", "clock", elide=True)
        self.answer.setMinimumHeight(theme.px(48))
        self.bars = ScoreBars()
        self._slices = PlainLabel("", "small", "quiet", wrap=True)
        self._problem = PlainLabel("", tone="warning", wrap=True)
        self.correct, self.comment = QLineEdit(), QLineEdit()
        self.trail = JudgementTrail()
        self._flag = KeyButton("Flag", "F")
        self._build()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self._question, 2)
        for label in (self._progress, self._pace, self._stored):
            head.addWidget(label)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(self.picture, 1)
        left.addWidget(self._picture_words)
        features = Card("What was asked")
        features.body.addWidget(self._features)
        self._features_card = features
        left.addWidget(features)
        answer = Card()
        said = QVBoxLayout()
        said.setSpacing(4)
        said.addWidget(self._answer_title)
        said.addWidget(self.answer)
        said.addStretch(1)
        beside = QHBoxLayout()
        beside.setSpacing(16)
        beside.addLayout(said, 2)
        beside.addWidget(self.bars, 3)
        answer.body.addLayout(beside)
        answer.body.addWidget(self._slices)
        answer.body.addWidget(self._problem)
        left.addWidget(answer)
        left.addStretch(0)
        columns = QHBoxLayout()
        columns.setSpacing(32)
        columns.addLayout(left, 5)
        columns.addLayout(self._judgement_column(), 4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 8, 24, 12)
        layout.setSpacing(8)
        layout.addWidget(self._bar)
        layout.addLayout(head)
        layout.addWidget(self._rubric)
        layout.addLayout(columns, 1)
        layout.addWidget(self.trail)

    def _judgement_column(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addWidget(PlainLabel("Your judgement", "sentence"))
        for key, word, hint, verdict in KEYS:
            column.addLayout(self._key_row(KeyButton(word, key), hint, lambda v=verdict: self.judged.emit(v)))
        column.addSpacing(8)
        for button, hint, name in (
            (KeyButton("Undo", "U"), "any number of steps", "undo"),
            (KeyButton("Comment", "C"), "goes with this judgement", "comment"),
            (self._flag, "unreadable, private, wrong crop", "flag"),
        ):
            column.addLayout(self._key_row(button, hint, lambda n=name: self.asked.emit(n)))
        for field, name, hint, signal in (
            (self.correct, "The right answer", "What should it be? Enter stores, empty is fine", self.correct_given),
            (self.comment, "Comment", "Enter keeps it for this judgement", self.comment_given),
        ):
            field.setAccessibleName(name)
            field.setPlaceholderText(hint)
            field.setMaxLength(500)
            field.returnPressed.connect(signal)
            field.hide()
            column.addWidget(field)
        column.addSpacing(8)
        note = Card("You cannot see which version answered")
        note.body.addWidget(
            PlainLabel(
                "Versions and scores are shown when you ask for them with S. Each judgement is stored before the next item shows.",
                "small",
                "secondary",
                wrap=True,
            )
        )
        column.addWidget(note)
        column.addStretch(1)
        return column

    @staticmethod
    def _key_row(button: KeyButton, hint: str, act: object) -> QHBoxLayout:
        button.clicked.connect(act)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setMinimumWidth(theme.px(120))
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(button)
        row.addWidget(PlainLabel(hint, "small", "quiet"), 1)
        return row

    def show_item(self, title: str, item: ReviewItem, view: ItemView) -> None:
        self._question.setText(f"{title}: is the answer right?")
        self.picture.show_picture(view.picture)
        self._picture_words.setVisible(view.picture is not None)
        self._features.set_facts([(name, f"{value} {unit}".rstrip()) for name, value, unit in view.features])
        self._features_card.setVisible(bool(view.features))
        self.answer.setText(view.answer)
        self.answer.setAccessibleName(f"The model answered {view.answer}")
        self.bars.show_scores(view.scores)
        self._slices.setText(" · ".join(f"{name} {value}" for name, value in view.slices))
        self._slices.setVisible(bool(view.slices))
        self._problem.setText(view.problem)
        self._problem.setVisible(bool(view.problem))
        self._bar.setMaximum(max(1, item.total))
        self._bar.setValue(max(0, item.position - 1))
        self.hide_fields()
        self.set_flag(flagged=False)
        self.comment.clear()

    def show_session(self, session: Session, item: ReviewItem | None, *, next_ready: bool, stored: str) -> None:
        self._progress.setText(session.progress(item))
        self._pace.setText(session.pace_words(item))
        self._stored.setText(stored)
        self.trail.show_trail(session.marks, next_ready)
        self._picture_words.setText(self.picture.words() + " · + and - change the size")

    def ask_correct(self) -> None:
        """Wrong: the field for the right answer; Enter stores."""
        self.correct.clear()
        self.correct.show()
        self.correct.setFocus()

    def ask_comment(self) -> None:
        self.comment.show()
        self.comment.setFocus()

    def hide_fields(self) -> bool:
        """True when the field for the right answer was open."""
        was_open = not self.correct.isHidden()
        self.correct.hide()
        self.correct.clear()
        if not self.comment.text():
            self.comment.hide()
        self.setFocus()
        return was_open

    def set_flag(self, *, flagged: bool) -> None:
        self._flag.set_label("Flagged" if flagged else "Flag")

    def verdict_of(self, key: str) -> JudgementVerdict:
        return next(verdict for k, _word, _hint, verdict in KEYS if k == key)

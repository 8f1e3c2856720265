"""The bench: one item, large, with every key in sight and no hint of the version that answered."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.judging import ReviewItem
from mlcontrol.core.review.rubric import Label
from mlcontrol.gui.pages.reviews_rubric import RubricView, key_row
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.review_bench import SKIP_KEY, ItemView, Session
from mlcontrol.gui.viewmodels.review_blocks import differences
from mlcontrol.gui.viewmodels.review_overlays import Overlay
from mlcontrol.gui.widgets.answer_card import AnswerCard
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.item_views import JudgementTrail, PictureView
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.picture_block import PictureBlock
from mlcontrol.gui.widgets.review_blocks import BlockView
from mlcontrol.gui.widgets.scrolled import scrolled

HELPERS = (
    ("undo", "Undo", "U", "any number of steps"),
    ("golden", "Make it a golden item", "G", "it then decides deploys"),
    ("flag", "Flag", "F", "unreadable, private, wrong crop"),
    ("comment", "Comment", "C", "goes with this judgement"),
    ("difference", "Difference", "D", "what the answers do not share"),
)


class ReviewsBench(QWidget):
    """*Signals:* ``judged(key)``; ``asked(name)`` for a helper; ``correct_given()``: Enter in the field for the right answer;
    ``comment_given()``; ``comment_typed()``."""

    judged = Signal(str)
    asked = Signal(str)
    correct_given = Signal()
    comment_given = Signal()
    comment_typed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Review bench")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(theme.px(4))
        self._bar.setAccessibleName("Progress")
        self._question = PlainLabel("", "title")
        self._rubric = PlainLabel("", tone="secondary", elide=True)
        self._progress = PlainLabel("", "strong")
        self._pace = PlainLabel("", tone="secondary")
        self._stored = PlainLabel("", tone="ok")
        self.picture = PictureView()
        self._picture_words = PlainLabel("", "small", "quiet", wrap=True)
        self._features = FactList()
        self.answers = (AnswerCard(), AnswerCard())
        self._difference = PlainLabel("", "small", "secondary", wrap=True)
        self._slices = PlainLabel("", "small", "quiet", wrap=True)
        self._problem = PlainLabel("", tone="warning", wrap=True)
        self._told = PlainLabel("", tone="secondary", wrap=True)
        self._waits = PlainLabel("", "small", "accent", wrap=True)
        self._waits.hide()
        self._helpers: dict[str, QWidget] = {}
        self.correct, self.comment = QLineEdit(), QLineEdit()
        self._suggested = ""
        self.trail = JudgementTrail()
        self._break = PlainLabel("", "small", "quiet")
        self._link = PlainLabel("", "small", "quiet")
        self._flag = KeyButton("Flag", "F")
        self.rubric = RubricView()
        self._block_views: list[BlockView] = []
        self._overlays: tuple[Overlay, ...] = ()
        self._marked, self._zoom = True, 1.0
        self._build()

    @property
    def answer(self) -> PlainLabel:
        return self.answers[0].answer

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self._question)
        head.addWidget(self._rubric, 1)
        for label in (self._progress, self._pace, self._stored):
            head.addWidget(label)
        content = QWidget()
        left = QVBoxLayout(content)
        left.setContentsMargins(0, 0, theme.px(8), 0)
        left.setSpacing(8)
        left.addWidget(self.picture, 100)
        self._asked_card = Card("What was asked")
        self._blocks = QVBoxLayout()
        self._blocks.setSpacing(8)
        self._asked_card.body.addLayout(self._blocks)
        self._asked_card.body.addWidget(self._features)
        left.addWidget(self._asked_card)
        left.addWidget(self._picture_words)
        both = QHBoxLayout()
        both.setSpacing(8)
        for card in self.answers:
            both.addWidget(card, 1)
            card.chosen.connect(self.judged)
        left.addLayout(both)
        for label in (self._difference, self._slices, self._problem):
            left.addWidget(label)
        left.addStretch(1)
        scroll = self._scroll = scrolled(content, sideways=True)
        columns = QHBoxLayout()
        columns.setSpacing(32)
        columns.addWidget(scroll, 5)
        columns.addWidget(self._judgement_column(), 4)
        foot = QHBoxLayout()
        foot.setSpacing(16)
        foot.addWidget(self.trail, 1)
        foot.addWidget(self._break)
        foot.addWidget(self._link)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 8, 24, 12)
        layout.setSpacing(10)
        layout.addWidget(self._bar)
        layout.addLayout(head)
        layout.addLayout(columns, 1)
        layout.addLayout(foot)

    def _judgement_column(self) -> QWidget:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, theme.px(8), 0)
        column.setSpacing(6)
        column.addWidget(PlainLabel("Your judgement", "sentence"))
        column.addWidget(self.rubric)
        self.rubric.pressed.connect(self.judged)
        column.addWidget(self._waits)
        # Under the labels: what a label asks for is typed where the eye is already.
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
        self.comment.textEdited.connect(lambda _text: self.comment_typed.emit())
        line = QFrame()
        line.setProperty("surface", "line")
        line.setFixedHeight(1)
        column.addSpacing(2)
        column.addWidget(line)
        column.addSpacing(2)
        skip = KeyButton("Skip", SKIP_KEY)
        column.addWidget(key_row(skip, "comes back to somebody else", partial(self.judged.emit, SKIP_KEY)))
        for name, text, key, hint in HELPERS:
            button = self._flag if name == "flag" else KeyButton(text, key)
            row = self._helpers[name] = key_row(button, hint, partial(self.asked.emit, name))
            column.addWidget(row)
        column.addWidget(self._told)
        column.addSpacing(8)
        self._note = Card("You cannot see which version answered")
        self._note_words = PlainLabel("", "small", "secondary", wrap=True)
        self._note.body.addWidget(self._note_words)
        column.addWidget(self._note)
        column.addStretch(1)
        return scrolled(content)

    def show_rubric(self, campaign: Campaign) -> None:
        """The keys of this campaign, and what it asks."""
        self._question.setText(campaign.rubric.question)
        self._rubric.setText(campaign.rubric.guidance)
        shuffled = "Sides are shuffled for every item. " if len(campaign.versions) == 2 else ""
        self._note_words.setText(
            f"{shuffled}Versions, and why this item was chosen, are told when the campaign is unblinded. "
            "Each judgement is stored before the next item shows."
        )
        self.rubric.show_rubric(campaign.rubric)
        self._helpers["comment"].setVisible(campaign.rubric.free_text)

    def show_wanted(self, label: Label | None) -> None:
        """The label that waits for its scales or its right answer."""
        self._waits.setText(f"{label.text}: Enter or the last scale stores it, Esc takes it back" if label else "")
        self._waits.setVisible(label is not None)

    def show_item(self, item: ReviewItem, view: ItemView) -> None:
        self.picture.show_picture(view.picture)
        self._features.set_facts([(name, f"{value} {unit}".rstrip()) for name, value, unit in view.features])
        self._features.setVisible(bool(view.features))
        for old in self._block_views:
            self._blocks.removeWidget(old)
            if old.sound is not None:
                old.sound.discard()
            old.deleteLater()
        self._block_views = [BlockView(block) for block in view.blocks]
        for made in self._block_views:
            self._blocks.addWidget(made)
        self._asked_card.setVisible(bool(view.features or view.blocks))
        self._overlays = view.overlays
        self._show_marks()
        for card, answer in zip(self.answers, (*view.answers, None, None), strict=False):
            card.setVisible(answer is not None)
            if answer is not None:
                card.show_answer(answer)
        self._difference.setText("")
        self._difference.hide()
        self._slices.setText(" · ".join(f"{name} {value}" for name, value in view.slices))
        self._slices.setVisible(bool(view.slices))
        self._problem.setText(view.problem)
        self._problem.setVisible(bool(view.problem))
        self._bar.setMaximum(max(1, item.total))
        self._bar.setValue(max(0, item.position - 1))
        self.hide_fields()
        self.set_flag(flagged=False)
        self.comment.setText(item.draft)
        self.comment.setVisible(bool(item.draft))

    def toggle_difference(self, view: ItemView) -> None:
        shown = not self._difference.isHidden()
        spans: tuple[tuple[tuple[int, int], ...], ...] = ((), ())
        blocks = [card.text_block for card in self.answers]
        if not shown and blocks[0] is not None and blocks[1] is not None:
            spans = differences(blocks[0].toPlainText(), blocks[1].toPlainText())
        for block, marked in zip(blocks, spans, strict=True):
            if block is not None:
                block.mark(marked)
        self._difference.setText(
            "" if shown else view.difference or "There is one answer only; nothing to compare it with."
        )
        self._difference.setVisible(not shown)

    def show_session(
        self, session: Session, item: ReviewItem | None, *, next_ready: bool, stored: str, link: str = ""
    ) -> None:
        self._progress.setText(session.progress(item))
        self._pace.setText(session.pace_words(item))
        self._stored.setText(stored)
        self.trail.show_trail(session.marks, next_ready)
        self._break.setText(session.break_words())
        self._link.setText(link)
        self._say_picture()

    def tell(self, text: str) -> None:
        """What is known of the last item (a calibration round), or that the evidence is enough."""
        self._told.setText(text)
        self._told.setVisible(bool(text))

    def suggest_correct(self, text: str) -> None:
        """The right answer that stands in the field when it opens, marked: typing replaces it."""
        self._suggested = text

    def ask_correct(self) -> None:
        """The field for the right answer; Enter stores."""
        self.correct.setText(self._suggested)
        self.correct.selectAll()
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

    def leave_field(self) -> bool:
        """Esc in a field: back to the keys; `False` when no field had the focus."""
        if not (self.correct.hasFocus() or self.comment.hasFocus()):
            return False
        self.hide_fields()
        return True

    # --- pictures and sound ---

    def _coloured(self) -> list[PictureBlock]:
        return [view.picture for view in self._block_views if view.picture is not None]

    def zoom(self, factor: float) -> None:
        """1 fits; up to four times that, then the arrows scroll."""
        steps = [0.25, 0.32, 0.4, 0.5, 0.64, 0.8, 1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0]
        at = steps.index(self._zoom) + (1 if factor > 1 else -1)
        self._zoom = steps[max(0, min(len(steps) - 1, at))]
        self._show_zoom()

    def _show_zoom(self) -> None:
        self.picture.set_zoom(self._zoom)
        for block in self._coloured():
            block.set_zoom(self._zoom)
        self._say_picture()

    def toggle_marks(self) -> None:
        """Boxes and masks on the picture, or the picture alone."""
        self._marked = not self._marked
        self._show_marks()

    def _show_marks(self) -> None:
        self.picture.show_marks(self._overlays, shown=self._marked)
        for block in self._coloured():
            block.show_marks(self._overlays, shown=self._marked)
        self._show_zoom()

    def _say_picture(self) -> None:
        coloured = self._coloured()
        words = coloured[0].words() if coloured else self.picture.words()
        keys = "+ and - change the size" + (", Z hides or shows the marks" if self._overlays else "")
        self._picture_words.setText(f"{words} · {keys}")
        self._picture_words.setVisible(bool(words))

    def play(self) -> bool:
        """The item's first sound; `False` when it has none."""
        views = [*self._block_views, *(view for card in self.answers for view in card.views)]
        sound = next((view.sound for view in views if view.sound is not None), None)
        if sound is not None:
            sound.play()
        return sound is not None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows and page keys move what is larger than the window; every other key is an action."""
        across, down = self._scroll.horizontalScrollBar(), self._scroll.verticalScrollBar()
        steps = {
            Qt.Key.Key_Left: (across, -theme.px(60)), Qt.Key.Key_Right: (across, theme.px(60)),
            Qt.Key.Key_Up: (down, -theme.px(60)), Qt.Key.Key_Down: (down, theme.px(60)),
            Qt.Key.Key_PageUp: (down, -down.pageStep()), Qt.Key.Key_PageDown: (down, down.pageStep()),
        }  # fmt: skip
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            step[0].setValue(step[0].value() + step[1])

    def set_flag(self, *, flagged: bool) -> None:
        self._flag.set_label("Flagged" if flagged else "Flag")

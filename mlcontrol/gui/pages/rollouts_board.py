"""The live board of one operation: where it is, what is proven, what is observed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.core.operation import StepState
from mlcontrol.core.types import Health
from mlcontrol.gui.charts.evidence import EvidenceLines
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.phrases import visible_text
from mlcontrol.gui.viewmodels.rollout_board import Board
from mlcontrol.gui.viewmodels.rollout_evidence import Judged
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList
from mlcontrol.gui.widgets.scrolled import scrolled
from mlcontrol.gui.widgets.split_bar import SplitBar

STEP_GLYPH = {
    StepState.WAITING: "waiting",
    StepState.RUNNING: "running",
    StepState.DONE: "done",
    StepState.FAILED: "critical",
    StepState.SKIPPED: "waiting",
    StepState.UNRESOLVED: "unknown",
}


class RolloutsBoard(QWidget):
    """Everything is repainted in place from one value; no row appears or goes while it is watched."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kicker = PlainLabel("", tone="secondary", elide=True)
        self._headline = PlainLabel("", "answer", elide=True)
        self._sentence = PlainLabel("", tone="secondary", wrap=True)
        self._sentence.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )  # commands are copied from it
        self.split = SplitBar()
        self.steps = RowList("Steps")
        self.ticks = RowList("Verification")
        self.log = RowList("Log, newest first")
        self._facts = FactList()
        self._ticks_note = PlainLabel("green when observed, not when asked for", "small", "quiet")
        plan = QVBoxLayout()
        plan.setSpacing(0)
        plan.addWidget(column_head("Plan"))
        plan.addWidget(self.steps, 1)
        middle = QVBoxLayout()
        middle.setContentsMargins(16, 12, 16, 8)
        middle.setSpacing(6)
        middle.addWidget(self._kicker)
        middle.addWidget(self._headline)
        middle.addWidget(self._sentence)
        middle.addSpacing(8)
        middle.addWidget(self.split)
        middle.addSpacing(8)
        middle.addWidget(self._evidence(), 1)
        middle.addWidget(self._verification(), 1)
        side = QWidget()
        side.setProperty("surface", "panel")
        side.setMinimumWidth(theme.px(240))
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(column_head("Facts"))
        held = QVBoxLayout()
        held.setContentsMargins(12, 8, 12, 12)
        held.addWidget(self._facts)
        right.addLayout(held)
        right.addWidget(column_head("Log"))
        right.addWidget(self.log, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addLayout(plan, 3)
        layout.addLayout(middle, 7)
        layout.addWidget(side, 3)

    def _evidence(self) -> QWidget:
        """The lines of the judge, and the reason a person gives for deciding without it."""
        self.evidence = EvidenceLines()
        self.reason = QLineEdit()
        self.reason.setAccessibleName("Reason for going on without a judgement, or for clearing a fail")
        self.reason.setPlaceholderText("Why decide against the judge? It goes into the audit log")
        self.reason.setMaxLength(500)
        scroll = scrolled(self.evidence)
        scroll.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # nothing in it takes the keyboard: the arrows scroll it
        scroll.setAccessibleName("Evidence of the guards")
        self._judge = QWidget()
        column = QVBoxLayout(self._judge)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        note = PlainLabel("valid at any moment you look; intervals are 95 %", "small", "quiet")
        column.addWidget(column_head("Evidence", note))
        column.addWidget(scroll, 1)
        column.addSpacing(8)
        column.addWidget(self.reason)
        self._judge.hide()
        return self._judge

    def _verification(self) -> QWidget:
        self._proof = QWidget()
        column = QVBoxLayout(self._proof)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(column_head("Verification", self._ticks_note))
        column.addWidget(self.ticks, 1)
        return self._proof

    def show_judged(self, judged: Judged | None, order: tuple[str, ...]) -> None:
        """The stage that is judged now takes the place of the verification; `None` brings that back. Called after `show_board`."""
        self._judge.setVisible(judged is not None)
        self._proof.setVisible(judged is None)
        if judged is None:
            return
        self._kicker.setText(judged.kicker)
        self._headline.setText(judged.answer)
        self._headline.set_tone(judged.state or "primary")
        self._sentence.setText(visible_text(judged.sentence, 800))
        self.split.show_split(judged.split, judged.wished, order)
        self.evidence.show_rows(judged.rows, max(0, len(order) - 1))
        self.reason.setVisible(bool(judged.go_refusal or judged.clear))

    def show_board(self, board: Board, order: tuple[str, ...]) -> None:
        """``order``: versions in the order of their colours, the version before first."""
        self._kicker.setText(board.kicker)
        self._headline.setText(board.headline)
        tone = "primary" if board.health is None else board.health.value
        self._headline.set_tone(tone)
        self._sentence.setText(visible_text(board.sentence, 3000))
        self.split.show_split(board.split, board.split_note, order)
        self.steps.set_rows(
            [
                Row(
                    f"{i}",
                    step.title,
                    STEP_GLYPH[step.state],
                    ((visible_text(step.detail, 400), _step_tone(step.state)),) if step.detail else (),
                    right=step.time,
                    quiet=step.state in (StepState.WAITING, StepState.SKIPPED),
                    whole=True,
                )
                for i, step in enumerate(board.steps)
            ]
        )
        self.ticks.set_rows(
            [
                Row(
                    f"{i}",
                    tick.fact,
                    _tick_glyph(tick.health),
                    ((visible_text(tick.evidence, 300), "ok" if tick.health is Health.OK else "secondary"),),
                    right=tick.seconds,
                    quiet=tick.health is None,
                )
                for i, tick in enumerate(board.ticks)
            ]
        )
        self.log.set_rows(
            [
                Row(f"{at}-{i}", at, lines=((visible_text(text, 300), "secondary"),), quiet=True)
                for i, (at, text) in enumerate(board.log)
            ]
        )
        self._facts.set_facts(board.facts)


def _step_tone(state: StepState) -> str:
    return {StepState.FAILED: "critical", StepState.UNRESOLVED: "unknown"}.get(state, "secondary")


def _tick_glyph(health: Health | None) -> str:
    if health is None:
        return "waiting"
    return "done" if health is Health.OK else health.value

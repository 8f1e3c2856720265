"""The bisect on the incident page: offered where two suspects are close, confirmed once, followed to its verdict."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.operation import Operation
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.incident_bisect import RUNNING, bisect_words
from mlcontrol.gui.viewmodels.phrases import version_text, visible_text
from mlcontrol.gui.viewmodels.plan_sheet import start_refusal
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.confirm_strip import CANCEL_S, ConfirmStrip
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

SHOWN, PLANNING, CONFIRM = "shown", "planning", "confirm"
NO_BISECT = "one suspect stands out, or no version is suspected"


class BisectCard(Card):
    """Hidden where there is nothing to tell apart. *Signals:* ``confirmed()``: the plan that is shown is to be carried out."""

    confirmed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Bisect", " ", parent)
        self.stage = SHOWN
        self.plan: Plan | None = None
        self.plan_hash = ""
        self.operation = ""  # of the bisect that runs
        self.body.setContentsMargins(12, 10, 12, 10)
        self.sentence = PlainLabel("", "small", "secondary", wrap=True)
        self.rows = RowList("The bisect, step by step")
        self.rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.confirm = ConfirmStrip()
        self.confirm.confirmed.connect(self._on_confirmed)
        self.body.addWidget(self.sentence)
        self.body.addWidget(self.rows)
        self.body.addWidget(self.confirm, 0, Qt.AlignmentFlag.AlignLeft)
        self.confirm.hide()
        self.hide()

    def show_brief(self, brief: Brief, operation: Operation | None) -> None:
        """A plan that is being confirmed stays."""
        bisect = brief.bisect
        self.operation = bisect.operation if bisect is not None and bisect.state == RUNNING else ""
        if self.stage != SHOWN:
            return
        self.setVisible(bisect is not None)
        if bisect is None:
            return
        words = bisect_words(bisect, operation, time.time())
        note = f"{words.note}; Shift B cancels it" if self.operation else words.note
        self._say(note, words.sentence)
        self._put([Row(name, title, glyph, ((line, "secondary"),) if line else (), right=right)
                   for name, glyph, title, line, right in words.rows])  # fmt: skip

    def show_planning(self) -> None:
        self.stage, self.plan = PLANNING, None
        self.show()
        self._say("checking the version before", "")
        self._put([])

    def show_plan(self, plan: Plan, plan_hash: str, guarded: bool) -> None:
        self.plan, self.plan_hash, self.stage = plan, plan_hash, CONFIRM
        share = f"{100 * plan.blast.share:.0f} % back to {version_text(plan.to_version)}"
        self._say("one confirmation", f"{share}, compared with {version_text(plan.from_version)}, then as it is now.")
        lines = [Row(f"no-{i}", visible_text(text, 200), "critical") for i, text in enumerate(plan.blocked_by)]
        lines += [Row(f"unknown-{i}", visible_text(t, 200), "unknown", quiet=True) for i, t in enumerate(plan.unknown)]
        self._put(lines)
        self.confirm.offer(
            f"Send {share}",
            hold=guarded,
            cancel_s=CANCEL_S if guarded else 0.0,
            refusal=start_refusal(plan, "bisect"),
        )
        self.confirm.show()
        self.confirm.setFocus()

    def show_problem(self, problem: Problem) -> None:
        self.stage, self.plan = PLANNING, None  # the words stay until the next B or Esc
        self.confirm.hide()
        self.show()
        self._say("not possible", "")
        why = tuple((visible_text(text, 300), "secondary") for text in (problem.why, problem.next) if text)
        self._put([Row("problem", visible_text(problem.what, 200), "critical", why)])

    def step_back(self) -> bool:
        """Esc: out of the countdown or the plan; False when there was nothing to leave."""
        if self.confirm.call_off():
            return True
        left = self.stage != SHOWN
        self.settle()
        return left

    def settle(self) -> None:
        """Nothing is asked any more: what the brief says is shown again."""
        self.stage, self.plan = SHOWN, None
        self.confirm.call_off()
        self.confirm.hide()

    def _on_confirmed(self) -> None:
        self.confirmed.emit()

    def _say(self, note: str, sentence: str) -> None:
        self.note.setText(note)
        self.sentence.setText(sentence)
        self.sentence.setVisible(bool(sentence))

    def _put(self, rows: list[Row]) -> None:
        self.rows.set_rows(rows)
        self.rows.setVisible(bool(rows))
        self.rows.setFixedHeight(min(theme.px(330), max(1, self.rows.content_height() + 2)))

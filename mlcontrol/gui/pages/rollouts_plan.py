"""Step 3 of a rollout: what will happen, who feels it, why, and one confirmation."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.core.operation import OperationKind
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem
from mlcontrol.core.strategy import StrategyKind
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.viewmodels.check_sheet import check_sheet
from mlcontrol.gui.viewmodels.phrases import count_text, duration_text, visible_text
from mlcontrol.gui.viewmodels.plan_sheet import REASONS, PlanSheet, plan_sheet, strategy_name
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList


class RolloutsPlan(QWidget):
    """*Signals:* ``reason_changed()``; ``go_on()``: Enter in the reason field; ``strategy_chosen(name)``: plan it that way."""

    reason_changed = Signal()
    go_on = Signal()
    strategy_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan: Plan | None = None
        self._headline = PlainLabel("", "answer")
        self._sentence = PlainLabel("", tone="secondary", wrap=True)
        self.steps = RowList("Steps of the plan")
        self.notes = RowList("What to know before it starts")
        self._facts = FactList()
        self._steps_note = PlainLabel("", "small", "quiet")
        self.reason = QLineEdit()
        self.reason.setAccessibleName("Reason, goes into the audit log")
        self.reason.setPlaceholderText("Why? It goes into the audit log")
        self.reason.setMaxLength(500)
        self.reason.textChanged.connect(lambda _text: self.reason_changed.emit())
        self.reason.returnPressed.connect(self.go_on)
        self._keys: list[KeyButton] = []
        reasons = QHBoxLayout()
        reasons.setSpacing(8)
        for key, name, _words in REASONS[OperationKind.DEPLOY]:
            button = KeyButton(name, key)
            button.clicked.connect(lambda _checked=False, k=key: self.give_reason(k))
            self._keys.append(button)
            reasons.addWidget(button)
        reasons.addWidget(self.reason, 1)
        self._ways: dict[str, KeyButton] = {}
        ways = QHBoxLayout()
        ways.setSpacing(8)
        for i, kind in enumerate(StrategyKind, start=1):
            way = KeyButton(strategy_name(kind), str(i))
            way.clicked.connect(partial(self._choose, kind.value))
            self._ways[kind.value] = way
            ways.addWidget(way)
        ways.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(column_head("Steps", self._steps_note))
        left.addWidget(self.steps, 1)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(column_head("Before it starts"))
        middle.addWidget(self.notes, 1)
        side = QWidget()
        side.setProperty("surface", "panel")
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(column_head("Blast radius"))
        held = QVBoxLayout()
        held.setContentsMargins(12, 8, 12, 12)
        held.addWidget(self._facts)
        right.addLayout(held)
        right.addStretch(1)
        columns = QHBoxLayout()
        columns.setSpacing(12)
        columns.addLayout(left, 4)
        columns.addLayout(middle, 4)
        columns.addWidget(side, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.setSpacing(8)
        layout.addWidget(self._headline)
        layout.addWidget(self._sentence)
        layout.addLayout(ways)
        layout.addLayout(columns, 1)
        layout.addWidget(PlainLabel("Reason", "small", "quiet"))
        layout.addLayout(reasons)

    def show_waiting(self, words: str) -> None:
        self.plan = None
        self._headline.setText("Planning")
        self._headline.set_tone("secondary")
        self._sentence.setText(words)
        self.steps.set_rows(())
        self.notes.set_rows(())
        self._facts.set_facts(())
        self._steps_note.setText("")
        self.reason.clear()

    def show_problem(self, problem: Problem) -> None:
        self.plan = None
        self._headline.setText("No plan")
        self._headline.set_tone("critical")
        self.steps.set_rows(())
        self._facts.set_facts(())
        self._steps_note.setText("")
        for way in self._ways.values():
            way.set_reason("")
        self._sentence.setText(visible_text(problem.what, 400))
        lines = tuple((visible_text(line, 600), "secondary") for line in (problem.why, problem.next) if line)
        self.notes.set_rows([Row("problem", visible_text(problem.what, 300), "critical", lines)])

    def show_plan(self, plan: Plan) -> None:
        self.plan = plan
        sheet = plan_sheet(plan)
        self._headline.setText(sheet.headline)
        self._headline.set_tone("critical" if plan.blocked_by else "unknown" if plan.unknown else "primary")
        self._sentence.setText(visible_text(sheet.sentence, 600))
        self._steps_note.setText(f"{len(plan.steps)} · about {duration_text(plan.expected_s)}")
        self.steps.set_rows(
            [
                Row(
                    f"{i}",
                    title,
                    "waiting",
                    ((visible_text(detail, 300), "secondary"),) if detail else (),
                    right=seconds,
                )
                for i, (title, detail, seconds) in enumerate(sheet.steps)
            ]
        )
        self.notes.set_rows(_notes(plan, sheet))
        self._facts.set_facts(sheet.facts)
        for name, way in self._ways.items():
            way.setVisible(plan.kind is OperationKind.DEPLOY)
            way.set_reason("chosen" if name == plan.strategy.kind.value else "")
        for button, (_key, name, words) in zip(self._keys, REASONS[plan.kind], strict=True):
            button.set_label(words or name)

    def _choose(self, name: str, _checked: bool = False) -> None:
        self.choose_strategy(name)

    def choose_strategy(self, name: str) -> None:
        """Ask for the same plan with another strategy."""
        if self.plan is not None and self.plan.kind is OperationKind.DEPLOY:
            self.strategy_chosen.emit(name)

    def give_reason(self, key: str) -> None:
        """One of Q E L D O; "other" puts the cursor into the field."""
        kind = self.plan.kind if self.plan is not None else OperationKind.DEPLOY
        words = next((w for k, _name, w in REASONS[kind] if k == key), "")
        if words:
            self.reason.setText(words)
            self.go_on.emit()
        else:
            self.reason.setFocus()
            self.reason.selectAll()


def _notes(plan: Plan, sheet: PlanSheet) -> list[Row]:
    rows: list[Row] = []
    for title, state, sentences in (
        ("Stops it", "critical", sheet.refusals),
        ("By policy", "warning", sheet.overrides),
        ("Not known, starts by hand with a reason", "unknown", sheet.unknowns),
        ("Warnings", "warning", sheet.warnings),
        ("Changed from outside lately", "warning", sheet.changed),
        ("What the judge can see", "running", sheet.sees),
        ("A return does not undo", "warning", sheet.irreversible),
    ):
        if sentences:
            rows.append(Row(f"head-{title}", title, state, header=True, right=str(len(sentences))))
            rows += [
                Row(f"{title}-{i}", "", state, ((visible_text(s, 400), "primary"),)) for i, s in enumerate(sentences)
            ]
    if plan.report is not None:
        checked = check_sheet(plan.report, plan.to_version, plan.from_version)
        rows.append(Row("head-checks", "Checked", "", header=True, right=checked.summary))
        back = plan.kind is OperationKind.ROLLBACK
        questions = ("Does it fit what callers send?", "Could it be deployed again later?") if back else ("", "")
        for i, (answer, question) in enumerate(zip((checked.deploy, checked.comeback), questions, strict=True)):
            rows.append(
                Row(
                    f"check-{i}",
                    f"{question or answer.question} {answer.verdict}",
                    answer.health.value,
                    ((visible_text(answer.sentence, 300), "secondary"),),
                )
            )
    if not rows:
        rows.append(
            Row(
                "fine",
                "Nothing speaks against it",
                "ok",
                ((count_text(len(plan.steps), "step") + " planned", "secondary"),),
            )
        )
    return rows

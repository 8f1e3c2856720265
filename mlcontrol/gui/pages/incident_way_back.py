"""The way back on the incident page: readiness, reason in one key, one confirmation, then five facts that turn green."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.tick import TickState
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import ServiceState
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.incident_words import TICK_GLYPH, step_lines, tick_line, way_back_words
from mlcontrol.gui.viewmodels.phrases import duration_text, version_text, visible_text
from mlcontrol.gui.viewmodels.plan_sheet import REASONS, plan_sheet, start_refusal
from mlcontrol.gui.widgets.button import PLAIN, KeyButton
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.confirm_strip import CANCEL_S, ConfirmStrip
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

IDLE, PLANNING, REASON, CONFIRM, RUNNING = "idle", "planning", "reason", "confirm", "running"


class WayBackCard(Card):
    """*Signals:* ``confirmed(reason)``: hold and countdown are over; ``given_up()``: Esc before that."""

    confirmed = Signal(str)
    given_up = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Way back", " ", parent)
        self.stage = IDLE
        self.plan: Plan | None = None
        self.reason = ""
        self._guarded = False
        self.body.setContentsMargins(12, 10, 12, 10)
        self._seconds = PlainLabel("", "title")
        head = self.head_row
        head.addWidget(self._seconds)
        self.sentence = PlainLabel("", "small", "secondary", wrap=True)
        self.rows = RowList("The way back and its proof")
        self.rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.confirm = ConfirmStrip()
        self.confirm.confirmed.connect(self._on_confirmed)
        self.other = QLineEdit()
        self.other.setPlaceholderText("why, in your own words; Enter goes on")
        self.other.setAccessibleName("Reason")
        self.other.returnPressed.connect(lambda: self.give_reason(self.other.text()))
        self._reasons = QWidget()
        row = QHBoxLayout(self._reasons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for key, name, _words in REASONS[OperationKind.ROLLBACK]:
            button = KeyButton(name, key, PLAIN)
            button.clicked.connect(partial(self._on_reason_key, key))
            row.addWidget(button)
        row.addStretch(1)
        low = QVBoxLayout()
        low.setSpacing(6)
        low.addWidget(self._reasons)
        low.addWidget(self.other)
        low.addWidget(self.confirm, 0, Qt.AlignmentFlag.AlignLeft)
        self.body.addWidget(self.sentence)
        self.body.addWidget(self.rows)
        self.body.addLayout(low)
        self.set_stage(IDLE)

    def set_stage(self, stage: str) -> None:
        self.stage = stage
        self._reasons.setVisible(stage == REASON)
        if stage != REASON:
            self.other.hide()
        self.confirm.setVisible(stage == CONFIRM)
        if stage != CONFIRM:
            self.confirm.call_off()

    def show_brief(self, brief: Brief, service: ServiceState | None) -> None:
        """Ticks while a way back runs or has run; else how ready it is, or what helps where going back does not. A plan that is
        being confirmed stays."""
        if brief.ticks and self.stage in (IDLE, RUNNING):
            self._show_ticks(brief, service)
            return
        if self.stage != IDLE:
            return
        title, ready, seconds = way_back_words(service)
        if brief.steps is not None:
            self._say("What helps", f"{title[0].lower()}{title[1:]}, {ready}", "", brief.steps.rollback)
            lines = step_lines(brief.steps)
            self._put([Row(f"step-{i}", step, "", ((why, "secondary"),)) for i, (step, why) in enumerate(lines)])
            return
        self._say(title, ready, seconds, service.way_back.why if service is not None else "")
        self._put(())

    def show_planning(self) -> None:
        self.plan = None
        self._say("Way back", "finding the last good version and checking it", "", "")
        self.set_stage(PLANNING)

    def show_plan(self, plan: Plan, guarded: bool) -> None:
        self.plan, self._guarded = plan, guarded
        sheet = plan_sheet(plan)
        checks = "checked as a deploy" if plan.report is not None else "mechanical checks"
        self._say(f"Way back: {version_text(plan.to_version)}", checks, duration_text(plan.expected_s), sheet.sentence)
        lines = [Row(f"no-{i}", text, "critical") for i, text in enumerate(plan.blocked_by)]
        lines += [Row(f"unknown-{i}", text, "unknown", quiet=True) for i, text in enumerate(plan.unknown)]
        lines += [
            Row(f"owner-{i}", f"May be undone: {one.place} is kept by {one.name}", "warning", quiet=True)
            for i, one in enumerate(one for one in plan.owners if one.undoes)
        ]
        lines += [
            Row(f"undone-{i}", f"Not undone: {text}", "warning", quiet=True)
            for i, text in enumerate(plan.blast.irreversible[:2])
        ]
        self._put([Row(r.id, visible_text(r.title, 200), r.state, quiet=r.quiet) for r in lines])
        self.set_stage(IDLE if plan.blocked_by else REASON)
        if plan.blocked_by:
            self.plan = None

    def show_problem(self, problem: Problem) -> None:
        self.plan = None
        self._say("Way back", "no plan", "", "")
        why = tuple((visible_text(text, 300), "secondary") for text in (problem.why, problem.next) if text)
        self._put([Row("problem", visible_text(problem.what, 200), "critical", why)])
        self.set_stage(IDLE)
        self.stage = PLANNING  # the words stay until the next R or Esc

    def show_running(self) -> None:
        self.set_stage(RUNNING)

    def take_letter(self, letter: str) -> bool:
        """A reason in one key; False when none is asked for."""
        if self.stage != REASON:
            return False
        words = next((w for k, _name, w in REASONS[OperationKind.ROLLBACK] if k == letter), None)
        if words is None:
            return False
        if words:
            self.give_reason(words)
        else:
            self.other.show()
            self.other.setFocus()
        return True

    def give_reason(self, words: str) -> None:
        if not words.strip() or self.plan is None:
            return
        self.reason = words.strip()
        self.set_stage(CONFIRM)
        self.confirm.offer(
            f"Roll back to {version_text(self.plan.to_version)}",
            hold=self._guarded,
            cancel_s=CANCEL_S if self._guarded else 0.0,
            danger=True,
            refusal=start_refusal(self.plan, self.reason),
        )
        self.confirm.setFocus()

    def step_back(self) -> bool:
        """Esc: out of the countdown, the reason or the plan; False when there was nothing to leave."""
        if self.confirm.call_off():
            return True
        if self.stage in (REASON, CONFIRM, PLANNING):
            self.plan = None
            self.set_stage(IDLE)
            self.given_up.emit()
            return True
        return False

    def _on_reason_key(self, key: str, _checked: bool = False) -> None:
        self.take_letter(key)

    def _on_confirmed(self) -> None:
        self.set_stage(RUNNING)
        self.confirmed.emit(self.reason)

    def _show_ticks(self, brief: Brief, service: ServiceState | None) -> None:
        done = sum(t.state is TickState.GREEN for t in brief.ticks)
        bad = next((t for t in brief.ticks if t.state is TickState.RED), None)
        target = next((t.title for t in brief.ticks if t.id == "answering"), "").partition(" ")[0]
        words = (
            "recovery is proven"
            if brief.proven
            else "needs you"
            if bad is not None
            else f"{done} of {len(brief.ticks)} proven"
        )
        last = max((t.seconds for t in brief.ticks if t.seconds is not None), default=None)
        title = f"Way back: {target}" if brief.operation else "Is it over?"
        self._say(title, words, "" if last is None else duration_text(last), "")
        rows = []
        for tick in brief.ticks:
            title, evidence, seconds, hint = tick_line(tick)
            lines = tuple((text, tone) for text, tone in ((evidence, "secondary"), (hint, "critical")) if text)
            quiet = tick.state in (TickState.WAITING, TickState.UNKNOWN)
            rows.append(Row(tick.id, title, TICK_GLYPH[tick.state], lines, right=seconds, quiet=quiet))
        self._put(rows)
        if brief.proven and self.stage == RUNNING:
            self.set_stage(IDLE)

    def _say(self, title: str, note: str, seconds: str, sentence: str) -> None:
        self.title.setText(title)
        self.note.setText(note)
        self._seconds.setText(seconds)
        self.sentence.setText(visible_text(sentence, 300))
        self.sentence.setVisible(bool(sentence))

    def _put(self, rows: list[Row] | tuple[Row, ...]) -> None:
        self.rows.set_rows(rows)
        self.rows.setVisible(bool(rows))
        self.rows.setFixedHeight(min(theme.px(330), max(1, self.rows.content_height() + 2)))

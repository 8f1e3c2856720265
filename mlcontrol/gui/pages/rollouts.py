"""Rollouts: choose a version, read the checks, read the plan, start it, watch it. `R` arrives with the way back planned."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.operation import Operation, OperationKind
from mlcontrol.core.overriding import open_to
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.state import Changes
from mlcontrol.core.strategy import StrategyKind
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Bound, Context, may_change, needs_engine
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.pages.rollouts_board import RolloutsBoard
from mlcontrol.gui.pages.rollouts_checks import RolloutsChecks
from mlcontrol.gui.pages.rollouts_controls import (
    BOARD,
    CHECKS,
    OVERVIEW,
    PLAN,
    WHAT,
    RolloutsControls,
    Standing,
    rollout_actions,
)
from mlcontrol.gui.pages.rollouts_overview import RolloutsOverview
from mlcontrol.gui.pages.rollouts_plan import RolloutsPlan
from mlcontrol.gui.pages.rollouts_what import RolloutsWhat
from mlcontrol.gui.viewmodels.check_sheet import json_text, markdown
from mlcontrol.gui.viewmodels.phrases import version_text
from mlcontrol.gui.viewmodels.plan_sheet import REASONS, confirm_label, override_label, start_refusal
from mlcontrol.gui.viewmodels.rollout_board import board, kind_words, live_operation
from mlcontrol.gui.viewmodels.rollout_evidence import Judged, judged


class RolloutsPage(Page):
    """The engine decides and acts; this page asks, shows the answers, and says why something cannot be done."""

    name: ClassVar[str] = "rollouts"
    title = "Rollouts"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.overview, self.what, self.checks = RolloutsOverview(), RolloutsWhat(), RolloutsChecks()
        self.plan, self.board = RolloutsPlan(), RolloutsBoard()
        self.version: str | None = None
        self.operation_id: str | None = None
        self._kind = OperationKind.DEPLOY
        self._plan_hash = ""
        self._asked = ""  # the request whose answer is wanted; answers to older ones are dropped
        self._probing = ""
        self._rollout: RolloutSettings | None = None  # how it is planned, where not as the service's settings say
        self._overriding = False  # going on against the rules that the policy lets this person override
        self._starting = False
        self._sent = ""  # an operation whose start was never confirmed: it may run all the same
        self.stack = QStackedWidget()
        for view in (self.overview, self.what, self.checks, self.plan, self.board):
            self.stack.addWidget(view)
        self.controls = RolloutsControls()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.controls)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._on_second)
        self._connect()
        self._show(OVERVIEW)

    def _connect(self) -> None:
        self.overview.operation_chosen.connect(self.open_operation)
        self.overview.service_chosen.connect(lambda service: self.show_for(service, promote=True))
        self.overview.service_moved.connect(self._on_service_moved)
        self.what.version_chosen.connect(lambda _version: self._forward())
        self.what.moved.connect(lambda _version: self._restate())
        self.checks.done.connect(self._forward)
        self.plan.reason_changed.connect(self._restate)
        self.plan.go_on.connect(self._on_reason_given)
        self.plan.strategy_chosen.connect(self._plan_as)
        self.board.reason.textChanged.connect(lambda _text: self._restate())
        self.board.reason.returnPressed.connect(self._promote)
        controls = self.controls
        for button, act in (
            (controls.back, self._backward),
            (controls.probe, self._probe),
            (controls.copy, self._copy),
            (controls.copy_json, self._copy_json),
            (controls.override, self._override),
            (controls.again, self._check),
            (controls.go, self._forward),
            (controls.way_back, self._roll_back),
            (controls.hold, self._hold),
            (controls.promote, self._promote),
        ):
            button.clicked.connect(partial(_called, act))
        controls.confirm.confirmed.connect(self._execute)
        controls.abort.confirmed.connect(self._abort)

    # --- page contract ---

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        bridge.engine_state_changed.connect(lambda _state: self._restate())

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        acts: dict[str, Callable[[], None]] = {
            "roll-back": self._roll_back,
            "new": self._begin,
            "probe": self._probe,
            "copy": self._copy,
            "copy-json": self._copy_json,
            "override": self._override,
            "again": self._check,
            "fold": self.checks.toggle_passed,
            "back": self._backward,
            "abort": self.controls.abort.press,
            "hold": self._hold,
            "promote": self._promote,
            **{f"as-{kind.value}": partial(self.plan.choose_strategy, kind.value) for kind in StrategyKind},
            **{name: partial(self.plan.give_reason, key) for key, name, _words in REASONS[OperationKind.DEPLOY]},
        }
        refusals = {"roll-back": self._may_roll_back, "abort": self._may_abort, "new": may_change}
        return tuple(
            Bound(action, acts[name]) for name, action in rollout_actions(self.stack.currentIndex, refusals).items()
        )

    @property
    def subtitle(self) -> str:
        stage = self.stack.currentIndex()
        if stage == OVERVIEW:
            return ""
        if stage == BOARD:
            operation = self._operation()
            return f"{self._title(operation.service)} · {kind_words(operation)}" if operation else ""
        words = f"{self._title(self.service_id)} · step {stage} of 3: {('', 'what', 'checks', 'plan')[stage]}"
        return f"{words} · {version_text(self._used())} to {version_text(self.version)}" if stage > WHAT else words

    def show_for(self, service_id: str | None, **context: Any) -> None:
        """``rollback=True`` plans the way back at once; ``promote=True`` opens the picker; ``operation``, ``version``."""
        super().show_for(service_id, **context)
        if context.get("operation"):
            self.open_operation(str(context["operation"]))
        elif context.get("rollback"):
            self._roll_back()
        elif context.get("version"):
            self.version = str(context["version"])
            self._check()
        elif context.get("promote"):
            self._begin()
        elif service_id is not None and self.stack.currentIndex() == OVERVIEW:
            state = self.bridge.state if self.bridge else None
            live = live_operation(state.operations, service_id) if state else None
            if live is not None:
                self.open_operation(live.id)
            else:
                self._begin()

    def refresh(self, changes: Changes) -> None:
        if self.bridge is None or self.bridge.state is None:
            return
        state, now_s, stage = self.bridge.state, time.time(), self.stack.currentIndex()
        if stage == OVERVIEW and (changes.operations or changes.services or changes.settings):
            self.overview.show_state(state, now_s, self.service_id)
            if self.service_id is None:
                self.service_id = self.overview.services.current_id()
        elif stage == WHAT and changes.services:
            service = self.service()
            if service is not None:
                self.what.show_service(service, now_s)
        elif stage == BOARD:
            self._draw_board()
        elif stage == PLAN and self._sent in state.operations:
            self.open_operation(self._sent)
        self._restate()

    # --- steps ---

    def _begin(self) -> None:
        service = self.service()
        if service is None:
            self._show(OVERVIEW)
            return
        self._kind = OperationKind.DEPLOY
        self.what.show_service(service, time.time())
        self._show(WHAT)
        self.what.versions.setFocus()

    def _forward(self) -> None:
        stage = self.stack.currentIndex()
        if stage == OVERVIEW:
            self._begin()
        elif stage == WHAT and not self.controls.go.reason:
            choice = self.what.current()
            if choice is not None:
                self.version = choice.version
                self._check()
        elif stage == CHECKS and not self.controls.go.reason:
            self._rollout = None
            self._make_plan(OperationKind.DEPLOY)

    def _backward(self) -> None:
        if self.controls.confirm.call_off() or self.controls.abort.call_off():
            return
        stage = self.stack.currentIndex()
        if stage == PLAN and self._kind is OperationKind.DEPLOY and self.checks.report is not None:
            self._show(CHECKS)
            self.checks.findings.setFocus()
        elif stage == CHECKS:
            self._begin()
        else:
            self._show(OVERVIEW)
            self.overview.services.setFocus()

    def _roll_back(self) -> None:
        operation = self._operation() if self.stack.currentIndex() == BOARD else None
        if operation is not None:
            self.service_id = operation.service
        if self.service() is None:
            self._show(OVERVIEW)
            return
        self.version = None
        self._make_plan(OperationKind.ROLLBACK)

    def _check(self, probe: bool = False) -> None:
        if self.bridge is None or self.service_id is None or self.version is None:
            return
        version = self.version
        request = self.bridge.request_id()
        if probe:
            self._probing = request
            self.checks.show_probe("running", "Loading it beside the current version", "no traffic moves")
        else:
            self._asked = request
            self._probing = ""
            self.checks.show_waiting(version, self._used())
        self._show(CHECKS)
        self.checks.findings.setFocus()

        def on_answer(event: Any) -> None:
            if request not in (self._asked, self._probing):
                return
            if request == self._probing:
                self._probing = ""
            if isinstance(event, m.CheckAnswer):
                self.checks.show_report(event.report, version, self._used())
                if probe:
                    self.checks.show_probe("done", "Probed on the real server", "its findings carry the mark PROBED")
                    self._ask_golden(version)
            elif isinstance(event, m.Refused) and probe:
                why = " ".join(part for part in (event.problem.why, event.problem.next) if part)
                self.checks.show_probe("critical", event.problem.what, why)
            elif isinstance(event, m.Refused):
                self.checks.show_problem(event.problem, version)
            self._restate()

        def on_progress(event: Any) -> None:
            if request == self._probing:
                share = f" · {event.fraction:.0%}" if event.fraction is not None else ""
                self.checks.show_probe("running", "Probing on the real server", event.text + share)

        command = m.CheckVersion(
            request=request, service=self.service_id, version=version, probe=probe, actor=self._actor()
        )
        self.bridge.ask(command, on_answer, on_progress)
        self._ask_golden(version)

    def _ask_golden(self, version: str) -> None:
        """What the generations scored, beside the findings; a service without a golden set says so."""
        if self.bridge is None or self.service_id is None:
            return

        def on_look(event: Any) -> None:
            if self.version != version:
                return
            if isinstance(event, m.GoldenSetAnswer):
                self.checks.golden.show_look(event.look, version)
            elif isinstance(event, m.Refused):
                self.checks.golden.show_nothing(f"{event.problem.what} {event.problem.next}".strip())

        self.bridge.ask(m.QueryGolden(request=self.bridge.request_id(), service=self.service_id), on_look)

    def _probe(self) -> None:
        if self.stack.currentIndex() == CHECKS and not self.controls.probe.reason:
            self._check(probe=True)
            self._restate()

    def _make_plan(self, kind: OperationKind) -> None:
        if self.bridge is None or self.service_id is None:
            return
        self._kind = kind
        self._overriding = False
        self._plan_hash = self._sent = ""
        self._asked = request = self.bridge.request_id()
        words = (
            "finding the last good version and checking it"
            if kind is OperationKind.ROLLBACK
            else "reading the live state"
        )
        self.plan.show_waiting(words)
        self._show(PLAN)

        def on_answer(event: Any) -> None:
            if request != self._asked:
                return
            if isinstance(event, m.PlanAnswer):
                self.version, self._plan_hash = event.plan.to_version, event.plan_hash
                self.plan.show_plan(event.plan)
                self.heading_changed.emit()
            elif isinstance(event, m.Refused):
                self.plan.show_problem(event.problem)
            self._restate()

        version = self.version if kind is OperationKind.DEPLOY else None
        settings = self._rollout if kind is OperationKind.DEPLOY else None
        self.bridge.ask(
            m.MakePlan(request=request, kind=kind, service=self.service_id, version=version, rollout=settings),
            on_answer,
        )

    def _override(self) -> None:
        if self.stack.currentIndex() == PLAN and override_label(self.plan.plan, self._actor(), self._overriding):
            self._overriding = not self._overriding
            self._restate()
            self.plan.reason.setFocus()

    def _on_reason_given(self) -> None:
        self._restate()
        self.controls.confirm.setFocus()

    def _execute(self) -> None:
        plan = self.plan.plan
        if self.bridge is None or plan is None or self._start_refusal():
            return
        operation_id, reason = f"op-{uuid.uuid4().hex[:12]}", self.plan.reason.text().strip()
        self._starting, self._sent = True, operation_id
        self._restate()

        def on_answer(event: Any) -> None:
            self._starting = False
            if isinstance(event, m.Refused):
                self._plan_hash = ""
                self.plan.show_problem(event.problem)
                if self.shell is not None:
                    self.shell.problem(event.problem)
                self._restate()
            else:
                self.open_operation(operation_id)

        self.bridge.ask(
            m.Execute(
                request=self.bridge.request_id(),
                operation=operation_id,
                plan_hash=self._plan_hash,
                reason=reason,
                actor=self._actor(),
                accept_unknown=bool(plan.unknown),
                overrides=dict.fromkeys(open_to(plan, self._actor()), reason) if self._overriding else {},
            ),
            on_answer,
        )

    def open_operation(self, operation_id: str) -> None:
        self.operation_id = operation_id
        operation = self._operation()
        if operation is not None:
            self.service_id = operation.service
        self._show(BOARD)
        self._draw_board()
        self.board.steps.setFocus()

    def _abort(self) -> None:
        operation = self._operation()
        if self.bridge is None or operation is None:
            return

        def on_answer(event: Any) -> None:
            if self.shell is None:
                return
            if isinstance(event, m.Refused):
                self.shell.problem(event.problem)
            else:
                self.shell.toast("Abort is on its way to the engine", "running")

        command = m.Abort(request=self.bridge.request_id(), operation=operation.id, actor=self._actor())
        self.bridge.ask(command, on_answer)

    def _hold(self) -> None:
        now = self._judged()
        operation = self._operation()
        if self.bridge is None or operation is None or now is None:
            return
        self._ask_stage(
            m.HoldStage(
                request=self.bridge.request_id(), operation=operation.id, actor=self._actor(), hold=not now.held
            )
        )

    def _promote(self) -> None:
        operation = self._operation()
        if self.bridge is None or operation is None or self._judged() is None:
            return
        if self.controls.promote.reason:
            self.board.reason.setFocus()
            return
        reason = self.board.reason.text().strip()
        self.board.reason.clear()
        self.board.steps.setFocus()
        self._ask_stage(
            m.PromoteStage(request=self.bridge.request_id(), operation=operation.id, actor=self._actor(), reason=reason)
        )

    def _ask_stage(self, command: m.HoldStage | m.PromoteStage) -> None:
        def on_answer(event: Any) -> None:
            if self.shell is not None and isinstance(event, m.Refused):
                self.shell.problem(event.problem)

        if self.bridge is not None:
            self.bridge.ask(command, on_answer)

    def _judged(self) -> Judged | None:
        operation = self._operation()
        return judged(operation, time.time()) if operation is not None else None

    def _plan_as(self, strategy: str) -> None:
        """Plan the same version another way."""
        known = self._rollout_settings()
        if known is None or self._kind is not OperationKind.DEPLOY or self.version is None:
            return
        self._rollout = known if strategy == known.strategy else replace(known, strategy=strategy, steps=())
        self._make_plan(OperationKind.DEPLOY)

    def _rollout_settings(self) -> RolloutSettings | None:
        state = self.bridge.state if self.bridge is not None else None
        service = state.settings.services.get(self.service_id or "") if state is not None else None
        return service.rollout if service is not None else None

    def _copy(self) -> None:
        report = self.checks.report
        if report is not None and self.version is not None:
            self._put(
                markdown(report, self.service_id or "", self.version, self._used()), "The checks are on the clipboard"
            )

    def _copy_json(self) -> None:
        report = self.checks.report
        if report is not None:
            self._put(json_text(report), "The checks are on the clipboard as JSON")

    def _put(self, text: str, told: str) -> None:
        QGuiApplication.clipboard().setText(text)
        if self.shell is not None:
            self.shell.toast(told, "done")

    # --- drawing ---

    def _show(self, stage: int) -> None:
        self.controls.confirm.call_off()
        self.stack.setCurrentIndex(stage)
        # The window gives the focus to its page; the page hands it to what this step is about.
        self.setFocusProxy(self._focus_of(stage))
        if stage == BOARD:
            self._clock.start()
        else:
            self._clock.stop()
        if stage == OVERVIEW and self.bridge is not None and self.bridge.state is not None:
            self.overview.show_state(self.bridge.state, time.time(), self.service_id)
        self._restate()
        self.heading_changed.emit()

    def _focus_of(self, stage: int) -> QWidget:
        return (
            self.overview.services,
            self.what.versions,
            self.checks.findings,
            self.controls.confirm,
            self.board.steps,
        )[stage]

    def _on_second(self) -> None:
        if self.isVisible():
            self._draw_board()

    def _draw_board(self) -> None:
        operation = self._operation()
        if self.bridge is None or self.bridge.state is None or operation is None:
            return
        state = self.bridge.state
        words = board(operation, state.services.get(operation.service), state.events, time.time())
        order = tuple(v for v in (operation.from_version, operation.to_version) if v)
        self.board.show_board(words, order)
        self.board.show_judged(judged(operation, time.time()), order)
        self._restate()
        if operation.phase.ended:
            self._clock.stop()

    def _restate(self) -> None:
        """Say anew which controls are there, and why one cannot act."""
        stage, context = self.stack.currentIndex(), self.context()
        operation = self._operation() if stage == BOARD else None
        plan, choice = self.plan.plan, self.what.current()
        sentence, tone = self._sentence(stage, operation)
        stand = judged(operation, time.time()) if operation is not None else None
        without = "" if self.board.reason.text().strip() else (stand.go_refusal if stand is not None else "")
        self.controls.show_standing(
            Standing(
                stage=stage,
                subject=self._title(operation.service if operation is not None else self.service_id),
                sentence=sentence,
                tone=tone,
                go={
                    WHAT: f"Check {choice.title}" if choice else "Check",
                    CHECKS: f"Plan {version_text(self.version)}",
                }.get(stage, "Choose a version"),
                go_refusal={
                    WHAT: self.what.refusal() or needs_engine(context),
                    CHECKS: may_change(context) if self.checks.report is not None else "the checks are not answered",
                }.get(stage, may_change(context)),
                way_back=self._way_back_target(),
                way_back_refusal=self._may_roll_back(context),
                report_refusal="" if self.checks.report is not None else "the checks are not answered",
                engine_refusal=needs_engine(context),
                probe_refusal="it runs" if self._probing else may_change(context),
                confirm=confirm_label(plan, self._overriding),
                confirm_refusal=self._start_refusal() if stage == PLAN else "",
                guarded=self._protected() or self._overriding,
                abort_to=operation.from_version if operation is not None else None,
                abort_refusal=self._may_abort(context),
                live=operation is not None and not operation.phase.ended,
                hold=stand.hold if stand is not None else "",
                promote=stand.go if stand is not None else "",
                promote_refusal=needs_engine(context) or without,
                override=override_label(plan, self._actor(), self._overriding),
            )
        )

    def _sentence(self, stage: int, operation: Operation | None) -> tuple[str, str]:
        service, choice = self.service(), self.what.current()
        if stage == OVERVIEW and service is not None:
            return service.way_back.why, "secondary"
        if stage == WHAT and choice is not None and choice.quarantine:
            return f"quarantined: {choice.quarantine}", "warning"
        if stage == PLAN and self.plan.plan is not None:
            return f"{len(self.plan.plan.steps)} steps, journaled before each effect", "secondary"
        if operation is not None and not operation.phase.ended:
            return "closing the window does not stop it", "secondary"
        return "", "secondary"

    # --- facts ---

    def _start_refusal(self) -> str:
        context = self.context()
        running = live_operation(context.state.operations, self.service_id) if context.state is not None else None
        return (
            ("starting" if self._starting else "")
            or needs_engine(context)
            or start_refusal(
                self.plan.plan if self._plan_hash else None,
                self.plan.reason.text(),
                context.view_only,
                kind_words(running).lower() if running is not None else "",
                self._actor(),
                self._overriding,
            )
        )

    def _may_roll_back(self, context: Context) -> str:
        """The engine plans and checks the way back itself; here only what makes asking pointless."""
        reason = may_change(context)
        if reason or context.service is None:
            return reason
        return "no earlier good version" if context.service.way_back.state.value == "none" else ""

    def _may_abort(self, context: Context) -> str:
        operation = self._operation()
        if operation is None or operation.phase.ended or self.stack.currentIndex() != BOARD:
            return "nothing runs"
        return needs_engine(context) or context.view_only

    def _operation(self) -> Operation | None:
        state = self.bridge.state if self.bridge is not None else None
        return state.operations.get(self.operation_id) if state is not None and self.operation_id else None

    def _used(self) -> str | None:
        service = self.service()
        return None if service is None else service.used.single or service.served.single or service.intended.single

    def _way_back_target(self) -> str | None:
        service = self.service()
        return service.way_back.target if service is not None else None

    def _protected(self) -> bool:
        service = self.service()
        return service is not None and (service.protected or service.environment.casefold() in ("production", "prod"))

    def _title(self, service_id: str | None) -> str:
        state = self.bridge.state if self.bridge is not None else None
        known = state.services.get(service_id) if state is not None and service_id else None
        return known.title or known.id if known is not None else service_id or ""

    def _actor(self) -> str:
        return self.bridge.hello.user if self.bridge is not None and self.bridge.hello is not None else ""

    def _on_service_moved(self, service: str) -> None:
        self.service_id = service
        self._restate()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_X and not event.isAutoRepeat():
            self.controls.abort.release()
        super().keyReleaseEvent(event)


def _called(act: Callable[[], None], _checked: bool) -> None:
    """A button's click carries whether it is checked; what it does has no use for that."""
    act()

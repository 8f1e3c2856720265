"""Rollouts: choose a version, read the checks, read the plan, start it, watch it. `R` arrives with the way back planned."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.operation import Operation, OperationKind
from mlcontrol.core.state import Changes
from mlcontrol.core.strategy import StrategyKind
from mlcontrol.gui.actions import Bound, Context, may_change, needs_engine
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.pages.rollouts_board import RolloutsBoard
from mlcontrol.gui.pages.rollouts_checking import Checking
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
    sentence_of,
    subtitle_of,
)
from mlcontrol.gui.pages.rollouts_drills import RolloutsDrills
from mlcontrol.gui.pages.rollouts_freezes import RolloutsFreezes
from mlcontrol.gui.pages.rollouts_overview import RolloutsOverview, service_title
from mlcontrol.gui.pages.rollouts_past import RolloutsPast
from mlcontrol.gui.pages.rollouts_plan import RolloutsPlan
from mlcontrol.gui.pages.rollouts_planning import Planning
from mlcontrol.gui.pages.rollouts_running import RunningRollout
from mlcontrol.gui.pages.rollouts_side import SideView
from mlcontrol.gui.pages.rollouts_what import RolloutsWhat
from mlcontrol.gui.viewmodels.phrases import version_text
from mlcontrol.gui.viewmodels.plan_sheet import REASONS
from mlcontrol.gui.viewmodels.rollout_board import abort_leaves, board, live_operation
from mlcontrol.gui.viewmodels.rollout_evidence import judged


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
        self._checking, self._planning, self._running = Checking(self), Planning(self), RunningRollout(self)
        self.past, self.freezes, self.drills = RolloutsPast(self), RolloutsFreezes(self), RolloutsDrills(self)
        self._sides: dict[str, SideView] = {"backtest": self.past, "freezes": self.freezes, "drills": self.drills}
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
        self._clock.timeout.connect(lambda: self._draw_board() if self.isVisible() else None)
        self._connect()
        self.show_step(OVERVIEW)

    def _connect(self) -> None:
        self.overview.operation_chosen.connect(self.open_operation)
        self.overview.service_chosen.connect(lambda service: self.show_for(service, promote=True))
        self.overview.service_moved.connect(self._on_service_moved)
        self.what.version_chosen.connect(lambda _version: self._forward())
        self.what.moved.connect(lambda _version: self.restate())
        self.checks.done.connect(self._forward)
        self.plan.reason_changed.connect(self.restate)
        self.plan.go_on.connect(self._on_reason_given)
        self.plan.strategy_chosen.connect(self._planning.make_as)
        self.board.reason.textChanged.connect(lambda _text: self.restate())
        self.board.reason.returnPressed.connect(self._running.on_reason)
        controls = self.controls
        for button, act in (
            (controls.back, self._backward),
            (controls.probe, self._probe),
            (controls.copy, self._checking.copy),
            (controls.copy_json, self._checking.copy_json),
            (controls.override, self._planning.override),
            (controls.again, self._check),
            (controls.go, self._forward),
            (controls.way_back, self._roll_back),
            (controls.hold, self._running.hold),
            (controls.promote, self._running.promote),
            (controls.clear, self._running.clear),
        ):
            button.clicked.connect(lambda _checked=False, do=act: do())
        controls.confirm.confirmed.connect(self._planning.execute)
        controls.abort.confirmed.connect(self._running.abort)

    # --- page contract ---

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        bridge.engine_state_changed.connect(lambda _state: self.restate())

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        acts: dict[str, Callable[[], None]] = {
            "roll-back": self._roll_back,
            "new": self._begin,
            "probe": self._probe,
            "copy": self._checking.copy,
            "copy-json": self._checking.copy_json,
            "override": self._planning.override,
            "again": self._check,
            "fold": self.checks.toggle_passed,
            "back": self._backward,
            "abort": self.controls.abort.press,
            "hold": self._running.hold,
            "promote": self._running.promote,
            "clear": self._running.clear,
            "break-glass": self._planning.break_glass,
            "approve": self._planning.approve,
            "lift": self._planning.lift,
            **{name: partial(self._beside, side) for name, side in self._sides.items()},
            "lift-freeze": self.freezes.take_away,
            **{f"as-{kind.value}": partial(self._as, kind) for kind in StrategyKind},
            **{name: partial(self.plan.give_reason, key) for key, name, _words in REASONS[OperationKind.DEPLOY]},
        }
        refusals = {"roll-back": self._may_roll_back, "abort": self._may_abort, "new": may_change}
        return tuple(
            Bound(action, acts[name]) for name, action in rollout_actions(self.stack.currentIndex, refusals).items()
        )

    @property
    def subtitle(self) -> str:
        operation, stage = self.operation(), self.stack.currentIndex()
        title = self._title(operation.service if stage == BOARD and operation is not None else self.service_id)
        return subtitle_of(stage, title, operation, self.used(), self.version)

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
            self.freezes.draw()
            if self.service_id is None:
                self.service_id = self.overview.services.current_id()
        elif stage == WHAT and changes.services:
            service = self.service()
            if service is not None:
                self.what.show_service(service, now_s)
        elif stage == BOARD:
            self._draw_board()
        elif stage == PLAN and self._planning.sent in state.operations:
            self.open_operation(self._planning.sent)
        self.restate()

    # --- steps ---

    def _begin(self) -> None:
        service = self.service()
        if service is None:
            self.show_step(OVERVIEW)
            return
        self._planning.kind = OperationKind.DEPLOY
        self.what.show_service(service, time.time())
        self.show_step(WHAT)
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
            self._plan(OperationKind.DEPLOY)

    def _backward(self) -> None:
        if self.controls.confirm.call_off() or self.controls.abort.call_off() or self.past.give_up():
            return
        self.show_side(None)
        stage = self.stack.currentIndex()
        if stage == PLAN and self._planning.kind is OperationKind.DEPLOY and self.checks.report is not None:
            self.show_step(CHECKS)
            self.checks.findings.setFocus()
        elif stage == CHECKS:
            self._begin()
        else:
            self.show_step(OVERVIEW)
            self.overview.services.setFocus()

    def _roll_back(self) -> None:
        operation = self.operation() if self.stack.currentIndex() == BOARD else None
        if operation is not None:
            self.service_id = operation.service
        if self.service() is None:
            self.show_step(OVERVIEW)
            return
        self.version = None
        self._plan(OperationKind.ROLLBACK)

    def _check(self, probe: bool = False) -> None:
        self._planning.forget()
        self._checking.check(probe)

    def _probe(self) -> None:
        if self.stack.currentIndex() == CHECKS and not self.controls.probe.reason:
            self._check(probe=True)
            self.restate()

    def _plan(self, kind: OperationKind) -> None:
        self._checking.forget()
        self._planning.make(kind)
        self.controls.confirm.setFocus()  # a cursor left in the reason would take the keys that give one

    def _on_reason_given(self) -> None:
        self.restate()
        self.controls.confirm.setFocus()

    def open_operation(self, operation_id: str) -> None:
        self.operation_id = operation_id
        operation = self.operation()
        if operation is not None:
            self.service_id = operation.service
        self.show_step(BOARD)
        self._draw_board()
        self.board.steps.setFocus()

    def _beside(self, side: SideView) -> None:
        """Open one of the views that stand beside the overview, wherever the journey is."""
        self.show_step(OVERVIEW)
        side.begin()

    def show_side(self, side: QWidget | None) -> None:
        self.overview.show_side(side)
        self.heading_changed.emit()

    def _as(self, kind: StrategyKind) -> None:
        if self.past.isVisible():
            self.past.choose(kind)
        else:
            self.plan.choose_strategy(kind.value)

    # --- drawing ---

    def show_step(self, stage: int) -> None:
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
        self.restate()
        self.heading_changed.emit()

    def _focus_of(self, stage: int) -> QWidget:
        return (
            self.overview.services,
            self.what.versions,
            self.checks.findings,
            self.controls.confirm,
            self.board.steps,
        )[stage]

    def _draw_board(self) -> None:
        operation = self.operation()
        if self.bridge is None or self.bridge.state is None or operation is None:
            return
        state = self.bridge.state
        words = board(operation, state.services.get(operation.service), state.events, time.time())
        order = tuple(v for v in (operation.from_version, operation.to_version) if v)
        self.board.show_board(words, order)
        self.board.show_judged(judged(operation, time.time()), order)
        self.restate()
        if operation.phase.ended:
            self._clock.stop()

    def restate(self) -> None:
        """Say anew which controls are there, and why one cannot act."""
        stage, context, service = self.stack.currentIndex(), self.context(), self.service()
        operation = self.operation() if stage == BOARD else None
        choice = self.what.current()
        sentence, tone = sentence_of(stage, service, choice, self.plan.plan, self._planning.breaks_glass, operation)
        stand = self._running.judged() if operation is not None else None
        told = bool(self.board.reason.text().strip()) and not (stand is not None and stand.clear)
        without = stand.go_refusal if stand is not None and not told else ""
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
                way_back=service.way_back.target if service is not None else None,
                way_back_refusal=self._may_roll_back(context),
                report_refusal="" if self.checks.report is not None else "the checks are not answered",
                engine_refusal=needs_engine(context),
                probe_refusal="it runs" if self._checking.probing else may_change(context),
                confirm=self._planning.confirm_words(),
                confirm_refusal=self._planning.refusal() if stage == PLAN else "",
                guarded=self._protected() or self._planning.overriding,
                abort_to=abort_leaves(operation),
                abort_stays=operation is not None and operation.proven_back,
                abort_refusal=self._may_abort(context),
                live=operation is not None and not operation.phase.ended,
                hold=stand.hold if stand is not None else "",
                promote=stand.go if stand is not None else "",
                promote_refusal=needs_engine(context) or without,
                clear=stand.clear if stand is not None else "",
                override=self._planning.override_words(),
            )
        )

    # --- facts ---

    def _may_roll_back(self, context: Context) -> str:
        """The engine plans and checks the way back itself; here only what makes asking pointless."""
        reason = may_change(context)
        if reason or context.service is None:
            return reason
        return "no earlier good version" if context.service.way_back.state.value == "none" else ""

    def _may_abort(self, context: Context) -> str:
        return self._running.may_abort(context) if self.stack.currentIndex() == BOARD else "nothing runs"

    def operation(self) -> Operation | None:
        state = self.bridge.state if self.bridge is not None else None
        return state.operations.get(self.operation_id) if state is not None and self.operation_id else None

    def used(self) -> str | None:
        service = self.service()
        return None if service is None else service.used.single or service.served.single or service.intended.single

    def _protected(self) -> bool:
        service = self.service()
        return service is not None and (service.protected or service.environment.casefold() in ("production", "prod"))

    def _title(self, service_id: str | None) -> str:
        state = self.bridge.state if self.bridge is not None else None
        return service_title(state, service_id or "") if state is not None else service_id or ""

    def actor(self) -> str:
        return self.bridge.hello.user if self.bridge is not None and self.bridge.hello is not None else ""

    def _on_service_moved(self, service: str) -> None:
        self.service_id = service
        self.restate()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_X and not event.isAutoRepeat():
            self.controls.abort.release()
        super().keyReleaseEvent(event)

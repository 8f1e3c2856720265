"""Asks the engine for plans and starts them; and what people's guards need: approvals, the broken glass, a lifted quarantine."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from mlcontrol.core.operation import OperationKind
from mlcontrol.core.overriding import open_to
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import needs_engine
from mlcontrol.gui.pages.rollouts_controls import PLAN
from mlcontrol.gui.pages.rollouts_journey import Journey
from mlcontrol.gui.viewmodels.plan_sheet import confirm_label, override_label, start_refusal
from mlcontrol.gui.viewmodels.rollout_board import kind_words, live_operation


class Planning:
    """``sent``: an operation whose start was never confirmed: it may run all the same. ``breaks_glass``: against a freeze or
    without an approval, chosen for this one plan."""

    def __init__(self, page: Journey) -> None:
        self._page = page
        self.kind = OperationKind.DEPLOY
        self.sent = ""
        self.breaks_glass = False
        self.overriding = False  # going on against the rules that the policy lets this person override
        self._hash = ""
        self._asked = ""  # the request whose answer is wanted; answers to older ones are dropped
        self._rollout: RolloutSettings | None = None  # how it is planned, where not as the service's settings say
        self._starting = False
        self._void = False  # there is no plan, or no longer one, and a new one can be asked for

    def forget(self) -> None:
        self._asked = ""

    def make(self, kind: OperationKind, rollout: RolloutSettings | None = None) -> None:
        page = self._page
        if page.bridge is None or page.service_id is None:
            return
        self.kind, self._rollout = kind, rollout
        self._hash = self.sent = ""
        self.breaks_glass = self.overriding = self._void = False
        self._asked = request = page.bridge.request_id()
        words = (
            "finding the last good version and checking it"
            if kind is OperationKind.ROLLBACK
            else "reading the live state"
        )
        page.plan.show_waiting(words)
        page.show_step(PLAN)

        def on_answer(event: Any) -> None:
            if request != self._asked:
                return
            if isinstance(event, m.PlanAnswer):
                page.version, self._hash = event.plan.to_version, event.plan_hash
                page.plan.show_plan(event.plan)
                page.heading_changed.emit()
            elif isinstance(event, m.Refused):
                self._void = True
                page.plan.show_problem(event.problem)
            page.restate()

        version = page.version if kind is OperationKind.DEPLOY else None
        express = (
            kind is OperationKind.ROLLBACK
        )  # mechanical checks only: what is not known is said, and keeps nobody here
        command = m.MakePlan(
            request=request, kind=kind, service=page.service_id, version=version, express=express, rollout=rollout
        )
        page.bridge.ask(command, on_answer)

    def make_as(self, strategy: str) -> None:
        """Plan the same version another way."""
        known = self._settings()
        if known is None or self.kind is not OperationKind.DEPLOY or self._page.version is None:
            return
        changed = known if strategy == known.strategy else replace(known, strategy=strategy, steps=())
        self.make(OperationKind.DEPLOY, changed)

    def execute(self) -> None:
        """Start the plan that is shown; where none is left, ask for a new one and keep the reason that was written."""
        page, plan = self._page, self._page.plan.plan
        if self._void and not self.refusal():
            reason = page.plan.reason.text()
            self.make(self.kind, self._rollout)
            page.plan.reason.setText(reason)
            return
        if page.bridge is None or plan is None or self.refusal():
            return
        operation_id, reason = f"op-{uuid.uuid4().hex[:12]}", page.plan.reason.text().strip()
        self._starting, self.sent = True, operation_id
        page.restate()

        def on_answer(event: Any) -> None:
            self._starting = False
            if isinstance(event, m.Refused):
                self._hash, self._void = "", True
                page.plan.show_problem(event.problem)
                page.restate()
            else:
                page.open_operation(operation_id)

        page.bridge.ask(
            m.Execute(
                request=page.bridge.request_id(),
                operation=operation_id,
                plan_hash=self._hash,
                reason=reason,
                actor=page.actor(),
                accept_unknown=bool(plan.unknown),
                break_glass=self.breaks_glass,
                overrides=dict.fromkeys(open_to(plan, page.actor()), reason) if self.overriding else {},
            ),
            on_answer,
        )

    def refusal(self) -> str:
        """Why the plan cannot be started now; empty: it can."""
        page, context = self._page, self._page.context()
        live = live_operation(context.state.operations, page.service_id) if context.state is not None else None
        running = kind_words(live).lower() if live is not None else ""
        away = ("starting" if self._starting else "") or needs_engine(context)
        if self._void:
            return away or (f"{running} is still running" if running else "")
        return away or start_refusal(
            page.plan.plan if self._hash else None,
            page.plan.reason.text(),
            context.view_only,
            running,
            page.actor(),
            self.overriding,
        )

    def confirm_words(self) -> str:
        if self._void:
            return "Plan again"
        words = confirm_label(self._page.plan.plan, self.overriding)
        return f"Break the glass: {words}" if self.breaks_glass else words

    def override_words(self) -> str:
        return override_label(self._page.plan.plan, self._page.actor(), self.overriding)

    def override(self) -> None:
        """Choose, or choose not, to go on against the rules that the policy lets this person override."""
        if self.override_words():
            self.overriding = not self.overriding
            self._page.restate()
            self._page.plan.reason.setFocus()

    def break_glass(self) -> None:
        """Choose, or choose not, to start this plan against a freeze or without the approval it needs."""
        if self._hash and self.kind is OperationKind.DEPLOY:
            self.breaks_glass = not self.breaks_glass
            self._page.restate()

    def approve(self) -> None:
        """Say yes to this plan for somebody else to run, with the reason that is written."""
        page = self._page
        if page.bridge is None or page.service_id is None or not self._hash or self._needs_reason():
            return
        command = m.ApprovePlan(
            request=page.bridge.request_id(),
            service=page.service_id,
            plan_hash=self._hash,
            actor=page.actor(),
            reason=page.plan.reason.text().strip(),
        )
        self._say(command, "Approved, for somebody else to run", then=None)

    def lift(self) -> None:
        """Let the version of this plan return from its quarantine, with the reason that is written; then plan anew."""
        page, plan = self._page, self._page.plan.plan
        if page.bridge is None or plan is None or self._needs_reason():
            return
        command = m.LiftQuarantine(
            request=page.bridge.request_id(),
            service=plan.service,
            version=plan.to_version,
            actor=page.actor(),
            reason=page.plan.reason.text().strip(),
        )
        self._say(
            command, f"v{plan.to_version} may be deployed again", then=lambda: self.make(self.kind, self._rollout)
        )

    def _needs_reason(self) -> bool:
        """Without a reason the cursor goes where one is written."""
        reason = self._page.plan.reason
        if reason.text().strip():
            return False
        reason.setFocus()
        return True

    def _say(self, command: m.Command, toast: str, then: Any) -> None:
        page = self._page

        def on_answer(event: Any) -> None:
            if isinstance(event, m.Refused):
                if page.shell is not None:
                    page.shell.problem(event.problem)
                return
            if page.shell is not None:
                page.shell.toast(toast, "done")
            if then is not None:
                then()

        if page.bridge is not None:
            page.bridge.ask(command, on_answer)

    def _settings(self) -> RolloutSettings | None:
        state = self._page.bridge.state if self._page.bridge is not None else None
        service = state.settings.services.get(self._page.service_id or "") if state is not None else None
        return service.rollout if service is not None else None

"""What a person says to the rollout that runs: hold, go on, clear a fail, abort."""

from __future__ import annotations

import time
from typing import Any

from mlcontrol.core.judge.policy import TITLES
from mlcontrol.core.operation import Phase
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Context, needs_engine
from mlcontrol.gui.pages.rollouts_journey import Journey
from mlcontrol.gui.viewmodels.rollout_evidence import Judged, judged


class RunningRollout:
    """Asks the engine; nothing here decides."""

    def __init__(self, page: Journey) -> None:
        self._page = page

    def judged(self) -> Judged | None:
        operation = self._page.operation()
        return judged(operation, time.time()) if operation is not None else None

    def may_abort(self, context: Context) -> str:
        operation = self._page.operation()
        if operation is None or operation.phase.ended:
            return "nothing runs"
        if operation.phase is Phase.RETURNING:
            return "it is going back already"
        return needs_engine(context) or context.view_only

    def abort(self) -> None:
        page, operation = self._page, self._page.operation()
        if page.bridge is None or operation is None:
            return
        command = m.Abort(request=page.bridge.request_id(), operation=operation.id, actor=page.actor())
        self._ask(command, "Abort is on its way to the engine")

    def hold(self) -> None:
        page, operation, now = self._page, self._page.operation(), self.judged()
        if page.bridge is None or operation is None or now is None:
            return
        self._ask(
            m.HoldStage(request=page.bridge.request_id(), operation=operation.id, actor=page.actor(), hold=not now.held)
        )

    def promote(self) -> None:
        page, operation = self._page, self._page.operation()
        if page.bridge is None or operation is None or operation.live is None or self.judged() is None:
            return
        if page.controls.promote.reason:
            page.board.reason.setFocus()
            return
        command = m.PromoteStage(
            request=page.bridge.request_id(),
            operation=operation.id,
            actor=page.actor(),
            reason=self._reason(),
            step=operation.live.step,
        )
        self._ask(command)

    def clear(self) -> None:
        """Take the first latched fail away, with the reason that is written; without one the cursor goes there."""
        page, operation = self._page, self._page.operation()
        if page.bridge is None or operation is None or operation.live is None or not operation.live.failed:
            return
        if not page.board.reason.text().strip():
            page.board.reason.setFocus()
            return
        guard = operation.live.failed[0]
        command = m.ClearGuard(
            request=page.bridge.request_id(),
            operation=operation.id,
            guard=guard,
            actor=page.actor(),
            reason=self._reason(),
        )
        self._ask(command, f"{TITLES.get(guard, guard)}: cleared, with your reason")

    def on_reason(self) -> None:
        """Enter in the reason's field: what it was written for. A fail must be cleared before anything can go on."""
        now = self.judged()
        if now is not None and now.clear:
            self.clear()
        else:
            self.promote()

    def _reason(self) -> str:
        board = self._page.board
        reason = board.reason.text().strip()
        board.reason.clear()
        board.steps.setFocus()
        return reason

    def _ask(self, command: m.Command, toast: str = "") -> None:
        shell = self._page.shell

        def on_answer(event: Any) -> None:
            if shell is None:
                return
            if isinstance(event, m.Refused):
                shell.problem(event.problem)
            elif toast:
                shell.toast(toast, "running")

        if self._page.bridge is not None:
            self._page.bridge.ask(command, on_answer)

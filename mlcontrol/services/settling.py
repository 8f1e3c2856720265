"""Operations that a crash left open are settled by observation: done, not started, returned, or unresolved at a named step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from mlcontrol.core import journal, rollout
from mlcontrol.core.audit import AuditRow
from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.problem import Problem
from mlcontrol.core.rollout import Machine
from mlcontrol.core.state import RECENT_OPERATIONS
from mlcontrol.ports.errors import problem_of
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.effects import Effects
from mlcontrol.services.live import LiveState, observe
from mlcontrol.services.operation_run import OperationRun

RETRY_S = 10.0


class Settler:
    """Tries until each open operation is settled; never repeats an effect blindly. *Thread:* its own."""

    def __init__(self, ctx: ServiceContext, lend: Callable[[OperationRun, str], None]) -> None:
        self._ctx = ctx
        self._lend = lend
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Tell what earlier engines did, and truthfully what is open now; then settle that on a thread."""
        audit = self._ctx.store.audit
        open_now = audit.open_operations()
        for operation_id in dict.fromkeys(audit.recent_operations(RECENT_OPERATIONS) + open_now):
            operation = journal.fold(audit.of_operation(operation_id))
            if operation is not None:
                self._ctx.emit(_found(operation) if operation_id in open_now else operation)
        if open_now:
            self._thread = threading.Thread(target=self._work, args=(list(open_now),), name="settler")
            self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10.0)

    def _work(self, waiting: list[str]) -> None:
        while waiting and not self._stop.is_set():
            waiting = [operation_id for operation_id in waiting if not self._settle(operation_id)]
            if waiting:
                self._stop.wait(RETRY_S)

    def _settle(self, operation_id: str) -> bool:
        rows = self._ctx.store.audit.of_operation(operation_id)
        operation = journal.fold(rows)
        if operation is None:
            return True
        try:
            run = _resume(self._ctx, rows, operation)
            self._lend(run, operation.service)
        except Exception as error:  # noqa: BLE001 - an unreadable world leaves the operation unresolved; it is tried again
            self._ctx.emit(_unresolved(operation, problem_of(error)))
            return False
        return operation_id not in self._ctx.store.audit.open_operations()


def _resume(ctx: ServiceContext, rows: tuple[AuditRow, ...], operation: Operation) -> OperationRun:
    before = LiveState.from_body(journal.before_of(rows))
    effects = Effects(ctx, operation.service, operation.kind, operation.to_version, before.current, before, None)
    return OperationRun.resumed(ctx, rows, effects, decide(operation, observe(ctx, operation.service), before))


def decide(operation: Operation, live: LiveState, before: LiveState) -> Machine:
    """On or back, from what is really there.

    Where the traffic has moved and the new version had proven itself, or the operation is a rollback, it goes on: proof
    first. Otherwise it goes back.
    """
    attempted = journal.attempted_steps(operation)
    moved = live.current == operation.to_version and before.current != operation.to_version
    proven = any(step.id == rollout.VERIFY and step.state is StepState.DONE for step in operation.steps)
    returning = any(step.id.startswith("return-") for step in operation.steps)
    if moved and not returning and (proven or operation.kind is OperationKind.ROLLBACK):
        return rollout.resume_forward(operation.kind, attempted, rollout.VERIFY)
    stopped_at = next(
        (step.title for step in reversed(operation.steps) if step.state is not StepState.WAITING), "its start"
    )
    cause = Problem(f"The engine ended at “{stopped_at}”.", "What was done is put back.", code="interrupted")
    return rollout.resume_return(operation.kind, attempted, cause)


def _found(operation: Operation) -> Operation:
    words = "The engine ended in the middle of this. Reading the real state now."
    return replace(operation, phase=Phase.SETTLING, summary=words)


def _unresolved(operation: Operation, problem: Problem) -> Operation:
    step = next((s.title for s in reversed(operation.steps) if s.state is StepState.RUNNING), "its start")
    words = f"Unresolved at “{step}”: the real state cannot be read yet. Tried again every {RETRY_S:.0f} s."
    return replace(operation, phase=Phase.UNRESOLVED, summary=words, problem=problem)

"""Operations that a crash left open are settled by observation: done, not started, returned, or unresolved at a named step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import msgspec

from mlcontrol.core import journal, rollout
from mlcontrol.core.audit import AuditRow
from mlcontrol.core.coupling import Move
from mlcontrol.core.lease import LeaseTakenError
from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.rollout import Machine
from mlcontrol.core.state import RECENT_OPERATIONS
from mlcontrol.core.strategy import Strategy
from mlcontrol.ports.errors import problem_of
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.effects import Effects
from mlcontrol.services.holding import Holding, hold, targets
from mlcontrol.services.live import LiveState, observe
from mlcontrol.services.operation_run import OperationRun
from mlcontrol.services.runbook import left_in_the_middle

RETRY_S = 10.0


class Settler:
    """Tries until each open operation is settled; never repeats an effect blindly. *Thread:* its own.

    In a store that several engines share it settles only what it can take the lease of: what another engine carries out right
    now is that engine's.
    """

    def __init__(
        self, ctx: ServiceContext, lend: Callable[[OperationRun, str], None], on_end: Callable[[OperationRun], None]
    ) -> None:
        """``lend``: drives an operation on the calling thread. ``on_end``: gives back what it held."""
        self._ctx = ctx
        self._lend = lend
        self._on_end = on_end
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Tell what earlier engines did, and truthfully what is open now; then settle that on a thread."""
        audit = self._ctx.store.audit
        open_now = audit.open_operations()
        for operation_id in dict.fromkeys(audit.recent_operations(RECENT_OPERATIONS) + open_now):
            operation = journal.fold(audit.of_operation(operation_id))
            if operation is not None:
                left = operation_id in open_now and not self._runs_elsewhere(operation)
                self._ctx.emit(_found(operation) if left else operation)
        self.add(*open_now)

    def add(self, *operations: str) -> None:
        """Settle these too, as soon as the store and the world can be read."""
        with self._lock:
            self._waiting += [operation for operation in operations if operation not in self._waiting]
            if self._waiting and self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._work, name="settler")
                self._thread.start()

    def take_over(self, service: str, kind: OperationKind, actor: str) -> bool:
        """Called with the lease in hand: what was left open on this service must not be built upon unseen.

        A rollback ends it and goes on from what is really there (True). Anything else is refused until it is settled.
        """
        left = [operation for operation in self._open() if operation.service == service]
        if not left:
            return False
        if kind is not OperationKind.ROLLBACK:
            self.add(*(operation.id for operation in left))
            raise ProblemError(_unsettled(left[0]))
        for operation in left:
            summary = f"Left at “{_stopped_at(operation)}” when its engine ended; a rollback by {actor} took over."
            body = journal.outcome_body(Phase.ABORTED, summary, None)
            action = journal.action(operation.kind, journal.OUTCOME)
            self._ctx.store.audit.append(actor, action, body, service, operation.id)
            self._tell(operation.id)
        return True

    def close(self) -> None:
        self._stop.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(10.0)

    def _work(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                waiting = list(self._waiting)
            settled = {
                operation_id for operation_id in waiting if not self._stop.is_set() and self._settle(operation_id)
            }
            with self._lock:
                self._waiting = [operation_id for operation_id in self._waiting if operation_id not in settled]
                if not self._waiting:
                    self._thread = None
                    return
            self._stop.wait(RETRY_S)

    def _settle(self, operation_id: str) -> bool:
        """True when nothing is left to do about it."""
        operation: Operation | None = None
        try:
            operation = journal.fold(self._ctx.store.audit.of_operation(operation_id))
            if operation is None:
                return True
            if operation.phase.ended:
                self._ctx.emit(operation)
                return True
            holding = hold(self._ctx, operation.service, operation_id, operation.actor, "settling")
        except LeaseTakenError as taken:
            if operation is not None and taken.holder.operation == operation_id:
                self._ctx.emit(operation)  # another engine carries it out
            return False
        except Exception as error:  # noqa: BLE001 - a store that is away comes back; it is tried again
            if operation is not None:
                self._ctx.emit(_unresolved(self._ctx, operation, problem_of(error)))
            return False
        return self._settle_held(operation, holding)

    def _settle_held(self, operation: Operation, holding: Holding) -> bool:
        """``holding`` is given back here or by the run that it was lent to."""
        lent = False
        try:
            rows = self._ctx.store.audit.of_operation(operation.id)  # read again: now nobody else writes them
            fresh = journal.fold(rows)
            if fresh is None or fresh.phase.ended:
                return True
            run = _resume(self._ctx, rows, fresh, self._on_end, holding)
            lent = True
            self._lend(run, operation.service)
            return operation.id not in self._ctx.store.audit.open_operations()
        except Exception as error:  # noqa: BLE001 - an unreadable world leaves the operation unresolved; it is tried again
            self._ctx.emit(_unresolved(self._ctx, operation, problem_of(error)))
            return False
        finally:
            if not lent:
                holding.end()

    def _runs_elsewhere(self, operation: Operation) -> bool:
        try:
            holder = self._ctx.store.leases.holder(targets(self._ctx, operation.service))
        except ProblemError:
            return False
        return holder is not None and holder.operation == operation.id

    def _open(self) -> list[Operation]:
        audit = self._ctx.store.audit
        found = [journal.fold(audit.of_operation(operation_id)) for operation_id in audit.open_operations()]
        return [operation for operation in found if operation is not None]

    def _tell(self, operation_id: str) -> None:
        operation = journal.fold(self._ctx.store.audit.of_operation(operation_id))
        if operation is not None:
            self._ctx.emit(operation)


def _resume(
    ctx: ServiceContext,
    rows: tuple[AuditRow, ...],
    operation: Operation,
    on_end: Callable[[OperationRun], None],
    holding: Holding,
) -> OperationRun:
    before = LiveState.from_body(journal.before_of(rows))
    recorded = journal.strategy_of(rows)
    strategy = Strategy() if recorded is None else msgspec.convert(recorded, Strategy)
    effects = Effects(
        ctx,
        operation.service,
        operation.kind,
        operation.to_version,
        before.current,
        before,
        None,
        strategy=strategy,
        moves=msgspec.convert(journal.moves_of(rows), tuple[Move, ...]),
    )
    machine = decide(operation, observe(ctx, operation.service), before)
    return OperationRun.resumed(ctx, rows, effects, machine, on_end, holding)


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
        forward = tuple(step.id for step in operation.steps if not step.id.startswith(rollout.RETURN))
        return rollout.resume_forward(operation.kind, attempted, _after_route(forward), forward)
    cause = Problem(
        f"The engine ended at “{_stopped_at(operation)}”.", "What was done is put back.", code="interrupted"
    )
    return rollout.resume_return(operation.kind, attempted, cause)


def _after_route(forward: tuple[str, ...]) -> str:
    """What is coupled to the version moves right after the traffic, before the proof; done already is found to be done."""
    position = forward.index(rollout.ROUTE) + 1 if rollout.ROUTE in forward else len(forward)
    return forward[position] if position < len(forward) else rollout.VERIFY


def _found(operation: Operation) -> Operation:
    words = "The engine ended in the middle of this. Reading the real state now."
    return replace(operation, phase=Phase.SETTLING, summary=words)


def _unresolved(ctx: ServiceContext, operation: Operation, problem: Problem) -> Operation:
    step = next((s.title for s in reversed(operation.steps) if s.state is StepState.RUNNING), "its start")
    words = f"Unresolved at “{step}”: the real state cannot be read yet. Tried again every {RETRY_S:.0f} s."
    told = left_in_the_middle(ctx, operation, problem)
    return replace(operation, phase=Phase.UNRESOLVED, summary=words, problem=told)


def _stopped_at(operation: Operation) -> str:
    return next((step.title for step in reversed(operation.steps) if step.state is not StepState.WAITING), "its start")


def _unsettled(operation: Operation) -> Problem:
    return Problem(
        f"An earlier {operation.kind.value} of v{operation.to_version} on {operation.service} was interrupted and is not settled.",
        f"It stopped at “{_stopped_at(operation)}”; it is being settled now, by reading the real state.",
        "Wait for its end and plan again, or roll back: a rollback takes over.",
        code="conflict",
    )

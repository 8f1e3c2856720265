"""One running operation: the state machine driven through its effects, with a journal row before and after each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from mlcontrol.core import journal, rollout
from mlcontrol.core.audit import AuditRow
from mlcontrol.core.bisect import found_in
from mlcontrol.core.coupling import order_of
from mlcontrol.core.lease import LeaseLostError, what_of
from mlcontrol.core.operation import LiveStage, Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem
from mlcontrol.core.rollout import AbortAsked, EffectDone, EffectFailed, Machine
from mlcontrol.core.stage import StageEvent
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.ports.errors import problem_of
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.effects import Effects
from mlcontrol.services.evidence import evidence_of
from mlcontrol.services.holding import Holding
from mlcontrol.services.operation_words import ending_words
from mlcontrol.services.runbook import left_in_the_middle, truth
from mlcontrol.services.staging import StageInterruptedError, StageRunner

_EVENT_KIND = {
    OperationKind.DEPLOY: EventKind.DEPLOY,
    OperationKind.ROLLBACK: EventKind.ROLLBACK,
    OperationKind.PROBE: EventKind.PROBE,
    OperationKind.DRILL: EventKind.DRILL,
    OperationKind.BISECT: EventKind.PROBE,
}


class OperationRun:
    """Journals, acts, reads back, tells. Constructed with a plan for a new operation, or by `resumed` for one found open."""

    def __init__(
        self,
        ctx: ServiceContext,
        operation_id: str,
        plan: Plan | None,
        effects: Effects,
        reason: str,
        actor: str,
        on_end: Callable[[OperationRun], None],
        holding: Holding,
    ) -> None:
        """``on_end``: gives the target free; called before the end is told, so that whoever hears of it may act at once."""
        self._ctx = ctx
        self.operation_id = operation_id
        self.service = effects.service
        self.kind = effects.kind
        self.actor = actor
        self._plan = plan
        self._effects = effects
        self._reason = reason
        self._on_end = on_end
        self.holding = holding
        holding.when_asked(self._make_room)
        self.lost = False  # True: the journal or the lease failed it; what it left open is settled by observation
        self._rows: list[AuditRow] = []
        self._abort: Problem | None = None
        self._turning = threading.Lock()  # between an abort and the last step's end
        self._started_mono_s = ctx.clock.mono_s()
        express = plan.express if plan is not None else False
        self._machine = rollout.begin(effects.kind, express, effects.strategy, order_of(effects.kind, effects.moves))
        self._leaving = False
        self._live: LiveStage | None = None
        self._stands = ""
        effects.tell = self._tell_where_it_stands
        self._stages = StageRunner(ctx, effects, effects.strategy, self._note, self._show)
        self._thread: threading.Thread | None = None

    @classmethod
    def resumed(
        cls,
        ctx: ServiceContext,
        rows: tuple[AuditRow, ...],
        effects: Effects,
        machine: Machine,
        on_end: Callable[[OperationRun], None],
        holding: Holding,
    ) -> OperationRun:
        """An operation that a crash left open, driven on from ``machine``."""
        first = rows[0]
        operation = journal.fold(rows)
        reason = operation.reason if operation is not None else ""
        run = cls(ctx, first.operation, None, effects, reason, first.actor, on_end, holding)
        run._rows = list(rows)
        run._stages.remember(journal.latched_of(rows))
        run._machine = machine
        return run

    def start(self) -> None:
        """Write the intent durably, then run on a thread. Raises when the intent cannot be written: then nothing happens."""
        assert self._plan is not None
        self._journal_intent(self._plan)
        self._tell_begun(self._plan)
        self._thread = threading.Thread(target=self.run_here, name=f"operation-{self.operation_id[:8]}")
        self._thread.start()

    def run_now(self) -> Operation:
        """Write the intent, run on the calling thread, return the operation as it ended."""
        assert self._plan is not None
        self._journal_intent(self._plan)
        self.run_here()
        operation = journal.fold(self._rows)
        assert operation is not None
        return operation

    def run_here(self) -> None:
        """Drive the machine to its end on the calling thread."""
        lost: Problem | None = None
        try:
            while not self._machine.phase.ended:
                self._one_step()
            self.holding.check()
            summary, problem = self._finish(self._machine)
        except StageInterruptedError:
            self.lost = True  # left as it is, on purpose: settled at the next start
        except Exception as error:  # noqa: BLE001 - the journal, the lease or the code itself failed: say so, settle later
            self.lost = True
            lost = problem_of(error)
        finally:
            self._on_end(self)
        if not self.lost:
            self._tell_end(self._machine.phase, summary, problem)
        elif lost is not None:
            self._lost(lost)

    def abort(self, actor: str, reason: str) -> bool:
        """False when it has come to its end already, so that there is nothing to abort."""
        words = f"{actor} aborted it" + (f": {reason}" if reason else "")
        with self._turning:
            if self._machine.phase.ended:
                return False
            self._abort = Problem(words, code="aborted")
        self._stages.wake()
        return True

    @property
    def plan_hash(self) -> str:
        operation = journal.fold(self._rows)
        return operation.plan_hash if operation is not None else ""

    @property
    def begun_s(self) -> float:
        """UTC seconds."""
        return self._rows[0].at_s if self._rows else self._ctx.clock.utc_s()

    def ask(self, event: StageEvent, step: str = "") -> None:
        """What a person asks of the stage that is judged now: hold, go on, clear a guard. Raises `ProblemError` when refused."""
        self._stages.ask(event, step, self.plan_hash)

    def leave(self) -> None:
        """The engine ends: leave a stage that is being judged where it is. The next start settles it by what it finds."""
        self._leaving = True
        self._stages.wake()

    def _make_room(self, asked_by: str) -> None:
        """Another engine's rollback wants this target, which is asked for what may be taken over only."""
        self.abort(asked_by, "a rollback takes over")

    @property
    def what(self) -> str:
        return what_of(self.kind.value, self._effects.to_version)

    def join(self, timeout_s: float) -> bool:
        if self._thread is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    def age_words(self) -> str:
        return f"{self._ctx.clock.mono_s() - self._started_mono_s:.0f} s"

    def _one_step(self) -> None:
        if self._abort is not None and self._machine.phase is Phase.RUNNING:
            abort, self._abort = self._abort, None
            self._machine = rollout.advance(self._machine, AbortAsked(abort))
            return
        step = self._machine.current
        assert step is not None
        started = self._ctx.clock.mono_s()
        self.holding.check()
        self._journal_step(step, StepState.RUNNING, "")
        try:
            self.holding.check()
            evidence = (
                self._stages.run(step, self._go_on) if rollout.is_judged(step) else self._effects.run(step, self._go_on)
            )
            self.holding.check()
        except LeaseLostError:
            raise  # not a step that failed: what comes next is for whoever holds the target now
        except StageInterruptedError as interrupted:
            if self._leaving:
                raise
            self._journal_step(step, StepState.FAILED, str(interrupted))
            return  # the abort is met at the next step
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the step counts as attempted and is undone
            problem = problem_of(error)
            self._journal_step(step, StepState.FAILED, problem.what)
            self._machine = rollout.advance(self._machine, EffectFailed(step, problem))
            return
        self._journal_step(step, StepState.DONE, evidence)
        if self._machine.phase is Phase.RUNNING and step != rollout.LOAD and not rollout.is_judged(step):
            self._ctx.store.knowledge.record_seconds(self.service, step, self._ctx.clock.mono_s() - started)
        self._step_done(step)

    def _step_done(self, step: str) -> None:
        """An abort that was asked for while the last step ran is met before the end. A proven rollback does not go back."""
        with self._turning:
            machine = rollout.advance(self._machine, EffectDone(step))
            if machine.phase is Phase.DONE and self._abort is not None and self.kind is OperationKind.DEPLOY:
                machine = rollout.advance(self._machine, AbortAsked(self._abort))
            self._machine = machine

    def _go_on(self) -> None:
        """Called often while a stage is judged: raises to leave it."""
        self.holding.check()
        if self._abort is not None:
            raise StageInterruptedError(self._abort.what)
        if self._leaving:
            raise StageInterruptedError("the engine ended")

    def _note(self, text: str, latched: Mapping[str, str]) -> None:
        self._append(journal.NOTE, journal.note_body(text, latched))

    def _show(self, live: LiveStage | None) -> None:
        self._live = live
        if live is not None:
            self._tell()

    def _tell_where_it_stands(self, words: str) -> None:
        self._stands = words
        self._tell()

    def _journal_intent(self, plan: Plan) -> None:
        steps = [(step.id, step.expected_s) for step in plan.steps]
        body = journal.intent_body(plan, self._reason, steps, self._effects.before.as_body())
        body["evidence"] = self._ctx.store.audit.put_evidence(evidence_of(plan))
        self._append(journal.INTENT, body)

    def _journal_step(self, step: str, state: StepState, detail: str) -> None:
        self._stands = ""
        self._append(journal.STEP, journal.step_body(step, state, self._machine.phase, detail))

    def _append(self, what: str, body: dict[str, object]) -> None:
        action = journal.action(self.kind, what)
        self._write(action, body)
        self._tell()

    def _write(self, action: str, body: dict[str, object]) -> None:
        row = self._ctx.store.audit.append(self.actor, action, body, self.service, self.operation_id)
        self._rows.append(row)

    def _tell(self) -> Operation:
        operation = journal.fold(self._rows)
        assert operation is not None
        if self._live is not None:
            operation = replace(operation, live=self._live)
        if self._stands:
            operation = replace(operation, steps=_standing(operation.steps, self._stands))
        self._ctx.emit(operation)
        return operation

    def _finish(self, machine: Machine) -> tuple[str, Problem | None]:
        summary, problem = ending_words(self._ctx, self._effects, machine, self._stages.judgement)
        self._remember(machine)
        compared = self.kind is OperationKind.BISECT and machine.phase is Phase.DONE
        found = found_in(self._stages.judgement).value if compared else ""
        body = journal.outcome_body(machine.phase, summary, problem, found)
        self._write(journal.action(self.kind, journal.OUTCOME), body)
        return summary, problem

    def _tell_end(self, phase: Phase, summary: str, problem: Problem | None) -> None:
        self._tell()
        self._tell_timeline(phase, summary, problem)
        if self.kind is not OperationKind.PROBE:
            self._ctx.refresh(self.service)

    def _remember(self, machine: Machine) -> None:
        knowledge, effects = self._ctx.store.knowledge, self._effects
        if self.kind not in (OperationKind.DEPLOY, OperationKind.ROLLBACK):
            return
        if machine.phase is Phase.DONE or machine.undone:
            old = effects.before.current
            if self.kind is OperationKind.DEPLOY and old is not None:
                knowledge.mark_known_good(self.service, old)
            knowledge.mark_known_good(self.service, effects.to_version)
            knowledge.lift(self.service, effects.to_version)
            if self.kind is OperationKind.ROLLBACK:
                seconds = self._ctx.clock.mono_s() - self._started_mono_s
                knowledge.record_seconds(self.service, "rollback", seconds)
                left = self._left()
                if left is not None and left != effects.to_version:
                    knowledge.quarantine(self.service, left, self._reason or "rolled back", self.actor)
        elif machine.phase is Phase.RETURNED and machine.cause is not None and machine.cause.code == "judged-worse":
            # A return by itself is a rollback too: what the judge found must not come back unnoticed.
            knowledge.quarantine(self.service, effects.to_version, machine.cause.what, self.actor)

    def _left(self) -> str | None:
        """The version that a rollback leaves: not always the one with most of the traffic, that of a canary is on a share."""
        operation = journal.fold(self._rows)
        return None if operation is None else operation.from_version

    def _tell_timeline(self, phase: Phase, summary: str, problem: Problem | None) -> None:
        effects = self._effects
        now = self._ctx.clock.utc_s()
        severity = {Phase.DONE: Health.OK, Phase.FAILED: Health.CRITICAL, Phase.CONFLICT: Health.CRITICAL}.get(
            phase, Health.WARNING
        )
        if self.kind is OperationKind.ROLLBACK and phase in (Phase.REFUSED, Phase.RETURNED):
            severity = Health.CRITICAL  # what was to be left still serves
        ending = "" if phase is Phase.DONE else f" {phase.value}"
        title = f"{self.kind.value} of v{effects.to_version}{ending}"
        there = phase is Phase.DONE or bool(self._machine.undone)
        moved = self.kind is not OperationKind.BISECT
        if not moved:
            title = f"bisect of v{effects.before.current} against v{effects.to_version}{ending}: {summary}"
        self._ctx.emit(
            TimelineEvent(
                id=f"operation-{self.operation_id}",
                at_s=effects.routed_s if there and effects.routed_s else now,
                kind=_EVENT_KIND[self.kind],
                title=title,
                service=self.service,
                detail=summary if problem is None else f"{summary} {problem}",
                source="panel",
                actor=self.actor,
                severity=severity,
                version_from=self._left() if self.kind is OperationKind.ROLLBACK else effects.before.current,
                version_to=effects.to_version if there and moved else effects.before.current,
                operation=self.operation_id,
            )
        )

    def _tell_begun(self, plan: Plan) -> None:
        """A bisect is a step of an investigation: its log tells when it began, too."""
        if self.kind is not OperationKind.BISECT:
            return
        title = f"bisect of v{plan.from_version} against v{plan.to_version} begun: {plan.strategy.words}"
        self._ctx.emit(
            TimelineEvent(
                id=f"operation-{self.operation_id}-begun",
                at_s=self._ctx.clock.utc_s(),
                kind=EventKind.PROBE,
                title=title,
                service=self.service,
                detail=self._reason,
                source="panel",
                actor=self.actor,
                operation=self.operation_id,
            )
        )

    def _lost(self, problem: Problem) -> None:
        """The journal could not be written, or the target belongs to somebody else: nothing more is done here."""
        overtaken = problem.code == "conflict"
        then = (
            "What it was doing may still have come through."
            if overtaken
            else "It is settled by reading the real state."
        )
        operation = journal.fold(self._rows)
        if operation is not None and not overtaken:  # not "running": nobody drives it now
            told = left_in_the_middle(self._ctx, operation, problem)
            words = f"Stopped in the middle; {then[:1].lower()}{then[1:]} {truth(self._ctx, self.service)}"
            self._ctx.emit(replace(operation, phase=Phase.UNRESOLVED, summary=words, problem=told))
            problem = told
        self._ctx.emit(
            TimelineEvent(
                id=f"operation-{self.operation_id}-lost",
                at_s=self._ctx.clock.utc_s(),
                kind=_EVENT_KIND[self.kind],
                title=f"{self.kind.value} of v{self._effects.to_version} stopped",
                service=self.service,
                detail=f"{problem} {then}",
                actor=self.actor,
                severity=Health.CRITICAL,
                operation=self.operation_id,
            )
        )


def _standing(steps: tuple[Step, ...], words: str) -> tuple[Step, ...]:
    """The step that runs says where it stands."""
    return tuple(replace(step, detail=words) if step.state is StepState.RUNNING else step for step in steps)


def give_back(run: OperationRun) -> None:
    """The ``on_end`` of an operation that nobody else keeps a list of."""
    run.holding.end()

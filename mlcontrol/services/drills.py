"""Drills: the way back walked on purpose, on a shadow or for real, each part of it timed and remembered."""

from __future__ import annotations

import uuid
from dataclasses import replace

from mlcontrol.core import rollout
from mlcontrol.core.drill import Drill, DrillMode, measured, passed
from mlcontrol.core.operation import Operation, OperationKind
from mlcontrol.core.plan import Plan, PlanStep
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.services.context import ChecksService, ServiceContext
from mlcontrol.services.effects import Effects
from mlcontrol.services.holding import hold
from mlcontrol.services.live import observe, service_settings
from mlcontrol.services.operation_run import OperationRun, give_back
from mlcontrol.services.planning import make_plan

QUIET_PER_S = 1.0


class DrillRoom:
    """*Thread:* any; `run` takes as long as the drill."""

    def __init__(self, ctx: ServiceContext, checks: ChecksService) -> None:
        self._ctx = ctx
        self._checks = checks

    def run(self, service: str, mode: DrillMode, actor: str, reason: str, quiet_per_s: float | None = None) -> Drill:
        """Exercise the rollback that `R` would do now. Raises `ProblemError` when it must not be tried; a drill that was tried and
        failed is an answer.

        ``quiet_per_s``: for real only while callers ask less often than this; traffic that is not known is not quiet.
        """
        if self._ctx.view_only:
            raise ProblemError(Problem("This engine may only look.", self._ctx.view_only, "", code="blocked"))
        if mode is DrillMode.REAL:
            self._require_quiet(service, QUIET_PER_S if quiet_per_s is None else quiet_per_s)
        clock = self._ctx.clock
        started = clock.mono_s()
        observe(self._ctx, service)
        detected = clock.mono_s()
        plan = make_plan(self._ctx, self._checks, OperationKind.ROLLBACK, service, None, True)
        if plan.moves and mode is DrillMode.REAL:
            raise ProblemError(_coupled(service, plan))
        decided = clock.mono_s()
        drill = Drill(
            service,
            clock.utc_s(),
            mode,
            plan.to_version,
            False,
            detected - started,
            decided - detected,
            operation=uuid.uuid4().hex,
        )
        if plan.blocked_by:
            return self._keep(replace(drill, words=" ".join(plan.blocked_by)), actor, reason)
        operation = self._walk(drill, plan, actor, reason)
        act_s, verify_s = measured(operation)
        words = operation.summary if operation.problem is None else f"{operation.summary} {operation.problem}"
        done = replace(drill, ok=passed(operation), act_s=act_s, verify_s=verify_s, words=words)
        return self._keep(done, actor, reason)

    def of(self, service: str) -> tuple[Drill, ...]:
        """Newest first."""
        service_settings(self._ctx, service)
        return self._ctx.store.drills.of(service)

    def _walk(self, drill: Drill, plan: Plan, actor: str, reason: str) -> Operation:
        ctx, service = self._ctx, drill.service
        kind = OperationKind.DRILL if drill.mode is DrillMode.REAL else OperationKind.PROBE
        with hold(ctx, service, drill.operation, actor, f"drill of the way back to v{drill.to_version}") as holding:
            live = observe(ctx, service)
            steps = tuple(PlanStep(name, rollout.TITLES[name], "", 1.0) for name in rollout.forward_steps(kind, False))
            walked = replace(
                plan,
                kind=kind,
                express=False,
                steps=steps,
                moves=(),
                assumes=live.assumption(plan.assumes.target_digest),
            )
            digest = walked.assumes.target_digest
            effects = Effects(ctx, service, kind, drill.to_version, live.current, live, walked.assumes, digest)
            run = OperationRun(ctx, drill.operation, walked, effects, reason or "drill", actor, give_back, holding)
            return run.run_now()

    def _require_quiet(self, service: str, quiet_per_s: float) -> None:
        service_settings(self._ctx, service)
        state = self._ctx.state().services.get(service)
        traffic = state.traffic_per_s if state is not None else None
        if traffic is None or traffic > quiet_per_s:
            now = (
                "It is not known how often it is asked now."
                if traffic is None
                else f"It is asked {traffic:.1f} times a second."
            )
            raise ProblemError(
                Problem(
                    f"This is no quiet hour for {service}.",
                    f"{now} A drill for real is held below {quiet_per_s:g} a second.",
                    "Drill on a shadow, come back later, or say how much traffic may feel it.",
                    code="refused",
                )
            )

    def _keep(self, drill: Drill, actor: str, reason: str) -> Drill:
        self._ctx.store.drills.put(drill)
        parts = [
            f"{name} {seconds:.1f} s"
            for name, seconds in (
                ("detect", drill.detect_s),
                ("decide", drill.decide_s),
                ("act", drill.act_s),
                ("verify", drill.verify_s),
            )
            if seconds is not None
        ]
        self._ctx.emit(
            TimelineEvent(
                id=f"drill-{drill.operation}",
                at_s=drill.at_s,
                kind=EventKind.DRILL,
                title=f"Drill of the way back to v{drill.to_version} {'passed' if drill.ok else 'failed'}",
                service=drill.service,
                detail=f"{drill.mode.value}: {', '.join(parts)}. {drill.words} {reason}".strip(),
                actor=actor,
                severity=Health.OK if drill.ok else Health.WARNING,
                version_to=drill.to_version,
                operation=drill.operation,
            )
        )
        return drill


def _coupled(service: str, plan: Plan) -> Problem:
    names = ", ".join(move.part.name for move in plan.moves)
    return Problem(
        f"The way back of {service} is not drilled for real.",
        f"With v{plan.to_version} goes its {names}: callers would feel the change twice for nothing.",
        "Drill on a shadow.",
        code="refused",
    )

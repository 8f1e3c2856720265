"""Guarded rollouts: plans are kept by their hash, operations run on threads of their own, the journal comes before each effect."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future

from mlcontrol.core.lease import LeaseTakenError, what_of
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.overriding import Overridden, override_words, remaining
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.stage import ClearAsked, HoldAsked, PromoteAsked
from mlcontrol.core.strategy import Strategy
from mlcontrol.services.context import ChecksService, ServiceContext
from mlcontrol.services.effects import LOAD_DEADLINE_S, LOAD_SETTLE_S, Effects
from mlcontrol.services.holding import Holding, hold, targets
from mlcontrol.services.live import observe
from mlcontrol.services.operation_run import OperationRun
from mlcontrol.services.permission import Permissions
from mlcontrol.services.planning import make_plan
from mlcontrol.services.settling import Settler

KEPT_PLANS = 50
PLAN_VALID_S = 900.0
TAKE_OVER_S = 2 * (LOAD_DEADLINE_S + LOAD_SETTLE_S)
"""So long at most an operation that is told to make room may still wait for a server: for a load that hangs, then to put back what
was loaded before, which may be the very version that the rollback goes to."""


class Rollouts:
    """*Thread:* any. At most one operation runs on a service; a rollback takes over from whatever runs."""

    def __init__(self, ctx: ServiceContext, checks: ChecksService) -> None:
        self._ctx = ctx
        self._checks = checks
        self._lock = threading.Lock()
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._running: dict[str, OperationRun] = {}  # by service
        self._started: set[str] = set()  # operation ids of this engine: the same id twice is one operation
        self._starting: dict[str, Future[None]] = {}  # by operation id, until it runs or was refused
        self._permissions = Permissions(ctx)
        self._settler = Settler(ctx, self._run_settled, self._finished)

    def make_plan(
        self,
        kind: OperationKind,
        service: str,
        version: str | None,
        express: bool,
        rollout: RolloutSettings | None = None,
        strategy: Strategy | None = None,
    ) -> Plan:
        plan = make_plan(self._ctx, self._checks, kind, service, version, express, rollout, strategy)
        with self._lock:
            self._plans[plan.hash] = plan
            while len(self._plans) > KEPT_PLANS:
                self._plans.popitem(last=False)
        return plan

    def execute(
        self,
        operation: str,
        plan_hash: str,
        reason: str,
        actor: str,
        accept_unknown: bool,
        break_glass: bool = False,
        automatic: bool = False,
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        """``automatic``: nobody asked for it by hand; then nothing unknown is accepted, no glass broken, no rule overridden.

        ``overrides``: the reason for going on against a rule, by its id; only those whom the policy names may.
        """
        with self._lock:
            if operation in self._started:
                return
            plan = self._plans.get(plan_hash)
            first = self._starting.get(operation)
            mine: Future[None] = Future()
            if first is None:
                self._starting[operation] = mine
        if first is not None:
            first.result()  # asked again before the first was answered: one start, and both hear the same of it
            return
        try:
            self._begin(operation, plan, reason, actor, accept_unknown, break_glass, automatic, overrides)
            mine.set_result(None)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._starting[operation]

    def _begin(
        self,
        operation: str,
        plan: Plan | None,
        reason: str,
        actor: str,
        accept_unknown: bool,
        break_glass: bool,
        automatic: bool,
        overrides: Mapping[str, str] | None,
    ) -> None:
        if self._ctx.store.audit.of_operation(operation):
            return  # journaled by an engine before this one
        asked = {} if automatic else (overrides or {})
        plan, overridden = self._admit(plan, reason, actor, accept_unknown and not automatic, asked)
        self._permissions.require(plan, actor, reason, break_glass, automatic)
        self._permissions.record_overrides(plan, actor, overridden)
        took_over = self._make_room(plan, actor, automatic)
        holding, waited = self._take(plan, operation, actor, automatic)
        try:
            self._permissions.require_no_quarantine(plan)
            found = self._settler.take_over(plan.service, plan.kind, actor)
            before = observe(self._ctx, plan.service)
            effects = Effects(
                self._ctx,
                plan.service,
                plan.kind,
                plan.to_version,
                before.current,
                before,
                None if took_over or waited or found else plan.assumes,
                strategy=plan.strategy,
                moves=plan.moves,
                checked_digest=plan.assumes.target_digest,
            )
            run = OperationRun(self._ctx, operation, plan, effects, reason, actor, self._finished, holding)
            with self._lock:
                self._running[plan.service] = run
                self._started.add(operation)
            run.start()
        except BaseException:
            with self._lock:
                self._running.pop(plan.service, None)
            holding.end()
            self._settler.add(operation)  # should its intent have become durable although nobody was told so
            raise

    def abort(self, operation: str, actor: str, reason: str) -> None:
        if not self._run_of(operation).abort(actor, reason):
            raise ProblemError(_ended())

    def hold(self, operation: str, actor: str, hold: bool) -> None:
        """Stay at the present share, or go on being judged."""
        self._run_of(operation).ask(HoldAsked(actor, hold))

    def promote(self, operation: str, actor: str, reason: str, step: str = "") -> None:
        """Leave the stage now; where the judge has not said fine, only with a reason. ``step``: the one that is meant, if given."""
        run = self._run_of(operation)
        second = self._permissions.second_person(run.plan_hash, actor, run.begun_s)
        run.ask(PromoteAsked(actor, reason, second), step)

    def clear(self, operation: str, guard: str, actor: str, reason: str) -> None:
        """Take a guard's latched fail away, with a reason."""
        self._run_of(operation).ask(ClearAsked(guard, actor, reason))

    def _run_of(self, operation: str) -> OperationRun:
        with self._lock:
            run = next((r for r in self._running.values() if r.operation_id == operation), None)
        if run is None:
            raise ProblemError(_ended())
        return run

    def running(self) -> tuple[str, ...]:
        """Ids of the operations that run now."""
        with self._lock:
            return tuple(run.operation_id for run in self._running.values())

    def settle(self) -> None:
        self._settler.start()

    def close(self, timeout_s: float = 10.0) -> None:
        self._settler.close()
        with self._lock:
            runs = list(self._running.values())
        for run in runs:
            run.leave()
            run.join(timeout_s)

    def _admit(
        self, plan: Plan | None, reason: str, actor: str, accept_unknown: bool, overrides: Mapping[str, str]
    ) -> tuple[Plan, Overridden]:
        """The guard before the first effect: everything that forbids a plan is checked here, whoever asks."""
        view_only = self._ctx.view_only
        if view_only:
            raise ProblemError(
                Problem("This engine may only look.", view_only, "Mend the store first.", code="blocked")
            )
        if plan is None or self._ctx.clock.utc_s() - plan.made_s > PLAN_VALID_S:
            raise ProblemError(
                Problem(
                    "This plan is not valid any more.",
                    "Plans live for fifteen minutes and end with the engine that made them.",
                    "Make a new plan; it takes a second.",
                    code="conflict",
                )
            )
        if not reason.strip():
            raise ProblemError(
                Problem(
                    "A reason is missing.", "Every change is recorded with its reason.", "Give one.", code="refused"
                )
            )
        left = remaining(plan, overrides, actor, accept_unknown)
        if left.blocked:
            raise ProblemError(
                Problem(
                    f"v{plan.to_version} may not be deployed."
                    if plan.kind is OperationKind.DEPLOY
                    else f"v{plan.to_version} cannot take over.",
                    " ".join(left.blocked),
                    _next_step(plan, left.blocked),
                    code="blocked",
                )
            )
        if left.unknown:
            raise ProblemError(
                Problem(
                    f"v{plan.to_version} is not deployed unless somebody answers for this.",
                    " ".join(left.unknown),
                    _next_step(
                        plan, left.unknown, "Mend or find out what is named, or accept it expressly with your reason."
                    ),
                    code="unaccepted",
                )
            )
        return plan, left.overridden

    def _make_room(self, plan: Plan, actor: str, automatic: bool) -> bool:
        """A rollback takes over from what runs; anything else is refused. True when something was taken over. From another
        rollback only a person takes over, and to another version."""
        with self._lock:
            other = self._running.get(plan.service)
        if other is None:
            return False
        if not _takes_over(plan, other.what, automatic):
            raise ProblemError(_busy(other))
        other.abort(actor, "a rollback takes over")
        if not other.join(TAKE_OVER_S):
            raise ProblemError(_busy(other))
        return True

    def _take(self, plan: Plan, operation: str, actor: str, automatic: bool) -> tuple[Holding, bool]:
        """The lease of the service's targets, and whether another engine made room for it. Only a rollback asks for room."""
        give_up_s = self._ctx.clock.mono_s() + TAKE_OVER_S
        asked = False
        while True:
            try:
                return hold(self._ctx, plan.service, operation, actor, what_of(plan.kind.value, plan.to_version)), asked
            except LeaseTakenError as taken:
                yields = _takes_over(plan, taken.holder.what, automatic)
                if not yields or self._ctx.clock.mono_s() > give_up_s:
                    raise
                if not asked:
                    self._ctx.store.leases.ask_for(targets(self._ctx, plan.service), actor)
                    asked = True
            time.sleep(0.2)

    def _run_settled(self, run: OperationRun, service: str) -> None:
        """Lend the service to an operation that is being settled; its thread is the settler's."""
        with self._lock:
            other = self._running.setdefault(service, run)
        if other is not run:
            run.holding.end()
            raise ProblemError(_busy(other))
        run.run_here()

    def _finished(self, run: OperationRun) -> None:
        with self._lock:
            if self._running.get(run.service) is run:
                del self._running[run.service]
        run.holding.end()
        if run.lost:
            self._settler.add(run.operation_id)


def _takes_over(plan: Plan, running: str, automatic: bool) -> bool:
    """Whether a plan may end what runs, told as leases tell it. The same way back twice is one; another is a person's choice."""
    if plan.kind is not OperationKind.ROLLBACK:
        return False
    if not running.startswith(OperationKind.ROLLBACK.value):
        return True
    return not automatic and running != what_of(plan.kind.value, plan.to_version)


def _next_step(
    plan: Plan, standing: tuple[str, ...], otherwise: str = "Correct what is named, or choose another version."
) -> str:
    """With who may override it, where the policy lets somebody."""
    named = dict.fromkeys(override_words(one) for one in plan.overridable if one.sentence in standing)
    return f"{otherwise} By policy {'; '.join(named)}." if named else otherwise


def _ended() -> Problem:
    return Problem(
        "This operation does not run any more.",
        "It has ended, or it belongs to another engine.",
        "Look at its last line.",
        code="not-found",
    )


def _busy(other: OperationRun) -> Problem:
    return Problem(
        f"{other.service} is being changed right now.",
        f"{other.actor} started a {other.kind.value} {other.age_words()} ago ({Phase.RUNNING.value}).",
        "Wait for its end, abort it, or roll back to another version: a rollback takes over."
        if other.kind is OperationKind.ROLLBACK
        else "Wait for its end, abort it, or roll back: a rollback takes over.",
        code="conflict",
    )

"""Checks, plans, guarded changes."""

from __future__ import annotations

import threading

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell
from mlcontrol.services.gate_backtest import backtest
from mlcontrol.services.owners import find_owners
from mlcontrol.services.patience import within
from mlcontrol.services.planning import CHECK_S, CHECKER


def _check(s: Services, c: m.CheckVersion, tell: Tell) -> m.Event:
    if c.probe:  # takes as long as the server loads, on its own deadlines
        s.may_write()
        report = s.checks.check(c.service, c.version, True, c.actor, tell)
    else:
        report = within(CHECK_S, lambda: s.checks.check(c.service, c.version, False, c.actor, tell), CHECKER)
    return m.CheckAnswer(request=c.request, service=c.service, version=c.version, report=report)


def _plan(s: Services, c: m.MakePlan, _tell: Tell) -> m.Event:
    plan = s.rollouts.make_plan(c.kind, c.service, c.version, c.express, c.rollout)
    return m.PlanAnswer(request=c.request, plan=plan, plan_hash=plan.hash)


def _owners(s: Services, c: m.FindOwners, _tell: Tell) -> m.Event:
    found = find_owners(s.ctx, c.service, c.version)
    return m.OwnersAnswer(request=c.request, owners=found.found, unread=found.unread)


def _execute(s: Services, c: m.Execute, _tell: Tell) -> m.Event:
    s.may_write()
    s.rollouts.execute(
        c.operation, c.plan_hash, c.reason, c.actor, c.accept_unknown, c.break_glass, overrides=c.overrides
    )
    return m.Done(request=c.request, text="recorded and running")


def _abort(s: Services, c: m.Abort, _tell: Tell) -> m.Event:
    s.rollouts.abort(c.operation, c.actor, c.reason)
    return m.Done(request=c.request, text="stopping at the next safe point")


def _hold(s: Services, c: m.HoldStage, _tell: Tell) -> m.Event:
    s.rollouts.hold(c.operation, c.actor, c.hold)
    return m.Done(request=c.request, text="held" if c.hold else "going on")


def _promote(s: Services, c: m.PromoteStage, _tell: Tell) -> m.Event:
    s.rollouts.promote(c.operation, c.actor, c.reason, c.step)
    return m.Done(request=c.request, text="going on to the next step")


def _clear(s: Services, c: m.ClearGuard, _tell: Tell) -> m.Event:
    s.rollouts.clear(c.operation, c.guard, c.actor, c.reason)
    return m.Done(request=c.request, text="cleared, with your reason")


class _Backtests:
    """Those that run, and whether somebody has given them up. *Thread:* any."""

    def __init__(self) -> None:
        self._given_up: dict[str, bool] = {}
        self._lock = threading.Lock()

    def run(self, s: Services, c: m.BacktestGate, tell: Tell) -> m.Event:
        with self._lock:
            self._given_up[c.request] = False

        def tell_or_end(text: str, fraction: float | None) -> None:
            if self._given_up[c.request]:
                raise ProblemError(Problem("The backtest was stopped.", "Somebody gave it up.", code="stopped"))
            tell(text, fraction)

        try:
            found = backtest(s.ctx, c.service, c.at_s, c.rollout, c.rollouts_a_month, tell_or_end)
        finally:
            with self._lock:
                del self._given_up[c.request]
        return m.GateBacktestAnswer(request=c.request, backtest=found)

    def stop(self, _s: Services, c: m.StopBacktest, _tell: Tell) -> m.Event:
        with self._lock:
            if c.of in self._given_up:
                self._given_up[c.of] = True
        return m.Done(request=c.request, text="it stops at its next progress")


_BACKTESTS = _Backtests()


TABLE: Table = {
    m.CheckVersion: (Lane.SLOW, _check),
    m.MakePlan: (Lane.SLOW, _plan),
    m.FindOwners: (Lane.SLOW, _owners),
    m.Execute: (Lane.ACT, _execute),
    m.Abort: (Lane.ACT, _abort),
    m.HoldStage: (Lane.ACT, _hold),
    m.PromoteStage: (Lane.ACT, _promote),
    m.ClearGuard: (Lane.ACT, _clear),
    m.BacktestGate: (Lane.SLOW, _BACKTESTS.run),
    m.StopBacktest: (Lane.QUICK, _BACKTESTS.stop),
}

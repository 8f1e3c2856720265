"""Checks, plans, guarded changes."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell


def _check(s: Services, c: m.CheckVersion, tell: Tell) -> m.Event:
    if c.probe:
        s.may_write()
    report = s.checks.check(c.service, c.version, c.probe, c.actor, tell)
    return m.CheckAnswer(request=c.request, service=c.service, version=c.version, report=report)


def _plan(s: Services, c: m.MakePlan, _tell: Tell) -> m.Event:
    plan = s.rollouts.make_plan(c.kind, c.service, c.version, c.express)
    return m.PlanAnswer(request=c.request, plan=plan, plan_hash=plan.hash)


def _execute(s: Services, c: m.Execute, _tell: Tell) -> m.Event:
    s.may_write()
    s.rollouts.execute(c.operation, c.plan_hash, c.reason, c.actor, c.accept_unknown, c.break_glass)
    return m.Done(request=c.request, text="recorded and running")


def _abort(s: Services, c: m.Abort, _tell: Tell) -> m.Event:
    s.rollouts.abort(c.operation, c.actor, c.reason)
    return m.Done(request=c.request, text="stopping at the next safe point")


TABLE: Table = {
    m.CheckVersion: (Lane.SLOW, _check),
    m.MakePlan: (Lane.SLOW, _plan),
    m.Execute: (Lane.ACT, _execute),
    m.Abort: (Lane.ACT, _abort),
}

"""Acting together: approvals, freezes, quarantine, drills."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell
from mlcontrol.services.live import service_settings


def _approve(s: Services, c: m.ApprovePlan, _tell: Tell) -> m.Event:
    s.may_write()
    s.permissions.approve(c.service, c.plan_hash, c.actor, c.reason)
    return m.Done(request=c.request, text="approved")


def _standing(s: Services, c: m.QueryGuards, _tell: Tell) -> m.Event:
    settings = service_settings(s.ctx, c.service)
    needed, given = s.permissions.approvals(settings, c.plan_hash, c.actor)
    return m.GuardsAnswer(request=c.request, needed=needed, approvals=given, freezes=s.permissions.freezes(settings))


def _lift(s: Services, c: m.LiftQuarantine, _tell: Tell) -> m.Event:
    s.may_write()
    s.permissions.lift_quarantine(c.service, c.version, c.actor, c.reason)
    return m.Done(request=c.request, text="lifted")


def _freeze(s: Services, c: m.AddFreeze, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.add_freeze(c.freeze, c.actor)
    return m.Done(request=c.request, text="frozen")


def _thaw(s: Services, c: m.LiftFreeze, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.lift_freeze(c.freeze, c.actor, c.reason)
    return m.Done(request=c.request, text="lifted")


def _drill(s: Services, c: m.RunDrill, tell: Tell) -> m.Event:
    s.may_write()
    tell("walking the way back", None)
    return m.DrillAnswer(request=c.request, drill=s.drills.run(c.service, c.mode, c.actor, c.reason, c.quiet_per_s))


def _drills(s: Services, c: m.QueryDrills, _tell: Tell) -> m.Event:
    return m.DrillsAnswer(request=c.request, service=c.service, drills=s.drills.of(c.service))


TABLE: Table = {
    m.ApprovePlan: (Lane.ACT, _approve),
    m.QueryGuards: (Lane.QUICK, _standing),
    m.LiftQuarantine: (Lane.ACT, _lift),
    m.AddFreeze: (Lane.ACT, _freeze),
    m.LiftFreeze: (Lane.ACT, _thaw),
    m.RunDrill: (Lane.SLOW, _drill),
    m.QueryDrills: (Lane.QUICK, _drills),
}

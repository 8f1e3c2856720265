"""Alerts taken and silenced."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell


def _acknowledge(s: Services, c: m.AcknowledgeAlert, _tell: Tell) -> m.Event:
    s.may_write()
    s.alerts.acknowledge(c.alert, c.actor)
    return m.Done(request=c.request, text="acknowledged")


def _silence(s: Services, c: m.SilenceAlerts, _tell: Tell) -> m.Event:
    s.may_write()
    s.alerts.silence(c.service, c.rule, c.for_s, c.reason, c.actor, c.alert)
    return m.Done(request=c.request, text="silenced")


def _end(s: Services, c: m.EndSilence, _tell: Tell) -> m.Event:
    s.may_write()
    s.alerts.end_silence(c.silence, c.actor)
    return m.Done(request=c.request, text="the silence has ended")


TABLE: Table = {
    m.AcknowledgeAlert: (Lane.QUICK, _acknowledge),
    m.SilenceAlerts: (Lane.SLOW, _silence),
    m.EndSilence: (Lane.SLOW, _end),
}
"""Acknowledging is quick: it writes a row and tells the shells. A silence may be another system's, which has to be asked."""

"""Connections and services."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell


def _test_connection(s: Services, c: m.TestConnection, _tell: Tell) -> m.Event:
    found = s.connections.test(c.settings)
    return m.ConnectionDiagnosis(
        request=c.request,
        problem=found.problem,
        server=found.server,
        latency_ms=found.latency_ms,
        detail=found.detail,
    )


def _save_connection(s: Services, c: m.SaveConnection, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.save_connection(c.settings, c.replaces, c.actor)
    return m.Done(request=c.request, text=f"{c.settings.id} is saved")


def _remove_connection(s: Services, c: m.RemoveConnection, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.remove_connection(c.connection, c.actor)
    return m.Done(request=c.request, text=f"{c.connection} is removed")


def _save_service(s: Services, c: m.SaveService, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.save_service(c.settings, c.replaces, c.actor)
    return m.Done(request=c.request, text=f"{c.settings.id} is saved")


def _remove_service(s: Services, c: m.RemoveService, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.remove_service(c.service, c.actor)
    return m.Done(request=c.request, text=f"{c.service} is removed")


TABLE: Table = {
    m.TestConnection: (Lane.SLOW, _test_connection),
    m.SaveConnection: (Lane.SLOW, _save_connection),
    m.RemoveConnection: (Lane.SLOW, _remove_connection),
    m.SaveService: (Lane.SLOW, _save_service),
    m.RemoveService: (Lane.SLOW, _remove_service),
}

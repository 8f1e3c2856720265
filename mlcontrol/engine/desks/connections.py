"""Connections and services."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.connections import Diagnosis
from mlcontrol.services.context import Tell


def _test_connection(s: Services, c: m.TestConnection, _tell: Tell) -> m.Event:
    return _diagnosis(c.request, s.connections.test(c.settings))


def _test_notify(s: Services, c: m.TestNotify, _tell: Tell) -> m.Event:
    return _diagnosis(c.request, s.connections.test_notify(c.settings))


def _diagnosis(request: str, found: Diagnosis) -> m.Event:
    return m.ConnectionDiagnosis(
        request=request,
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


def _agree_to_address(s: Services, c: m.AgreeToAddress, _tell: Tell) -> m.Event:
    s.may_write()
    addresses = s.connections.agree_to_address(c.connection, c.actor)
    return m.Done(request=c.request, text=f"{c.connection} may lead to {', '.join(addresses)}")


def _save_service(s: Services, c: m.SaveService, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.save_service(c.settings, c.replaces, c.actor)
    return m.Done(request=c.request, text=f"{c.settings.id} is saved")


def _remove_service(s: Services, c: m.RemoveService, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.remove_service(c.service, c.actor)
    return m.Done(request=c.request, text=f"{c.service} is removed")


def _save_notify(s: Services, c: m.SaveNotify, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.save_notify(c.settings, c.replaces, c.actor)
    return m.Done(request=c.request, text=f"{c.settings.id} is saved")


def _remove_notify(s: Services, c: m.RemoveNotify, _tell: Tell) -> m.Event:
    s.may_write()
    s.connections.remove_notify(c.name, c.actor)
    return m.Done(request=c.request, text=f"{c.name} is removed")


TABLE: Table = {
    m.TestConnection: (Lane.SLOW, _test_connection),
    m.SaveConnection: (Lane.SLOW, _save_connection),
    m.RemoveConnection: (Lane.SLOW, _remove_connection),
    m.AgreeToAddress: (Lane.SLOW, _agree_to_address),
    m.SaveService: (Lane.SLOW, _save_service),
    m.RemoveService: (Lane.SLOW, _remove_service),
    m.TestNotify: (Lane.SLOW, _test_notify),
    m.SaveNotify: (Lane.SLOW, _save_notify),
    m.RemoveNotify: (Lane.SLOW, _remove_notify),
}

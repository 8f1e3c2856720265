"""Folds what the engine tells into a shell's copy of the state; window and command line use the same function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlcontrol.core import state as fold
from mlcontrol.core.state import Changes, FleetState
from mlcontrol.engine import messages as m

Run = m.ServiceChanged | m.ConnectionChanged


def folded(state: FleetState | None, event: m.Event) -> tuple[FleetState | None, Changes]:
    """The state after an event, and what changed. Before the first `Snapshot` there is no state to fold into."""
    if isinstance(event, m.Snapshot):
        everything = Changes(
            frozenset(event.state.services),
            frozenset(event.state.connections),
            frozenset(event.state.operations),
            len(event.state.events),
            settings=True,
            audit=True,
            alerts=True,
            clock=True,
        )
        return event.state, everything
    return (None, Changes()) if state is None else _folded(state, event)


def folded_run(state: FleetState, run: Sequence[Run]) -> tuple[FleetState, Changes]:
    """Many changes of services and connections at once: a fleet of thousands would copy its state as often as it has members."""
    state, services = fold.with_services(state, (e.service for e in run if isinstance(e, m.ServiceChanged)))
    state, connections = fold.with_connections(state, (e.connection for e in run if isinstance(e, m.ConnectionChanged)))
    return state, services | connections


def _folded(state: FleetState, event: m.Event) -> tuple[FleetState, Changes]:
    match event:
        case m.ServiceChanged():
            return fold.with_service(state, event.service)
        case m.ServiceRemoved():
            return fold.without_service(state, event.service)
        case m.ConnectionChanged():
            return fold.with_connection(state, event.connection)
        case m.ConnectionRemoved():
            return fold.without_connection(state, event.connection)
        case m.OperationChanged():
            return fold.with_operation(state, event.operation)
        case m.TimelineGrew():
            return fold.with_events(state, event.events)
        case m.SettingsChanged():
            return replace(state, settings=event.settings), Changes(settings=True)
        case m.AuditChanged():
            counted = replace(state, audit_rows=event.rows, audit_ok=event.ok, audit_verified_s=event.verified_s)
            return counted, Changes(audit=True)
        case m.ClockChanged():
            return replace(state, clock=event.notice), Changes(clock=True)
        case m.AlertsChanged():
            return fold.with_alerts(state, event.alerts, event.silences)
        case m.AlertTold():
            return state, Changes(told=(event.notification,))
        case _:
            return state, Changes()

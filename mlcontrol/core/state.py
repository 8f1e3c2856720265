"""The fleet as one value, and the function that folds events into it.

The engine folds what it learns, the panel folds what the engine tells: the same function on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mlcontrol.core.alerts.alert import Alert, Notification, Silence
from mlcontrol.core.clock_notice import ClockNotice
from mlcontrol.core.operation import Operation
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.types import ConnectionState, EventKind, ServiceState, TimelineEvent

RECENT_EVENTS = 500
RECENT_MADE = 200
MADE = (
    EventKind.DEPLOY,
    EventKind.ROLLBACK,
    EventKind.ALIAS,
    EventKind.ROUTE,
    EventKind.CONFIG,
    EventKind.DATA,
    EventKind.NOTE,
)
"""What somebody did; the rest is what came of it."""
RECENT_OPERATIONS = 50
RECENT_ALERTS = 500


@dataclass(frozen=True, slots=True)
class FleetState:
    """``operations``: newest last, at most 50. ``events``: newest last, at most 500; older ones are in the store."""

    settings: WorkspaceSettings
    services: dict[str, ServiceState] = field(default_factory=dict)
    connections: dict[str, ConnectionState] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    events: tuple[TimelineEvent, ...] = ()
    alerts: dict[str, Alert] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    audit_rows: int = 0
    audit_ok: bool | None = None  # None: not verified yet
    audit_verified_s: float | None = None
    clock: ClockNotice | None = None  # while this machine's and others differ


@dataclass(frozen=True, slots=True)
class Changes:
    """What a fold changed, by id; views decide from it whether to refresh."""

    services: frozenset[str] = frozenset()
    connections: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    events: int = 0
    settings: bool = False
    audit: bool = False
    alerts: bool = False
    clock: bool = False
    told: tuple[Notification, ...] = ()

    def __or__(self, other: Changes) -> Changes:
        return Changes(
            self.services | other.services,
            self.connections | other.connections,
            self.operations | other.operations,
            self.events + other.events,
            self.settings or other.settings,
            self.audit or other.audit,
            self.alerts or other.alerts,
            self.clock or other.clock,
            self.told + other.told,
        )


def with_service(state: FleetState, service: ServiceState) -> tuple[FleetState, Changes]:
    """Put a service in; an older sequence number never overwrites a newer one."""
    return with_services(state, (service,))


def with_services(state: FleetState, services: Iterable[ServiceState]) -> tuple[FleetState, Changes]:
    """Put services in, in this order; one copy of the state for all of them."""
    merged, changed = dict(state.services), set()
    for service in services:
        known = merged.get(service.id)
        if known is None or known.seq <= service.seq:
            merged[service.id] = service
            changed.add(service.id)
    if not changed:
        return state, Changes()
    return replace(state, services=merged), Changes(services=frozenset(changed))


def without_service(state: FleetState, service_id: str) -> tuple[FleetState, Changes]:
    rest = {key: value for key, value in state.services.items() if key != service_id}
    return replace(state, services=rest), Changes(services=frozenset({service_id}))


def with_connection(state: FleetState, connection: ConnectionState) -> tuple[FleetState, Changes]:
    return with_connections(state, (connection,))


def with_connections(state: FleetState, connections: Iterable[ConnectionState]) -> tuple[FleetState, Changes]:
    """Put connections in, in this order; one copy of the state for all of them."""
    merged, changed = dict(state.connections), set()
    for connection in connections:
        known = merged.get(connection.id)
        before = known.at if known is not None else None
        if before is not None and connection.at is not None and before.seq > connection.at.seq:
            continue
        merged[connection.id] = connection
        changed.add(connection.id)
    if not changed:
        return state, Changes()
    return replace(state, connections=merged), Changes(connections=frozenset(changed))


def without_connection(state: FleetState, connection_id: str) -> tuple[FleetState, Changes]:
    rest = {key: value for key, value in state.connections.items() if key != connection_id}
    return replace(state, connections=rest), Changes(connections=frozenset({connection_id}))


def with_operation(state: FleetState, operation: Operation) -> tuple[FleetState, Changes]:
    known = state.operations.get(operation.id)
    if known is not None and known.seq > operation.seq:
        return state, Changes()
    merged = {**state.operations, operation.id: operation}
    if len(merged) > RECENT_OPERATIONS:
        newest = sorted(merged.values(), key=lambda op: op.started_s)[-RECENT_OPERATIONS:]
        merged = {op.id: op for op in newest}
    return replace(state, operations=merged), Changes(operations=frozenset({operation.id}))


def with_events(state: FleetState, events: Iterable[TimelineEvent]) -> tuple[FleetState, Changes]:
    """Add timeline events; an id that is already there is replaced, order is by time. Of those that are older than the newest
    `RECENT_EVENTS` the newest `RECENT_MADE` of what somebody made stay: a storm of alerts must not push out what caused it."""
    merged = {event.id: event for event in state.events}
    fresh = tuple(events)
    merged.update((event.id, event) for event in fresh)
    ordered = sorted(merged.values(), key=lambda event: (event.at_s, event.id))
    made = [event for event in ordered[:-RECENT_EVENTS] if event.kind in MADE][-RECENT_MADE:]
    return replace(state, events=(*made, *ordered[-RECENT_EVENTS:])), Changes(events=len(fresh))


def with_alerts(
    state: FleetState, alerts: Iterable[Alert], silences: tuple[Silence, ...]
) -> tuple[FleetState, Changes]:
    """Fold alerts in by rule and service; of those that are over, the newest 500 stay."""
    merged = {**state.alerts, **{alert.key: alert for alert in alerts}}
    over = sorted((a for a in merged.values() if not a.open), key=lambda a: a.resolved_s or 0.0)
    for alert in over[:-RECENT_ALERTS]:
        del merged[alert.key]
    return replace(state, alerts=merged, silences=silences), Changes(alerts=True)

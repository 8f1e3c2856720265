"""The fleet as one value, and the function that folds events into it.

The engine folds what it learns, the panel folds what the engine tells: the same function on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mlcontrol.core.operation import Operation
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.types import ConnectionState, ServiceState, TimelineEvent

RECENT_EVENTS = 500
RECENT_OPERATIONS = 50


@dataclass(frozen=True, slots=True)
class FleetState:
    """``operations``: newest last, at most 50. ``events``: newest last, at most 500; older ones are in the store."""

    settings: WorkspaceSettings
    services: dict[str, ServiceState] = field(default_factory=dict)
    connections: dict[str, ConnectionState] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    events: tuple[TimelineEvent, ...] = ()
    audit_rows: int = 0
    audit_ok: bool | None = None  # None: not verified yet
    audit_verified_s: float | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a fold changed, by id; views decide from it whether to refresh."""

    services: frozenset[str] = frozenset()
    connections: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    events: int = 0
    settings: bool = False
    audit: bool = False

    def __or__(self, other: Changes) -> Changes:
        return Changes(
            self.services | other.services,
            self.connections | other.connections,
            self.operations | other.operations,
            self.events + other.events,
            self.settings or other.settings,
            self.audit or other.audit,
        )


def with_service(state: FleetState, service: ServiceState) -> tuple[FleetState, Changes]:
    """Put a service in; an older sequence number never overwrites a newer one."""
    known = state.services.get(service.id)
    if known is not None and known.seq > service.seq:
        return state, Changes()
    return replace(state, services={**state.services, service.id: service}), Changes(services=frozenset({service.id}))


def without_service(state: FleetState, service_id: str) -> tuple[FleetState, Changes]:
    rest = {key: value for key, value in state.services.items() if key != service_id}
    return replace(state, services=rest), Changes(services=frozenset({service_id}))


def with_connection(state: FleetState, connection: ConnectionState) -> tuple[FleetState, Changes]:
    known = state.connections.get(connection.id)
    if known is not None and known.at is not None and connection.at is not None and known.at.seq > connection.at.seq:
        return state, Changes()
    return (
        replace(state, connections={**state.connections, connection.id: connection}),
        Changes(connections=frozenset({connection.id})),
    )


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
    """Add timeline events; an id that is already there is replaced, order is by time."""
    merged = {event.id: event for event in state.events}
    fresh = tuple(events)
    merged.update((event.id, event) for event in fresh)
    ordered = sorted(merged.values(), key=lambda event: (event.at_s, event.id))[-RECENT_EVENTS:]
    return replace(state, events=tuple(ordered)), Changes(events=len(fresh))

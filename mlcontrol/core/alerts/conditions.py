"""What the fleet's state says to the alert rules that every service has without being configured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlcontrol.core.alerts.alert import Condition
from mlcontrol.core.types import ConnectionState, Health, ServiceState, Signal

FIRM_S = 15.0
"""What is surely wrong must hold so long: three polls, so that one lost answer pages nobody."""
DOUBTFUL_S = 120.0
"""What only looks wrong."""
PROVEN_S = 15.0
"""What two looks in a row have found already: a change of the data does not wait for two minutes more."""
UNKNOWN_S = 90.0
"""Nothing heard for so long is an alert of its own: unknown is not ok."""

OWN_NAMES = frozenset(
    {"presence", "use", "accuracy", "data", "golden set", "resources", "no data", "alert rules", "connection"}
)
"""Taken: a rule of the workspace with one of these names could not be told from the panel's own."""


def conditions(services: Iterable[ServiceState], connections: Iterable[ConnectionState]) -> Iterator[Condition]:
    """The signals of every service, and every connection."""
    for service in services:
        yield from _service(service)
    for connection in connections:
        yield _connection(connection)


def _service(service: ServiceState) -> Iterator[Condition]:
    signals = (
        ("presence", service.presence),
        ("use", service.use_of_callers),  # one thing is one alert: that of resources has its own name
        ("resources", service.resources),
        ("accuracy", service.accuracy),
        ("data", service.data),
        ("golden set", service.golden),
    )
    for name, signal in signals:
        yield _signal(service.id, name, signal)
    presence = service.presence
    heard = presence.at is not None
    yield Condition(
        service.id,
        "no data",
        presence.health is Health.UNKNOWN if heard else None,
        Health.WARNING,
        f"Presence is unknown: {presence.text}. {presence.detail}".strip(),
        UNKNOWN_S,
    )


def _signal(service: str, name: str, signal: Signal) -> Condition:
    firm = signal.health is Health.CRITICAL
    holds = None if signal.health is Health.UNKNOWN else signal.health is not Health.OK
    return Condition(
        service,
        name,
        holds,
        Health.CRITICAL if firm else Health.WARNING,
        _words(signal),
        FIRM_S if firm else PROVEN_S if name == "data" else DOUBTFUL_S,
    )


def _words(signal: Signal) -> str:
    """The short text, and the sentence where it does not begin with the same figure."""
    if not signal.detail:
        return signal.text
    return signal.detail if signal.detail.startswith(signal.text) else f"{signal.text}: {signal.detail}"


def _connection(connection: ConnectionState) -> Condition:
    silent = connection.health in (Health.CRITICAL, Health.UNKNOWN)
    known = connection.at is not None or connection.health is Health.CRITICAL
    return Condition(
        connection.id,
        "connection",
        silent if known else None,
        Health.WARNING,
        f"{connection.text}. {connection.why}".strip(),
        FIRM_S,
    )

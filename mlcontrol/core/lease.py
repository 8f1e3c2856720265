"""A lease: the right of one operation to write to its targets, with a fencing counter per target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings

LEASE_S = 15.0
"""A holder that is not heard of for so long has lost its targets to whoever asks next."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What an operation holds. ``fences``: (target, counter) at the time it was given; ``abandoned``: operations whose holders
    had died or fallen silent and that held one of these targets before."""

    holder: str
    operation: str
    service: str
    fences: tuple[tuple[str, int], ...]
    abandoned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a target. ``since_s``: UTC seconds; ``age_s``: for how long by the store's own clock."""

    actor: str
    what: str
    operation: str
    host: str
    since_s: float
    age_s: float


class LeaseTakenError(ProblemError):
    """Another operation holds the target."""

    def __init__(self, service: str, holder: Holder) -> None:
        super().__init__(taken(service, holder))
        self.holder = holder


class LeaseLostError(ProblemError):
    """The target changed hands while this operation slept: it may write nothing more."""

    def __init__(self, service: str, holder: Holder | None) -> None:
        super().__init__(lost(service, holder))
        self.holder = holder


def targets_of(service: ServiceSettings, connections: Mapping[str, ConnectionSettings]) -> tuple[str, ...]:
    """The outside things an operation on this service writes to, named by address: two workspaces that reach the same route
    under different names share its lease."""
    found = []
    if service.registry:
        found.append(f"alias {_address(connections, service.registry)} {service.model}@{service.alias}")
    if service.routing:
        found.append(f"route {_address(connections, service.routing)} {service.route}")
    for table in service.coupled.values():
        registry, alias = table.get("registry", service.registry), table.get("alias", service.alias)
        if table.get("model"):
            found.append(f"alias {_address(connections, registry)} {table['model']}@{alias}")
    found += [f"endpoint {_address(connections, name)} {service.serving_model}" for name in service.serving]
    return tuple(sorted(set(found)))


def what_of(kind: str, version: str) -> str:
    """What a holder of a lease does, in the words that tell two operations apart."""
    return f"{kind} of v{version}"


def taken(service: str, holder: Holder) -> Problem:
    return Problem(
        f"{service} is being changed right now.",
        f"{holder.actor} started a {holder.what} {_words(holder.age_s)} ago, at {_clock(holder.since_s)} UTC, on {holder.host}.",
        "Wait for its end, abort it, or roll back: a rollback takes over.",
        code="conflict",
    )


def lost(service: str, holder: Holder | None) -> Problem:
    who = (
        f"{holder.actor} took {service} over with a {holder.what} {_words(holder.age_s)} ago, on {holder.host}."
        if holder is not None
        else f"The right to change {service} had lapsed and was given to somebody else."
    )
    return Problem(
        "This operation was overtaken; it writes nothing more.",
        who,
        "Look at the other operation for what is true now.",
        code="conflict",
    )


def _address(connections: Mapping[str, ConnectionSettings], name: str) -> str:
    known = connections.get(name)
    return known.url.rstrip("/") if known is not None and known.url else name


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _clock(utc_s: float) -> str:
    return f"{datetime.fromtimestamp(utc_s, UTC):%H:%M:%S}"

"""A router that decides which version answers the callers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from mlcontrol.ports.connection import Adapter


@dataclass(frozen=True, slots=True)
class Split:
    """Where the traffic of a route is told to go. ``canary_percent`` 0..100."""

    stable: str | None
    canary: str | None
    canary_percent: float


@dataclass(frozen=True, slots=True)
class RouteCounters:
    """Totals since the router started, of one role ("stable", "canary") of a route."""

    role: str
    requests: int
    responses: dict[str, int] = field(default_factory=dict)  # "2xx", "4xx", "5xx"
    connection_errors: int = 0
    response_errors: int = 0


class Routing(Adapter, Protocol):
    """Writes are volatile on most routers: lost at its restart. Always read back."""

    def split(self, route: str, deadline_s: float = 3.0) -> Split: ...
    def set_stable(self, route: str, version: str, deadline_s: float = 3.0) -> None: ...
    def set_canary(self, route: str, version: str | None, percent: float, deadline_s: float = 3.0) -> None: ...
    def counters(self, route: str, deadline_s: float = 3.0) -> tuple[RouteCounters, ...]: ...

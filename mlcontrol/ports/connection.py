"""What every adapter has in common: how it is made, whether it can work here, and a probe with a diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.settings import ConnectionSettings


@dataclass(frozen=True, slots=True)
class Viability:
    """Whether an adapter can work on this machine at all; ``why`` when not (a missing library, platform)."""

    viable: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Reachability:
    """A successful probe: what the server says it is, and how long it took."""

    server: str  # "MLflow 3.17.2"
    latency_ms: float
    detail: str = ""


SecretReader = Callable[[], str | None]
"""Reads the connection's secret when it is needed (in the engine); raises `NeedsCredentials`."""


@runtime_checkable
class TellsTime(Protocol):
    """An adapter whose server says what time it has."""

    @property
    def clock_off(self) -> ClockOff | None:
        """How far its clock is from ours; `None` while it has not said."""
        ...


class Adapter(Protocol):
    """Constructor of every adapter: ``Adapter(settings, secret)``. Making one does no I/O."""

    settings: ConnectionSettings

    @classmethod
    def viability(cls) -> Viability: ...

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        """Ask the server who it is. Raises an `AdapterError` whose problem is a diagnosis in words."""
        ...

    def close(self) -> None: ...

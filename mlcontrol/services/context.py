"""What every service of the engine may reach. `engine.wiring` builds it; nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlcontrol.core.alerts.alert import Alert, Notification, Silence
from mlcontrol.core.clock_notice import ClockNotice
from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.compatibility.report import Report
from mlcontrol.core.operation import Operation, OperationKind
from mlcontrol.core.plan import Plan
from mlcontrol.core.settings import RolloutSettings, WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.strategy import Strategy
from mlcontrol.core.types import ConnectionState, Sample, ServiceState, TimelineEvent
from mlcontrol.ports.alerts import AlertSource
from mlcontrol.ports.clock import Clock
from mlcontrol.ports.lineage import LineageStore
from mlcontrol.ports.predictions import PredictionLog
from mlcontrol.ports.registry import Registry
from mlcontrol.ports.routing import Routing
from mlcontrol.ports.serving import Answer, Serving
from mlcontrol.ports.store import Store

if TYPE_CHECKING:
    from mlcontrol.core.golden import GoldenSet


@dataclass(frozen=True, slots=True)
class ServiceGone:
    """A service left the workspace."""

    service: str


@dataclass(frozen=True, slots=True)
class ConnectionGone:
    """A connection left the workspace."""

    connection: str


@dataclass(frozen=True, slots=True)
class AlertsMoved:
    """``alerts``: those that are otherwise now; ``silences``: all that hold."""

    alerts: tuple[Alert, ...]
    silences: tuple[Silence, ...]


@dataclass(frozen=True, slots=True)
class ClockSaid:
    """What is to be said of this machine's clock now; `None`: nothing."""

    notice: ClockNotice | None


@dataclass(frozen=True, slots=True)
class AuditGrew:
    """``ok`` `None`: not verified since the engine started."""

    rows: int
    ok: bool | None = None
    verified_s: float | None = None


Fact = (
    ServiceState
    | ConnectionState
    | Operation
    | TimelineEvent
    | Sample
    | WorkspaceSettings
    | ServiceGone
    | ConnectionGone
    | AuditGrew
    | AlertsMoved
    | ClockSaid
    | Notification
)
"""What a service may tell the world; the engine folds it into the state and sends it to the shells."""


class Inference(Protocol):
    """Asks one query through an Open Inference Protocol address (a router's front door)."""

    def infer(
        self, model: str, inputs: Mapping[str, Any], version: str | None = None, deadline_s: float = 5.0
    ) -> Answer: ...


class ServiceContext(Protocol):
    """*Thread:* every member may be used from any thread.

    `registry`, `serving`, `routing`, `predictions`, `alert_source`, `lineage` take a connection id; they, `route_client` and
    `golden` raise `ProblemError` (code "not-configured" or "not-viable") when there is no such adapter to give.
    """

    @property
    def settings(self) -> WorkspaceSettings: ...
    @property
    def store(self) -> Store: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def view_only(self) -> str:
        """Why this engine may not act (the store is read-only, broken, newer); empty when it may."""
        ...

    def registry(self, connection: str) -> Registry: ...
    def serving(self, connection: str) -> Serving: ...
    def routing(self, connection: str) -> Routing: ...
    def predictions(self, connection: str) -> PredictionLog: ...
    def alert_source(self, connection: str) -> AlertSource: ...
    def lineage(self, connection: str) -> LineageStore: ...
    def clock_off(self, connection: str) -> ClockOff | None:
        """How far the clock of a connection's server is from ours; `None` while nobody knows."""
        ...

    def route_client(self, service: str) -> Inference:
        """Asks the way callers ask: the router's front door, or the first serving endpoint where there is no router."""
        ...

    def golden(self, service: str) -> GoldenSet | None:
        """The service's golden set, read from its file (cached by its time and size); `None` when it has none."""
        ...

    def state(self) -> FleetState: ...
    def emit(self, *facts: Fact) -> None:
        """Fold facts into the state and tell the shells. Timeline events and samples are also stored. Never blocks on a shell."""
        ...

    def refresh(self, service: str | None = None) -> None:
        """Poll now, on the calling thread, and fold the answers in before returning. Takes as long as the slowest answer."""
        ...

    def expect_change(self, service: str, what: str, for_s: float = 30.0) -> None:
        """A change the panel makes itself ("alias", "route", "load"): it is not reported as seen from outside meanwhile."""
        ...

    def wrote(self, service: str, what: str, before: Hashable, now: Hashable) -> None:
        """The panel's write to "alias", "route" or "load ENDPOINT" was read back just now: whoever puts ``before`` there again is
        another hand, and is told of."""
        ...


Tell = Callable[[str, float | None], None]
"""Progress in words, with the fraction done where it is known."""


class ChecksService(Protocol):
    """`services.checks.Checks(ctx)`, as the engine calls it."""

    def check(self, service: str, version: str, probe: bool, actor: str, tell: Tell) -> Report: ...
    def check_return(self, service: str, target: str) -> Report: ...


class RolloutsService(Protocol):
    """`services.rollouts.Rollouts(ctx, checks)`, as the engine calls it. Refusals are `ProblemError`s."""

    def make_plan(
        self,
        kind: OperationKind,
        service: str,
        version: str | None,
        express: bool,
        rollout: RolloutSettings | None = None,
        strategy: Strategy | None = None,
    ) -> Plan:
        """``rollout``: how, for this once; `None`: as the service's settings say. ``strategy``: of a bisect."""
        ...

    def execute(
        self,
        operation: str,
        plan_hash: str,
        reason: str,
        actor: str,
        accept_unknown: bool,
        break_glass: bool = False,
        automatic: bool = False,
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        """Returns when the intent is durable; the steps run on a thread of its own and tell `emit`."""
        ...

    def abort(self, operation: str, actor: str, reason: str) -> None: ...
    def hold(self, operation: str, actor: str, hold: bool) -> None: ...
    def promote(self, operation: str, actor: str, reason: str, step: str = "") -> None: ...
    def clear(self, operation: str, guard: str, actor: str, reason: str) -> None: ...
    def settle(self) -> None:
        """Find operations that a crash left open and settle them by observation. Called once, after the first poll."""
        ...

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop at a safe point; what is open is settled at the next start."""
        ...

"""The service context of a running engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.operation import Operation
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ConnectionKind
from mlcontrol.engine.completions import Completions
from mlcontrol.engine.counted import Counted
from mlcontrol.engine.hub import Hub
from mlcontrol.engine.shelf import Make, Shelf
from mlcontrol.ports.alerts import AlertSource
from mlcontrol.ports.clock import Clock
from mlcontrol.ports.connection import TellsTime
from mlcontrol.ports.lineage import LineageStore
from mlcontrol.ports.metrics import MetricsSource
from mlcontrol.ports.predictions import PredictionLog
from mlcontrol.ports.registry import Registry
from mlcontrol.ports.routing import Routing
from mlcontrol.ports.serving import Serving
from mlcontrol.ports.store import Store
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.context import AuditGrew, Fact, Inference
from mlcontrol.services.noticing import Expectations

if TYPE_CHECKING:
    from mlcontrol.core.golden import GoldenSet
    from mlcontrol.services.collector import Collector


class EngineContext:
    """Satisfies `services.context.ServiceContext`. *Thread:* any."""

    def __init__(
        self,
        settings: WorkspaceSettings,
        store: Store,
        view_only: str,
        clock: Clock,
        hub: Hub,
        shelf: Shelf,
        make_route_client: Make,
        read_golden: Callable[[Path], GoldenSet],
    ) -> None:
        self._settings = settings
        self._hub = hub
        self._shelf = shelf
        self._make_route_client = make_route_client
        self._read_golden = read_golden
        self._golden: dict[Path, tuple[tuple[int, int], GoldenSet]] = {}
        self._golden_lock = threading.Lock()
        self.store = store
        self.view_only = view_only
        self.clock = clock
        self.own = OwnQueries()
        self.completions = Completions(clock.utc_s())
        self.expectations = Expectations()
        self.collector: Collector | None = None  # set by wiring; the collector needs this context first

    @property
    def settings(self) -> WorkspaceSettings:
        return self._settings

    def adopt(self, settings: WorkspaceSettings) -> None:
        """Take new settings into use."""
        self._settings = settings
        self._shelf.adopt(settings)

    def registry(self, connection: str) -> Registry:
        return cast(Registry, self._shelf.get(connection, ConnectionKind.REGISTRY))

    def serving(self, connection: str) -> Serving:
        return cast(Serving, Counted(self._shelf.get(connection, ConnectionKind.SERVING), self.own))

    def routing(self, connection: str) -> Routing:
        return cast(Routing, self._shelf.get(connection, ConnectionKind.ROUTING))

    def predictions(self, connection: str) -> PredictionLog:
        return cast(PredictionLog, self._shelf.get(connection, ConnectionKind.PREDICTIONS))

    def alert_source(self, connection: str) -> AlertSource:
        return cast(AlertSource, self._shelf.get(connection, ConnectionKind.ALERTS))

    def lineage(self, connection: str) -> LineageStore:
        return cast(LineageStore, self._shelf.get(connection, ConnectionKind.LINEAGE))

    def metrics(self, connection: str) -> MetricsSource:
        return cast(MetricsSource, self._shelf.get(connection, ConnectionKind.METRICS))

    def clock_off(self, connection: str) -> ClockOff | None:
        adapter = self._shelf.made(connection)
        return adapter.clock_off if isinstance(adapter, TellsTime) else None

    def route_client(self, service: str) -> Inference:
        found = self._settings.services.get(service)
        if found is None:
            raise ProblemError(Problem(f"There is no service {service!r} in this workspace.", code="not-configured"))
        if found.routing:
            client = self._shelf.get(found.routing, ConnectionKind.ROUTING, "route-client", self._make_route_client)
            return Counted(client, self.own)
        return self.serving(found.serving[0] if found.serving else "")

    def golden(self, service: str) -> GoldenSet | None:
        found = self._settings.services.get(service)
        if found is None or not found.golden:
            return None
        path = Path(self._settings.path).parent / found.golden
        try:
            about = path.stat()
        except OSError as error:
            raise ProblemError(
                Problem(
                    f"The golden set {found.golden} cannot be read.",
                    error.strerror or str(error),
                    "Correct the path in the service.",
                    "not-configured",
                )
            ) from error
        state = about.st_mtime_ns, about.st_size
        with self._golden_lock:
            known = self._golden.get(path)
            if known is None or known[0] != state:
                known = state, self._read_golden(path)
                self._golden[path] = known
            return known[1]

    def state(self) -> FleetState:
        return self._hub.state()

    def emit(self, *facts: Fact) -> None:
        self._hub.emit(*facts)
        operations = [fact for fact in facts if isinstance(fact, Operation)]
        for operation in operations:
            self.completions.note(operation)
        changed = {operation.service for operation in operations}
        if changed:
            self._hub.emit(AuditGrew(self.store.audit.count()))
        if self.collector is not None:
            for service in changed:
                self.collector.fold(service)

    def refresh(self, service: str | None = None) -> None:
        if self.collector is not None:
            self.collector.refresh(service)

    def expect_change(self, service: str, what: str, for_s: float = 30.0) -> None:
        self.expectations.expect(service, what, self.clock.mono_s() + for_s)

    def wrote(self, service: str, what: str, before: Hashable, now: Hashable) -> None:
        self.expectations.wrote(service, what, before, now, self.clock.stamp())

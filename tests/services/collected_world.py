"""A small world that can freeze, restart and be changed behind the collector's back, and the collector on it, driven by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mlcontrol.core.artifact import ServedFiles
from mlcontrol.core.golden import Expected, GoldenItem, GoldenSet
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import (
    ConnectionKind,
    EventKind,
    Replica,
    ReplicaState,
    ServiceState,
    Stamp,
    TimelineEvent,
    VersionSummary,
)
from mlcontrol.engine.hub import Hub
from mlcontrol.ports.connection import Reachability
from mlcontrol.ports.errors import Rejected, TimedOut
from mlcontrol.ports.metrics import Reading
from mlcontrol.ports.registry import ArtifactFile, RegisteredModel
from mlcontrol.ports.routing import Split
from mlcontrol.ports.serving import Answer
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.collector import Collector
from mlcontrol.services.noticing import Expectations

POLL_S = 5.0


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._seq = 0
        self._lock = threading.Lock()

    def utc_s(self) -> float:
        return 1_700_000_000.0 + self.now_s

    def mono_s(self) -> float:
        return self.now_s

    def stamp(self) -> Stamp:
        with self._lock:
            self._seq += 1
            return Stamp(self.utc_s(), self.now_s, self._seq)


@dataclass
class World:
    """A registry, an endpoint, a router and a metrics source, as one thing."""

    alias: str = "2"
    ready: tuple[str, ...] = ("1", "2")
    routed: str = "2"
    answered: dict[str, float] = field(default_factory=lambda: {"1": 0.0, "2": 1000.0})
    frozen: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    gate: Callable[[], None] = lambda: None
    files: dict[str, str] = field(default_factory=dict)

    def _ask(self, part: str) -> None:
        if part in self.frozen:
            raise TimedOut(Problem(f"No answer from the {part} within 4 s.", code="timeout"))
        if part in self.refusing:
            raise Rejected(Problem(f"The {part} refused the query.", "unclosed bracket", "Look at its selector."))

    def model(self, name: str, deadline_s: float = 5.0) -> RegisteredModel:
        self._ask("registry")
        return RegisteredModel(name, {"champion": self.alias})

    def versions(self, model: str, deadline_s: float = 5.0) -> tuple[VersionSummary, ...]:
        self._ask("registry")
        return tuple(VersionSummary(v) for v in ("3", "2", "1"))

    def replicas(self, model: str, deadline_s: float = 5.0) -> tuple[Replica, ...]:
        self._ask("serving")
        ready = tuple(Replica("serving", v, ReplicaState.READY) for v in self.ready)
        self.gate()
        return ready

    def served_files(self, model: str, version: str, deadline_s: float = 5.0) -> ServedFiles:
        self._ask("serving")
        return ServedFiles(self.files, why="" if self.files else "it names no digest")

    def artifacts(self, model: str, version: str, deadline_s: float = 5.0) -> tuple[ArtifactFile, ...]:
        self._ask("registry")
        return (ArtifactFile("model.onnx", 3),)

    def file_digests(self, model: str, version: str, deadline_s: float = 5.0) -> dict[str, str]:
        return {"model.onnx": "sha256:" + "a" * 64}

    def split(self, route: str, deadline_s: float = 5.0) -> Split:
        self._ask("router")
        return Split(self.routed, None, 0.0)

    def infer(self, model: str, inputs: Any, version: str | None = None, deadline_s: float = 5.0) -> Answer:
        self._ask("serving")
        return Answer(version or self.routed, {"y": [[1]]}, 3.0)

    def readings(self, deadline_s: float = 5.0) -> tuple[Reading, ...]:
        self._ask("metrics")
        failed = [Reading("requests_error", 0, True, "digits", v, "", (("type", "model"),)) for v in self.answered]
        return (*(Reading("requests_ok", n, True, "digits", v) for v, n in self.answered.items()), *failed)


@dataclass
class Part:
    """One connection's view of the world."""

    world: World
    name: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        self.world._ask(self.name)
        return Reachability("World 1.0", 1.0)


class Nothing:
    """A store that remembers nothing."""

    def __init__(self) -> None:
        self.rolled_back: dict[str, str] = {}

    def stamps(self) -> dict[str, tuple[float, ...]]:
        return {"digits": (float(len(self.rolled_back)),)}

    def reviewed(self) -> frozenset[str]:
        return frozenset(["digits"])

    def newest(self, *question: Any) -> dict[str, float]:
        return {"digits": 0.0}

    def measured_seconds(self, service: str, what: str) -> None:
        return None

    def known_good(self, service: str) -> tuple[()]:
        return ()

    def quarantined(self, service: str) -> dict[str, str]:
        return self.rolled_back

    def last_return(self, service: str) -> None:
        return None

    def last_passed_s(self, service: str) -> None:
        return None

    def changes(self, service: str, mark: Any, campaign: str = "") -> tuple[tuple[()], Any]:
        return (), mark

    def mark_known_good(self, service: str, version: str) -> None:
        self.good = version

    @property
    def knowledge(self) -> Nothing:
        return self

    def query(self, *question: Any) -> tuple[()]:
        return ()

    reviews = drills = said = timeline = history = knowledge
    earlier = judgements = query


class Bench:
    """The collector, driven by hand: `poll` asks everything once."""

    view_only = ""

    def __init__(self) -> None:
        kinds = {
            "registry": ConnectionKind.REGISTRY,
            "serving": ConnectionKind.SERVING,
            "router": ConnectionKind.ROUTING,
            "metrics": ConnectionKind.METRICS,
        }
        connections = {
            n: ConnectionSettings(n, k, "world", "http://127.0.0.1", poll_s=POLL_S) for n, k in kinds.items()
        }
        service = ServiceSettings(
            "digits",
            registry="registry",
            model="digits",
            serving=("serving",),
            serving_model="digits",
            routing="router",
            route="digits",
            metrics=("metrics",),
            golden="golden.json",
            objectives={"error_rate": 0.01},
        )
        self.settings = WorkspaceSettings("w", "w.toml", connections=connections, services={"digits": service})
        self.world, self.clock, self.store = World(), Clock(), Nothing()
        self.hub = Hub(self.settings, lambda events, samples: None)
        self.expectations = Expectations()
        self.reports: list[BaseException] = []
        self.collector = Collector(
            self,  # type: ignore[arg-type]
            OwnQueries(),
            self.expectations,
            self._world,
            lambda error, where: self.reports.append(error),
        )
        self.collector.adopt()

    def _world(self, connection: str) -> Any:
        return Part(self.world, connection)

    registry = serving = routing = predictions = alert_source = lineage = route_client = _world

    def clock_off(self, connection: str) -> None:
        return None

    def golden(self, service: str) -> GoldenSet:
        return GoldenSet("digits", "digits", (GoldenItem("g1", {"x": [[0]]}, Expected("y", 1)),))

    def state(self) -> Any:
        return self.hub.state()

    def emit(self, *facts: Any) -> None:
        self.hub.emit(*facts)

    def poll(self, after_s: float = POLL_S) -> ServiceState:
        self.clock.now_s += after_s
        self.collector.refresh()
        self.collector._fold_all()
        assert self.reports == []
        return self.service

    def wait(self, seconds: float) -> ServiceState:
        """Time passes without an answer to anything."""
        self.clock.now_s += seconds
        self.collector._fold_all()
        return self.service

    @property
    def service(self) -> ServiceState:
        found: ServiceState = self.hub.state().services["digits"]
        return found

    def events(self, kind: EventKind) -> list[TimelineEvent]:
        return [event for event in self.hub.state().events if event.kind is kind]

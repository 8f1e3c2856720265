"""The collector against a small world that can freeze, restart and be changed behind its back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from mlcontrol.core.golden import Expected, GoldenItem, GoldenSet
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import (
    ConnectionKind,
    EventKind,
    Freshness,
    Health,
    Replica,
    ReplicaState,
    ServiceState,
    Stamp,
    TimelineEvent,
    VersionSummary,
)
from mlcontrol.engine.hub import Hub
from mlcontrol.ports.connection import Reachability
from mlcontrol.ports.errors import TimedOut, Unreachable
from mlcontrol.ports.metrics import Reading
from mlcontrol.ports.registry import RegisteredModel
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
    gate: Callable[[], None] = lambda: None

    def _ask(self, part: str) -> None:
        if part in self.frozen:
            raise TimedOut(Problem(f"No answer from the {part} within 4 s.", code="timeout"))

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

    def split(self, route: str, deadline_s: float = 5.0) -> Split:
        self._ask("router")
        return Split(self.routed, None, 0.0)

    def infer(self, model: str, inputs: Any, version: str | None = None, deadline_s: float = 5.0) -> Answer:
        self._ask("serving")
        return Answer(version or self.routed, {"y": [[1]]}, 3.0)

    def readings(self, deadline_s: float = 5.0) -> tuple[Reading, ...]:
        self._ask("metrics")
        return tuple(Reading("requests_ok", n, True, "digits", v) for v, n in self.answered.items())


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

    reviews = drills = said = timeline = knowledge
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

    registry = serving = routing = predictions = alert_source = route_client = _world

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


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_three_versions_and_presence(bench: Bench) -> None:
    bench.poll()
    bench.world.answered["2"] += 40
    found = bench.poll()
    assert (found.intended.versions, found.served.versions, found.used.versions) == (("2",), ("1", "2"), ("2",))
    assert (found.presence.health, found.presence.text) == (Health.OK, "v2 answers")
    assert found.traffic_by_version["2"] == 8.0


def test_before_the_first_answer_everything_is_unknown(bench: Bench) -> None:
    assert {bench.service.presence.health, bench.service.use.health, bench.service.health} == {Health.UNKNOWN}


def test_a_frozen_endpoint_is_stale_after_two_polls_and_unknown_after_three_the_others_stay_live(bench: Bench) -> None:
    bench.poll()
    bench.world.frozen = {"serving"}
    bench.poll()
    assert bench.service.served.freshness is Freshness.FRESH  # one lost poll is no state
    bench.poll()
    found = bench.poll(1)
    assert found.served.freshness is Freshness.STALE
    assert found.presence.health is Health.UNKNOWN
    assert bench.hub.state().connections["serving"].health is Health.WARNING
    found = bench.poll()
    assert found.served.freshness is Freshness.UNKNOWN
    assert found.presence.text.startswith("silent")
    serving = bench.hub.state().connections["serving"]
    assert (serving.health, serving.text) == (Health.UNKNOWN, "no answer for 16 s")
    assert found.intended.freshness is Freshness.FRESH
    assert bench.hub.state().connections["registry"].health is Health.OK
    bench.world.frozen = set()
    assert bench.poll().presence.health is Health.OK


def test_time_alone_makes_facts_old(bench: Bench) -> None:
    bench.poll()
    assert bench.wait(10.5).intended.freshness is Freshness.STALE
    found = bench.wait(5)
    assert {found.intended.freshness, found.served.freshness} == {Freshness.UNKNOWN}
    assert found.presence.health is Health.UNKNOWN


def test_a_late_answer_never_overwrites_a_newer_one(bench: Bench) -> None:
    bench.poll()
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        bench.world.gate = lambda: None
        asked.set()
        go_on.wait(5)

    bench.world.gate = hold
    bench.world.ready = ("1",)
    late = threading.Thread(target=bench.collector._jobs["replicas serving digits"].run)
    late.start()
    assert asked.wait(5)
    bench.world.ready = ("1", "2", "3")
    bench.poll()
    go_on.set()
    late.join(5)
    assert bench.wait(0).served.versions == ("1", "2", "3")


def test_a_counter_reset_is_a_restart_not_a_spike(bench: Bench) -> None:
    bench.poll()
    bench.world.answered["2"] += 40
    bench.poll()
    bench.world.answered["2"] = 20.0
    found = bench.poll()
    assert found.traffic_by_version["2"] == 6.0
    assert [event.title for event in bench.events(EventKind.RESTART)] == ["The server behind metrics restarted"]


def test_metrics_that_are_gone_make_use_unknown(bench: Bench) -> None:
    bench.poll()
    bench.world.answered["2"] += 40
    bench.poll()
    bench.world.frozen = {"metrics"}
    for _ in range(4):
        found = bench.poll()
    assert (found.use.health, found.traffic_per_s) == (Health.UNKNOWN, None)
    assert found.presence.health is Health.OK


@pytest.mark.parametrize(
    ("change", "kind", "title"),
    [
        ({"alias": "3"}, EventKind.ALIAS, "champion moved from v2 to v3"),
        ({"routed": "1"}, EventKind.ROUTE, "Traffic goes to v1"),
        ({"ready": ("2", "3")}, EventKind.LOAD, "v3 loaded and v1 unloaded on serving"),
    ],
)
def test_changes_from_outside_are_told_once(bench: Bench, change: dict[str, Any], kind: EventKind, title: str) -> None:
    bench.poll()
    bench.world.__dict__.update(change)
    bench.poll()
    bench.poll()
    assert [event.title for event in bench.events(kind)] == [title]


@pytest.mark.parametrize("change", [{"alias": "3"}, {"routed": "3", "ready": ("2", "3")}])
def test_a_version_that_was_rolled_back_does_not_come_back_unnoticed(bench: Bench, change: dict[str, Any]) -> None:
    bench.store.rolled_back["3"] = "errors rose."
    bench.poll()
    bench.world.__dict__.update(change)
    bench.poll()
    found = bench.poll()
    alerts = bench.events(EventKind.ALERT)
    assert [event.severity for event in alerts] == [Health.CRITICAL]
    assert "v3 is back from quarantine" in alerts[0].title
    assert "errors rose" in alerts[0].detail
    assert found.presence.health is not Health.OK


def test_a_quarantined_version_that_answers_as_intended_is_a_warning(bench: Bench) -> None:
    assert bench.poll().presence.health is Health.OK
    bench.store.rolled_back["2"] = "errors rose."
    found = bench.poll(5)
    assert (found.presence.health, found.presence.text) == (Health.WARNING, "v2 is in quarantine")


def test_the_panels_own_changes_are_not_told_again(bench: Bench) -> None:
    bench.poll()
    bench.expectations.expect("digits", "route", bench.clock.mono_s() + 30)
    bench.world.routed = "1"
    bench.poll()
    assert bench.events(EventKind.ROUTE) == []
    bench.world.routed = "2"
    bench.poll(31)
    assert len(bench.events(EventKind.ROUTE)) == 1


def test_a_version_swapped_behind_the_panels_back_is_no_presence(bench: Bench) -> None:
    bench.poll()
    bench.world.routed = "1"
    found = bench.poll()
    assert (found.presence.health, found.presence.text) == (Health.CRITICAL, "v2 not wired in")


def test_an_adapter_that_cannot_be_made_is_shown_at_its_connection(bench: Bench) -> None:
    def broken(connection: str) -> World:
        raise Unreachable(Problem("There is no such adapter.", code="not-viable"))

    bench.registry = broken  # type: ignore[method-assign]
    bench.poll()
    assert bench.hub.state().connections["registry"].text == "There is no such adapter."
    assert bench.hub.state().connections["serving"].health is Health.OK


def test_a_removed_service_is_polled_no_more(bench: Bench) -> None:
    bench.poll()
    bench.settings = replace(bench.settings, services={})
    bench.collector.adopt()
    assert not [name for name in bench.collector._jobs if name.endswith("digits")]
    assert "metrics metrics" in bench.collector._jobs


def test_serving_well_for_a_minute_makes_known_good(bench: Bench) -> None:
    bench.poll()
    for _ in range(16):
        bench.world.answered["2"] += 40
        bench.collector._prove(bench.poll())
    assert bench.store.good == "2"

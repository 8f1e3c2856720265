"""Loads of running servers: judged with what they are asked, kept, remembered by the next engine, told once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcontrol.core import series
from mlcontrol.core.alerts.alert import AlertState
from mlcontrol.core.load import Load
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings, WorkspaceSettings
from mlcontrol.core.signals.resources import resources_signal
from mlcontrol.core.state import FleetState, with_alerts, with_events
from mlcontrol.core.types import EventKind, Health, Sample, ServiceState, Signal, TimelineEvent
from mlcontrol.ports.metrics import Reading
from mlcontrol.services import loads
from mlcontrol.services.alerts import Alerts
from mlcontrol.services.asking import Asking, OwnQueries
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.services.context import AlertsMoved
from mlcontrol.services.fact_book import FactBook
from mlcontrol.services.loads import Loads
from mlcontrol.services.scraped import take_readings
from mlcontrol.store.store import Store
from mlcontrol.testing.clock import FakeClock

EVERY_S = 10.0
T = 1_800_000_000.0
HOURS = 8
MODELS = ("digits", "fraud")


class Fleet:
    """Two services of one server, scraped by hand, over a real store."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(T)
        self.store = Store.open("sqlite:///panel.db", folder, self.clock, folder)
        services = {
            name: ServiceSettings(name, serving_model=name, metrics=("triton",), objectives={series.MEMORY_BYTES: 8e9})
            for name in MODELS
        }
        self.settings = WorkspaceSettings("w", "w.toml", services=services)
        self.state_now = FleetState(self.settings)
        self.view_only = ""
        self.samples: list[Sample] = []
        self.counted = dict.fromkeys(MODELS, 0.0)
        self.begin()

    def begin(self) -> None:
        """A new engine, which knows nothing but what is stored."""
        self.book = FactBook()
        self.loads = Loads(self)  # type: ignore[arg-type]
        self.meters = [Meter(service, OwnQueries()) for service in self.settings.services.values()]
        self.asking = Asking(self, self.book, lambda *_: None)  # type: ignore[arg-type]
        self.alerts = Alerts(self, self.persist, lambda error, where: pytest.fail(f"{where}: {error}"))  # type: ignore[arg-type]
        self.state_now = FleetState(self.settings)

    def clock_off(self, connection: str) -> None:
        return None

    def state(self) -> FleetState:
        return self.state_now

    def emit(self, *facts: Any) -> None:
        for fact in facts:
            if isinstance(fact, Sample):
                self.samples.append(fact)
            elif isinstance(fact, AlertsMoved):
                self.state_now, _ = with_alerts(self.state_now, fact.alerts, fact.silences)
            elif isinstance(fact, TimelineEvent):
                self.state_now, _ = with_events(self.state_now, (fact,))

    def persist(self) -> None:
        self.store.history.append(self.samples)
        self.samples = []

    def scrape(self, cpu: float, memory: float, per_s: tuple[float, float] = (10.0, 10.0)) -> None:
        self.clock.advance(EVERY_S)
        for name, rate in zip(MODELS, per_s, strict=True):
            self.counted[name] += rate * EVERY_S
        readings = (
            Reading("cpu_share", cpu, False),
            Reading("memory_bytes", memory, False),
            *(Reading("requests_ok", count, True, name, "1") for name, count in self.counted.items()),
        )
        take_readings(self.asking, lambda _models: readings, "triton", self.meters, self.loads)

    def run(
        self, minutes: float, rng: np.random.Generator, memory: float = 2e9, each: float = 0.01, fraud: float = 10.0
    ) -> None:
        """The server uses ``each`` of its machine for every query a second."""
        for _ in range(int(minutes * 60 / EVERY_S)):
            asked = 10.0 + rng.normal(), fraud * (1 + 0.1 * rng.normal())
            cpu = 0.05 + each * sum(asked) + 0.005 * rng.normal()
            self.scrape(cpu, memory + 1e7 * rng.normal(), asked)

    def of(self, metric: str) -> Load:
        return next(load for load in self.loads.of(("triton",)) if load.metric == metric)

    def signal(self, service: str = "digits") -> Signal:
        return resources_signal(self.book.facts(service).traffic, self.clock.mono_s(), EVERY_S)

    def ask_alerts(self, minutes: float, rng: np.random.Generator, memory: float = 4e9) -> None:
        """Go on, with the rules asked after every scrape."""
        for _ in range(int(minutes * 60 / EVERY_S)):
            self.run(EVERY_S / 60, rng, memory)
            ok = Signal(Health.OK, "answers", at=self.clock.stamp())
            known = {
                name: ServiceState(name, presence=ok, use=ok, accuracy=ok, resources=self.signal(name))
                for name in MODELS
            }
            self.state_now = replace(self.state_now, services=known)
            self.alerts.tick()

    def fired(self) -> list[str]:
        return sorted(a.key for a in self.state_now.alerts.values() if a.state is AlertState.FIRING)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path)
    made.run(60 * HOURS, np.random.default_rng(1))
    made.loads.read_pasts()
    made.run(1, np.random.default_rng(7))
    yield made
    made.store.close()


def test_a_calm_server_is_as_usual_and_what_is_usual_is_kept_for_the_charts(fleet: Fleet) -> None:
    assert fleet.signal().health is Health.OK
    memory = fleet.of(series.MEMORY_BYTES)
    assert memory.low is not None
    assert memory.high is not None
    assert memory.low < 2e9 < memory.high
    assert memory.limit == 8e9
    usual = [s for s in fleet.samples if s.key.metric == series.LOAD_USUAL and s.key.service == "digits"]
    assert {(s.key.label("metric"), s.key.label("side")) for s in usual} == {
        (metric, side) for metric in (series.MEMORY_BYTES, series.CPU_SHARE) for side in ("low", "high")
    }


def test_a_neighbours_traffic_explains_the_cpu_of_the_server_that_both_use(fleet: Fleet) -> None:
    rng = np.random.default_rng(2)
    fleet.run(30, rng, fraud=30.0)
    assert fleet.of(series.CPU_SHARE).unusual == ()
    fleet.run(30, rng, fraud=30.0, each=0.018)
    assert fleet.of(series.CPU_SHARE).unusual, "the twin: more than all its traffic explains"
    assert "CPU" in fleet.signal("fraud").text


def test_processes_of_a_store_are_watched_apart_and_each_service_is_told_its_own(fleet: Fleet) -> None:
    """One Prometheus has the processes of a whole fleet: that of `digits` takes twice its memory, that of `fraud` does not."""
    rng = np.random.default_rng(8)

    def scrape(digits: float) -> None:
        fleet.clock.advance(EVERY_S)
        readings = []
        for name, memory in (("digits", digits), ("fraud", 5e8)):
            fleet.counted[name] += 10.0 * EVERY_S
            readings += [
                Reading("requests_ok", fleet.counted[name], True, name, "1"),
                Reading(
                    "memory_bytes",
                    memory * (1 + 0.005 * rng.normal()),
                    False,
                    name,
                    labels=(("instance", f"{name}:1"),),
                ),
            ]
        take_readings(fleet.asking, lambda _models: tuple(readings), "triton", fleet.meters, fleet.loads)

    fleet.samples = []
    for _ in range(int(6 * 3600 / EVERY_S)):
        scrape(2e9)
    fleet.loads.read_pasts()
    for _ in range(int(20 * 60 / EVERY_S)):
        scrape(4e9)
    assert "memory 4.0 GB" in fleet.signal("digits").text
    assert fleet.signal("fraud").health is Health.OK
    usual = [s.key for s in fleet.samples if s.key.metric in (series.LOAD_USUAL, series.SERVER_QUERIES_PER_S)]
    assert {(key.service, key.label("source")) for key in usual} == {(name, f"triton/{name}:1") for name in MODELS}


def test_of_more_loads_than_can_be_watched_it_is_said_and_a_place_that_is_free_is_taken(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads, "MOST_WATCHED", 2)
    told = {(series.MEMORY_BYTES, ""): 1e9}

    def why(name: str, at_s: float) -> str:
        fleet.loads.take(name, told, None, at_s, {}, "digits")
        (load,) = fleet.loads.of((name,))
        assert load.unusual == ()
        return load.why

    first = [why(f"prom/pod-{i}:1", T + 1e6) == loads.UNWATCHED for i in range(4)]
    assert first == [False, False, True, True]
    later_s = T + 1e6 + 7 * 3600.0  # the first of them are gone
    assert why("prom/pod-3:1", later_s) != loads.UNWATCHED
    assert len(fleet.loads.of(("prom/pod-3:1",))) == 1


def test_a_process_that_is_gone_is_forgotten_when_another_comes(fleet: Fleet) -> None:
    told = {(series.MEMORY_BYTES, ""): 1e9}
    for i, at_s in enumerate((0.0, 3600.0, 7 * 3600.0)):
        fleet.loads.take(f"prom/pod-{i}:1", told, None, T + 1e6 + at_s, {}, "digits")
    assert [len(fleet.loads.of((f"prom/pod-{i}:1",))) for i in range(3)] == [0, 1, 1]


def test_a_jump_of_memory_is_one_alert_a_service_with_its_suspects(fleet: Fleet) -> None:
    fleet.emit(TimelineEvent("d1", fleet.clock.utc_s(), EventKind.DEPLOY, "digits v3 was deployed", service="digits"))
    rng = np.random.default_rng(3)
    fleet.run(20, rng, memory=4e9)
    assert fleet.signal().health is Health.WARNING
    fleet.ask_alerts(3, rng)
    assert fleet.fired() == ["digits/resources", "fraud/resources"]
    told = next(e for e in fleet.state_now.events if e.kind is EventKind.ALERT and e.service == "digits")
    assert told.title == "Alert: resources, memory 4.0 GB, usual 1.99 to 2.01 GB"
    assert "digits v3 was deployed" in told.detail
    assert "memory_bytes changed from" in told.detail


def test_the_next_engine_knows_what_was_usual_and_raises_nothing_anew(fleet: Fleet) -> None:
    rng = np.random.default_rng(4)
    fleet.run(20, rng, memory=4e9)
    fleet.ask_alerts(3, rng)
    before = fleet.state_now.alerts["digits/resources"]
    fleet.persist()
    fleet.clock.advance(300.0)
    fleet.begin()
    fleet.alerts.start()
    fleet.alerts.close()
    fleet.run(1, rng, memory=4e9)
    assert fleet.signal().health is Health.UNKNOWN, "until the past is read"
    fleet.ask_alerts(1.5, rng)
    assert fleet.fired() == ["digits/resources", "fraud/resources"], "neither over meanwhile"
    fleet.loads.read_pasts()
    fleet.run(4, rng, memory=4e9)
    assert fleet.signal().health is Health.WARNING
    assert fleet.of(series.MEMORY_BYTES).n > 2000
    assert fleet.of(series.CPU_SHARE).by_traffic, "nor is forgotten what the server was asked"
    fleet.ask_alerts(2, rng)
    after = fleet.state_now.alerts["digits/resources"]
    assert (after.id, after.times) == (before.id, 1), "nor raised again"


def test_a_history_that_is_away_is_as_none(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    rng = np.random.default_rng(5)
    fleet.run(1, rng)

    def away(*_question: Any) -> Any:
        raise ProblemError(Problem("The store is away."))

    fleet.store.history.query = away  # type: ignore[method-assign]
    fleet.loads.read_pasts()
    fleet.run(4, rng)
    assert "minutes that it takes to know" in fleet.signal().detail
    fleet.store.close()


def test_sources_that_nobody_reads_any_more_are_forgotten(fleet: Fleet) -> None:
    fleet.loads.keep(fleet.settings.services.values())
    assert fleet.loads.of(("triton",))
    fleet.loads.keep(())
    assert fleet.loads.of(("triton",)) == ()


def test_the_budget_of_the_fleet_is_shared_by_its_loads(fleet: Fleet) -> None:
    (few,) = {watch.budget_per_week for watch in fleet.loads._watches.values()}
    assert few == 2.0 / (4 * len(MODELS))
    services = {f"s{i}": ServiceSettings(f"s{i}") for i in range(1000)}
    fleet.settings = replace(fleet.settings, services=services)
    fleet.run(1, np.random.default_rng(6))
    (many,) = {watch.budget_per_week for watch in fleet.loads._watches.values()}
    assert many == 2.0 / 4000

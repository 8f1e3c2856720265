"""Alerts of a running fleet: from its state to the store, the timeline and the shells, with a suspect beside each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlcontrol.core.alerts.alert import Alert, AlertState, Notification
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.series import ALL_ANSWERS, FAILED_ANSWERS
from mlcontrol.core.settings import ServiceSettings, WorkspaceSettings
from mlcontrol.core.state import FleetState, with_alerts, with_events
from mlcontrol.core.types import EventKind, Health, Sample, SeriesKey, ServiceState, Signal, Stamp, TimelineEvent
from mlcontrol.services.alerts import Alerts
from mlcontrol.services.context import AlertsMoved
from mlcontrol.store.store import Store
from mlcontrol.testing.clock import FakeClock

T = 1_700_000_000.0
STAMP = Stamp(T, 0.0, 1)
OK = Signal(Health.OK, "answers", at=STAMP)
BAD = Signal(Health.CRITICAL, "errors 6 %", "The objective is 1 %.", at=STAMP)
UNKNOWN = Signal(Health.UNKNOWN, "no data", at=STAMP)


class World:
    """A fleet of one service over a real store in SQLite."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(T)
        self.store = Store.open("sqlite:///panel.db", folder, self.clock, folder)
        self.settings = WorkspaceSettings("w", "w.toml", services={"digits": ServiceSettings("digits")})
        self.state_now = FleetState(self.settings)
        self.view_only = ""
        self.told: list[Notification] = []
        self.alerts = self.engine()
        self.show(use=OK)

    def engine(self) -> Alerts:
        return Alerts(self, lambda: None, lambda error, where: pytest.fail(f"{where}: {error}"))  # type: ignore[arg-type]

    def clock_off(self, connection: str) -> None:
        return None

    def state(self) -> FleetState:
        return self.state_now

    def emit(self, *facts: Any) -> None:
        for fact in facts:
            if isinstance(fact, AlertsMoved):
                self.state_now, _ = with_alerts(self.state_now, fact.alerts, fact.silences)
            elif isinstance(fact, TimelineEvent):
                self.state_now, _ = with_events(self.state_now, (fact,))
            elif isinstance(fact, Notification):
                self.told.append(fact)

    def show(self, **signals: Signal) -> None:
        service = ServiceState("digits", **{"presence": OK, "use": OK, "accuracy": OK, "golden": OK, **signals})
        self.state_now = replace(self.state_now, services={"digits": service})

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.alerts.tick()

    @property
    def firing(self) -> list[Alert]:
        return [a for a in self.state_now.alerts.values() if a.state is AlertState.FIRING]

    def events(self) -> list[TimelineEvent]:
        return [e for e in self.state_now.events if e.kind is EventKind.ALERT]


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_what_stays_wrong_alerts_once_and_is_on_the_timeline(world: World) -> None:
    world.show(use=BAD)
    world.wait(10)
    assert not world.firing
    world.wait(60)
    (alert,) = world.firing
    assert (alert.service, alert.rule, alert.severity) == ("digits", "use", Health.CRITICAL)
    assert [n.title for n in world.told] == ["digits: use"]
    world.show(use=OK)
    world.wait(70)
    assert not world.firing
    assert [e.title for e in world.events()] == ["Alert: use, errors 6 %", "Alert is over: use"]


def test_new_figures_every_second_are_no_new_events(world: World) -> None:
    for n in range(60):
        world.show(use=replace(BAD, text=f"errors {6 + n / 10:.1f} %"))
        world.wait(1)
    assert [e.title for e in world.events()] == ["Alert: use, errors 7.5 %"]
    assert len(world.told) == 1


def test_unknown_is_no_all_clear_and_after_a_while_an_alert_of_its_own(world: World) -> None:
    world.show(use=BAD)
    world.wait(30)
    world.show(use=UNKNOWN, presence=UNKNOWN)
    world.wait(200)
    assert {a.rule for a in world.firing} == {"use", "no data"}
    assert next(a for a in world.firing if a.rule == "use").unknown


def test_a_new_engine_takes_up_what_was_open_and_tells_it_to_nobody_twice(world: World) -> None:
    world.show(use=BAD)
    world.wait(30)
    world.alerts.silence("digits", "use", 3600, "known", "ann")
    world.alerts = world.engine()
    world.state_now = replace(world.state_now, alerts={}, silences=())
    world.alerts.start()
    world.alerts.close()
    assert [a.rule for a in world.firing] == ["use"]
    assert [s.reason for s in world.state_now.silences] == ["known"]
    world.wait(400)
    assert len(world.told) == 1


def test_taking_and_silencing_are_written_down(world: World) -> None:
    world.show(use=BAD)
    world.wait(30)
    world.alerts.acknowledge(world.firing[0].id, "ann")
    assert world.firing[0].acknowledged_by == "ann"
    world.alerts.silence("digits", "", 60, "maintenance", "ann")
    (silence,) = world.state_now.silences
    actions = [row.action for row in world.store.audit.rows(None, 10)]
    assert actions == ["alert.silenced", "alert.acknowledged"]
    world.wait(61)
    assert world.state_now.silences == ()
    with pytest.raises(ProblemError, match="ended"):
        world.alerts.end_silence(silence.id, "ann")
    for refused in ((0.0, "why"), (1e9, "why"), (60.0, " ")):
        with pytest.raises(ProblemError):
            world.alerts.silence("digits", "", refused[0], refused[1], "ann")
    with pytest.raises(ProblemError, match="over"):
        world.alerts.acknowledge("nothing", "ann")


def samples(world: World, values: np.ndarray, step_s: float, **labels: str) -> None:
    key = SeriesKey("digits", "latency_ms", tuple(sorted(labels.items())))
    start = world.clock.utc_s() - step_s * values.size
    world.store.history.append([Sample(key, start + step_s * i, float(v)) for i, v in enumerate(values)])


def test_an_alert_names_since_when_and_what_may_have_done_it(world: World) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(50, 3, size=300)
    values[260:] += 60
    samples(world, values, 5.0, quantile="0.99", version="3")
    deploy = TimelineEvent("d", T - 200 - 20, EventKind.DEPLOY, "Deploy of v3", "digits", version_to="3")
    world.emit(deploy)
    world.show(use=BAD)
    world.wait(30)
    (event,) = world.events()
    assert "Deploy of v3" in event.detail
    assert "Latency p99 went from 49.7 to 110 ms at " in event.detail


def test_what_broke_is_named_and_not_what_an_idle_version_did(world: World) -> None:
    """Errors come first, as on the incident's page: an idle version's latency, however sure its change, has hurt nobody."""
    put = world.store.history.append
    for i in range(240):
        at_s = T - 1200 + 5 * i
        failed = 20.0 if at_s > T - 60 else 0.0
        put([Sample(SeriesKey("digits", ALL_ANSWERS, (("source", "router"),)), at_s, 100.0)])
        put([Sample(SeriesKey("digits", FAILED_ANSWERS, (("source", "router"),)), at_s, failed)])
    idle = np.where(np.arange(240) < 120, 5.0, 900.0) + np.random.default_rng(3).normal(0, 0.01, 240)
    samples(world, idle, 5.0, quantile="0.99", version="1")
    world.emit(TimelineEvent("d", T - 64, EventKind.DEPLOY, "Deploy of v3", "digits", version_to="3"))
    world.show(use=BAD)
    world.wait(30)
    (event,) = world.events()
    assert "Errors went from 0.0 % to 20.0 % at " in event.detail
    assert "Deploy of v3" in event.detail
    assert "latency" not in event.detail


def test_an_alert_is_not_laid_to_what_an_earlier_one_began_with(world: World) -> None:
    """Errors of a quarter of an hour ago are over; what alerts now has shown no change yet, and nothing is made up."""
    put = world.store.history.append
    for i in range(240):
        at_s = T - 1200 + 5 * i
        failed = 20.0 if T - 1000 < at_s < T - 600 else 0.0
        put([Sample(SeriesKey("digits", ALL_ANSWERS, (("source", "router"),)), at_s, 100.0)])
        put([Sample(SeriesKey("digits", FAILED_ANSWERS, (("source", "router"),)), at_s, failed)])
    world.emit(TimelineEvent("d", T - 1004, EventKind.DEPLOY, "Deploy of v3", "digits", version_to="3"))
    world.show(use=BAD)
    world.wait(30)
    (event,) = world.events()
    assert "went from" not in event.detail
    assert "Deploy" not in event.detail


def test_without_an_event_nobody_is_blamed(world: World) -> None:
    values = np.random.default_rng(2).normal(50, 3, size=300)
    values[260:] += 60
    samples(world, values, 5.0, quantile="0.99", version="3")
    world.show(use=BAD)
    world.wait(30)
    assert "None of the events" in world.events()[0].detail


def test_rules_of_the_workspace(world: World) -> None:
    rule = {"name": "slow", "kind": "threshold", "series": "latency_ms{quantile=0.99}", "above": 100.0}
    broken = {"name": "x", "kind": "threshold"}
    samples(world, np.full(50, 180.0), 5.0, quantile="0.99", version="3")
    services = {
        "digits": ServiceSettings("digits", alerts=(rule,)),
        "other": ServiceSettings("other", alerts=(broken,)),
    }
    world.settings = replace(world.settings, services=services)
    world.wait(3)
    told = {a.rule: a for a in world.firing}
    assert told["slow"].value == 180.0
    assert told["slow"].limit == 100.0
    assert "above or below" in told["alert rules"].text


def test_a_context_without_anything_is_quiet() -> None:
    context = SimpleNamespace(clock=FakeClock(T), settings=WorkspaceSettings("w", "w.toml"))
    context.state = lambda: FleetState(context.settings)
    context.emit = lambda *facts: pytest.fail(f"said {facts}")
    Alerts(context, lambda: None, lambda *_: None).tick()  # type: ignore[arg-type]


def test_a_storm_keeps_no_alert_waiting_for_what_may_have_done_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 64: what takes a tenth of a second for one would take a minute for five hundred."""

    def explain(_self: object, alert: Alert) -> str:
        world.clock.advance(0.1)
        return f"It was {alert.service}."

    monkeypatch.setattr("mlcontrol.services.alert_suspects.AlertSuspects.explain", explain)
    names = [f"s{i}" for i in range(50)]
    world.settings = replace(world.settings, services={name: ServiceSettings(name) for name in names})
    bad = {name: ServiceState(name, presence=OK, use=BAD, accuracy=OK, golden=OK) for name in names}
    world.state_now = replace(world.state_now, services=bad)
    took = []
    for _ in range(40):
        world.clock.advance(1.0)
        began = world.clock.mono_s()
        world.alerts.tick()
        took.append(world.clock.mono_s() - began)
    assert max(took) < 0.75
    assert len(world.told) == 1
    assert {e.detail.rpartition(" ")[2] for e in world.events()} == {f"{name}." for name in names}


def test_an_alert_whose_service_left_is_not_over_on_the_timeline(world: World) -> None:
    world.show(use=BAD)
    world.wait(30)
    world.settings = replace(world.settings, services={})
    world.state_now = replace(world.state_now, services={})
    world.wait(2)
    event = world.events()[-1]
    assert (event.title, event.severity) == ("Alert is not asked about any more: use", Health.UNKNOWN)

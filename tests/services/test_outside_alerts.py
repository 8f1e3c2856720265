"""Alerts of a real Alertmanager beside the panel's own: mapped to services, on the timeline, silenced where they live."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.alerts.alert import Alert, AlertState, Silence
from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.state import FleetState, with_alerts, with_events
from mlcontrol.core.types import ConnectionKind, EventKind, Health, TimelineEvent
from mlcontrol.ports.alerts import Matcher, OutsideAlert, OutsideSilence, OutsideState
from mlcontrol.ports.errors import Unreachable
from mlcontrol.services.alerts import Alerts
from mlcontrol.services.context import AlertsMoved
from mlcontrol.services.outside_alerts import LOST_AFTER, alert_of, service_of
from mlcontrol.store.store import Store
from mlcontrol.testing.clock import FakeClock

T = 1_800_000_000.0
SERVICES = {
    "digits": ServiceSettings("digits", model="mnist", serving_model="digits-onnx", route="digits"),
    "fraud-eu": ServiceSettings("fraud-eu", model="fraud"),
    "fraud-us": ServiceSettings("fraud-us", model="fraud"),
}
SETTINGS = WorkspaceSettings(
    "w",
    "w.toml",
    connections={"pager": ConnectionSettings("pager", ConnectionKind.ALERTS, "alertmanager", "http://127.0.0.1:1")},
    services=SERVICES,
)


class Source:
    """Says what the test wants; stands in for the adapter, which has tests on a real Alertmanager of its own."""

    def __init__(self) -> None:
        self.held: tuple[OutsideAlert, ...] = ()
        self.made: dict[str, OutsideSilence] = {}
        self.down = False

    def alerts(self, deadline_s: float) -> tuple[OutsideAlert, ...]:
        if self.down:
            raise Unreachable(Problem("Nobody answers."))
        return tuple(
            replace(one, silenced_by=tuple(s.id for s in self.made.values() if _fits(s, one))) for one in self.held
        )

    def silences(self, deadline_s: float) -> tuple[OutsideSilence, ...]:
        return tuple(self.made.values())

    def silence(self, matchers: Any, from_s: float, until_s: float, by: str, comment: str, deadline_s: float) -> str:
        name = f"s{len(self.made)}"
        self.made[name] = OutsideSilence(name, tuple(matchers), from_s, until_s, by, comment)
        return name

    def expire(self, silence_id: str, deadline_s: float) -> None:
        del self.made[silence_id]


def _fits(silence: OutsideSilence, alert: OutsideAlert) -> bool:
    return all(alert.labels.get(m.name) == m.value for m in silence.matchers)


class World:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(T)
        self.store = Store.open("sqlite:///panel.db", folder, self.clock, folder)
        self.settings = SETTINGS
        self.state_now = FleetState(SETTINGS)
        self.source = Source()
        self.view_only = ""
        self.off: ClockOff | None = None
        self.alerts = Alerts(self, lambda: None, lambda error, where: pytest.fail(f"{where}: {error}"))  # type: ignore[arg-type]

    def alert_source(self, connection: str) -> Source:
        return self.source

    def clock_off(self, connection: str) -> ClockOff | None:
        return self.off

    def state(self) -> FleetState:
        return self.state_now

    def emit(self, *facts: Any) -> None:
        for fact in facts:
            if isinstance(fact, AlertsMoved):
                self.state_now, _ = with_alerts(self.state_now, fact.alerts, fact.silences)
            elif isinstance(fact, TimelineEvent):
                self.state_now, _ = with_events(self.state_now, (fact,))
            else:
                pytest.fail(f"nobody is told of them: {fact}")

    def read(self) -> list[Alert]:
        self.clock.advance(5.0)
        self.alerts.outside.read("pager")
        return self.shown

    @property
    def shown(self) -> list[Alert]:
        return list(self.state_now.alerts.values())

    def events(self) -> list[tuple[str, str | None, str, Health]]:
        return [(e.title, e.service, e.source, e.severity) for e in self.state_now.events if e.kind is EventKind.ALERT]

    def audited(self) -> list[str]:
        return [row.action for row in self.store.audit.all()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def firing(name: str = "HighErrors", since_s: float = T - 60, **labels: str) -> OutsideAlert:
    told = {"alertname": name, "severity": "critical", **labels}
    return OutsideAlert(f"f-{name}", OutsideState.ACTIVE, told, since_s, {"summary": f"{name} is high"})


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"service": "digits"}, "digits"),
        ({"model": "mnist"}, "digits"),
        ({"model_name": "digits-onnx"}, "digits"),
        ({"service": "kube-dns", "model": "mnist"}, "digits"),
        ({"model": "fraud"}, ""),  # two services serve it: nobody may guess
        ({"service": "kube-dns"}, ""),
        ({"job": "digits"}, ""),
        ({}, ""),
    ],
)
def test_a_label_names_one_service_or_none(labels: dict[str, str], service: str) -> None:
    assert service_of(labels, SETTINGS) == service


@pytest.mark.parametrize(
    ("word", "severity"),
    [("critical", Health.CRITICAL), ("Page", Health.CRITICAL), ("warning", Health.WARNING), ("", Health.WARNING),
     ("none", Health.OK)],
)  # fmt: skip
def test_severities(word: str, severity: Health) -> None:
    assert alert_of(firing(severity=word), "pager", SETTINGS).severity is severity


def test_it_comes_with_its_source_and_goes_when_it_ends(world: World) -> None:
    world.source.held = (firing(service="digits"), firing("DiskFull", job="node"))
    world.read()
    rows = {(a.rule, a.service, a.source, a.state, a.since_s) for a in world.shown}
    assert rows == {
        ("HighErrors", "digits", "pager", AlertState.FIRING, T - 60),
        ("DiskFull", "pager", "pager", AlertState.FIRING, T - 60),
    }
    world.read()
    assert sorted(world.events(), key=str) == [
        ("DiskFull alert", None, "pager", Health.CRITICAL),
        ("HighErrors alert", "digits", "pager", Health.CRITICAL),
    ]
    world.source.held = ()
    world.read()
    assert {a.state for a in world.shown} == {AlertState.RESOLVED}
    assert ("HighErrors is over", "digits", "pager", Health.OK) in world.events()
    assert len(world.events()) == 4


def test_a_source_whose_clock_is_ahead_is_told_by_when_it_was_heard_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 19, of a source that dates no answer: what is said to begin in the future is dated by our own clock, and marked.

    Its twin: taken at its word, it would stand three days after everything that is done about it.
    """
    world.source.held = (firing(since_s=T + 3 * 86_400, service="digits"),)
    world.read()
    (event,) = [e for e in world.state_now.events if e.kind is EventKind.ALERT]
    assert event.at_s == world.clock.utc_s()
    assert "clock is at least" in event.detail
    assert "ahead of ours" in event.detail
    world.source.held = (firing("Other", since_s=T - 30, service="digits"),)
    world.read()
    other = next(e for e in world.state_now.events if e.title.startswith("Other"))
    assert (other.at_s, "clock" in other.detail) == (T - 30, False)
    monkeypatch.setattr("mlcontrol.services.outside_alerts.min", lambda stated, _now: stated, raising=False)
    monkeypatch.setattr("mlcontrol.services.outside_alerts.dated_by_ours", lambda stated, *_: (stated, ""))
    world.source.held = (firing("Third", since_s=T + 3 * 86_400, service="digits"),)
    world.read()
    assert next(e for e in world.state_now.events if e.title.startswith("Third")).at_s == T + 3 * 86_400


@pytest.mark.parametrize("ahead_s", [90.0, -90.0, 3 * 86_400.0, -3 * 86_400.0])
def test_a_source_whose_clock_is_known_to_be_off_is_dated_by_ours_with_both_times(world: World, ahead_s: float) -> None:
    """Fault 19, both ways: an alert of half a minute ago is of half a minute ago, on the timeline and in the list."""
    world.off = ClockOff(ahead_s - 1.0, ahead_s + 1.0)
    stated_s = T - 30 + ahead_s
    world.source.held = (firing(since_s=stated_s, service="digits"),)
    (alert,) = world.read()
    (event,) = [e for e in world.state_now.events if e.kind is EventKind.ALERT]
    assert (event.at_s, event.source_at_s) == (T - 30, stated_s)
    assert (alert.since_s, alert.fired_s, alert.source_since_s) == (T - 30, T - 30, stated_s)
    way = f"{'ahead of' if ahead_s > 0 else 'behind'} ours by {abs(ahead_s):.0f} s"
    assert f"Its source's clock is {way}." in event.detail
    assert world.read() == [alert], "the same alert, asked again"


def test_twin_taken_at_its_word_an_alert_of_a_clock_behind_would_stand_before_its_cause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.services.outside_alerts.dated_by_ours", lambda stated, *_: (stated, ""))
    world.off = ClockOff(-91.0, -89.0)
    world.source.held = (firing(since_s=T - 120, service="digits"),)
    world.read()
    (event,) = [e for e in world.state_now.events if e.kind is EventKind.ALERT]
    assert (event.at_s, event.source_at_s) == (T - 120, None)


def test_an_alert_dated_ahead_keeps_the_moment_at_which_it_was_first_heard_of(world: World) -> None:
    world.source.held = (firing(since_s=T + 600),)
    (first,) = world.read()
    assert world.read() == [first]
    assert first.since_s == T + 5


def test_a_silence_holds_as_long_as_was_said_whatever_the_clock_there_shows(world: World) -> None:
    """Fault 19: by a clock three days ahead "in an hour" has long been over."""
    world.off = ClockOff(3 * 86_400.0 - 1, 3 * 86_400.0 + 1)
    world.source.held = (firing(since_s=T + 3 * 86_400),)
    (alert,) = world.read()
    world.alerts.silence("", "", 3600.0, "planned work", "ann", alert.id)
    now_s = world.clock.utc_s()
    (made,) = world.source.made.values()
    assert made.until_s == now_s + 3 * 86_400 + 3600
    (silence,) = world.state_now.silences
    assert silence.until_s == now_s + 3600


def test_the_same_alert_again_is_another_one(world: World) -> None:
    world.source.held = (firing(),)
    (first,) = world.read()
    world.source.held = (firing(since_s=T + 6),)
    (second,) = world.read()
    assert first.id != second.id
    assert [title for title, *_ in world.events()] == ["HighErrors alert", "HighErrors alert"]


def test_who_does_not_answer_leaves_its_alerts_unknown_not_over(world: World) -> None:
    world.source.held = (firing(),)
    world.read()
    world.source.down = True
    for round_ in range(1, LOST_AFTER + 1):
        with pytest.raises(Unreachable):
            world.read()
        assert [(a.open, a.unknown) for a in world.shown] == [(True, round_ >= LOST_AFTER)]
    world.source.down = False
    assert [(a.open, a.unknown) for a in world.read()] == [(True, False)]
    assert len(world.events()) == 1


def test_a_silence_is_made_there_with_all_labels_and_lifted_there(world: World) -> None:
    world.source.held = (firing(service="digits", instance="a"), firing("Other", service="digits"))
    alert = next(a for a in world.read() if a.rule == "HighErrors")
    world.alerts.silence("", "", 3600.0, " planned work ", "ann", alert.id)
    (made,) = world.source.made.values()
    assert set(made.matchers) == {
        Matcher("alertname", "HighErrors"),
        Matcher("severity", "critical"),
        Matcher("service", "digits"),
        Matcher("instance", "a"),
    }
    assert (made.by, made.comment, made.until_s) == ("ann", "planned work", world.clock.utc_s() + 3600)
    (silence,) = world.state_now.silences
    now_s = world.clock.utc_s()
    assert {a.rule: silence.covers(a, now_s) for a in world.shown} == {"HighErrors": True, "Other": False}
    assert "service=digits" in silence.rule
    assert world.audited() == ["alert.silence-asked", "alert.silenced"]
    world.alerts.end_silence(silence.id, "ann")
    assert world.source.made == {}
    assert world.state_now.silences == ()
    assert world.audited()[2:] == ["alert.silence-end-asked", "alert.silence-ended"]


def test_own_silences_and_theirs_stand_side_by_side(world: World) -> None:
    world.source.held = (firing(service="digits"),)
    (alert,) = world.read()
    world.alerts.silence("digits", "", 600.0, "ours", "ann")
    (ours,) = world.state_now.silences
    assert not ours.covers(alert, world.clock.utc_s()), "a silence of the panel does not reach Alertmanager"
    world.alerts.silence("", "", 600.0, "theirs", "ann", alert.id)
    assert {s.source for s in world.state_now.silences} == {"", "pager"}
    world.read()
    assert {s.source for s in world.state_now.silences} == {"", "pager"}
    assert [s.id for s in world.store.alerts.silences()] == [ours.id], "theirs is asked for anew, not stored"


def test_a_silence_of_theirs_covers_nothing_of_ours() -> None:
    own = alert_of(firing(service="digits"), "pager", SETTINGS)
    theirs = Silence("s1", "", "", T + 60, "bob", "why", T - 60, "pager")
    assert theirs.covers(replace(own, silenced_by=("s1",)), T)
    assert not theirs.covers(own, T)
    assert not theirs.covers(replace(own, source="", silenced_by=("s1",)), T)


def test_it_cannot_be_taken_and_what_is_over_cannot_be_silenced(world: World) -> None:
    world.source.held = (firing(),)
    (alert,) = world.read()
    with pytest.raises(ProblemError, match="pager"):
        world.alerts.acknowledge(alert.id, "ann")
    world.source.held = ()
    world.read()
    with pytest.raises(ProblemError, match="over"):
        world.alerts.silence("", "", 600.0, "why", "ann", alert.id)
    assert world.source.made == {}


def test_a_removed_connection_takes_its_alerts_with_it(world: World) -> None:
    world.source.held = (firing(),)
    world.read()
    world.settings = replace(SETTINGS, connections={})
    world.alerts.outside.forget("pager")
    (alert,) = world.shown
    assert not alert.open
    assert "not known" in alert.text
    world.read()  # an answer that was under way
    assert not world.shown[0].open


def test_names_from_strangers_are_one_line(world: World) -> None:
    alert = alert_of(firing("High\nErrors\x1b[2J", note="a\tb" + "x" * 999), "pager", SETTINGS)
    assert alert.rule == "High Errors [2J"
    assert all(value.isprintable() and len(value) <= 200 for _, value in alert.labels)


@pytest.mark.real
def test_on_a_real_alertmanager(world: World, tmp_path: Path) -> None:
    from mlcontrol.adapters.alerts.alertmanager import Alertmanager
    from mlcontrol.testing.contracts.connection import no_secret
    from mlcontrol.testing.servers import alertmanager

    world.clock.advance(time.time() - world.clock.utc_s())
    with alertmanager(tmp_path) as server:
        adapter = Alertmanager(
            ConnectionSettings("pager", ConnectionKind.ALERTS, "alertmanager", server.url), no_secret
        )
        world.source = adapter  # type: ignore[assignment]
        labels = {"alertname": "HighErrors", "model": "mnist", "odd": 'a"b\n☂'}
        assert server.ask("POST", "/api/v2/alerts", [{"labels": labels, "annotations": {"summary": "6 %"}}])[0] == 200
        (alert,) = world.read()
        assert (alert.service, alert.rule, alert.text, alert.severity) == (
            "digits",
            "HighErrors",
            "6 %",
            Health.WARNING,
        )
        world.alerts.silence("", "", 3600.0, "planned", "ann", alert.id)
        (silence,) = world.state_now.silences
        assert (silence.by, silence.reason, silence.source) == ("ann", "planned", "pager")
        assert silence.covers(world.shown[0], world.clock.utc_s())
        world.alerts.end_silence(silence.id, "ann")
        assert world.state_now.silences == ()
        assert world.shown[0].silenced_by == ()
        adapter.close()

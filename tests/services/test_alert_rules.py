"""The workspace's own rules on a running fleet: silence, age, gaps, restarts, and one rule that cannot be read beside others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcontrol.core.alerts.alert import Alert
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import Sample, SeriesKey
from tests.services.test_alerts import BAD, OK, World

SLOW = {"name": "slow", "kind": "threshold", "series": "latency_ms", "above": 100.0}
GONE = {"name": "gone", "kind": "absence", "series": "latency_ms", "for_s": 300}
BUDGET = {
    "name": "budget",
    "kind": "burn_rate",
    "objective": 0.99,
    "bad": "failed_answers",
    "total": "all_answers",
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def rules(world: World, *entries: dict[str, Any]) -> None:
    world.settings = replace(world.settings, services={"digits": ServiceSettings("digits", alerts=entries)})


def put(world: World, metric: str, at_s: np.ndarray, values: np.ndarray, **labels: str) -> None:
    key = SeriesKey("digits", metric, tuple(sorted(labels.items())))
    world.store.history.append([Sample(key, float(at), float(v)) for at, v in zip(at_s, values, strict=True)])


def until_now(world: World, span_s: float, step_s: float, ended_ago_s: float = 0.0) -> np.ndarray:
    return world.clock.utc_s() - ended_ago_s - np.arange(int(span_s / step_s))[::-1] * step_s


def alert(world: World, rule: str) -> Alert | None:
    return next((a for a in world.state_now.alerts.values() if a.rule == rule), None)


def test_a_series_that_stops_is_absent_while_the_engine_runs(world: World) -> None:
    rules(world, GONE)
    at_s = until_now(world, 3600, 5.0)
    put(world, "latency_ms", at_s, np.full(at_s.size, 50.0))
    world.wait(240)
    assert not world.firing
    world.wait(120)
    (told,) = world.firing
    assert told.rule == "gone"
    assert "no reading for" in told.text
    now_s = world.clock.utc_s()
    put(world, "latency_ms", np.array([now_s - 1, now_s]), np.array([50.0, 50.0]))
    world.wait(100)
    assert not world.firing


def test_a_series_that_never_was_is_absent_too(world: World) -> None:
    rules(world, GONE)
    world.wait(290)
    assert not world.firing
    world.wait(60)
    assert [a.rule for a in world.firing] == ["gone"]


def test_a_new_engine_does_not_take_the_time_it_was_off_for_absence(world: World) -> None:
    rules(world, GONE)
    at_s = until_now(world, 3600, 5.0)
    put(world, "latency_ms", at_s, np.full(at_s.size, 50.0))
    world.wait(10)
    world.clock.advance(7200.0)
    world.alerts = world.engine()
    world.wait(200)
    assert not world.firing
    world.wait(150)
    assert [a.rule for a in world.firing] == ["gone"]


def test_a_machine_that_slept_takes_nothing_of_that_time_for_silence(world: World) -> None:
    """Fault 21: a laptop is closed for two hours. The engine is the same, and has not listened meanwhile."""
    rules(world, GONE)
    at_s = until_now(world, 3600, 5.0)
    put(world, "latency_ms", at_s, np.full(at_s.size, 50.0))
    world.wait(10)
    world.clock.advance(7200.0)
    world.wait(200)
    assert not world.firing
    world.wait(150)
    assert [a.rule for a in world.firing] == ["gone"]


@pytest.mark.parametrize("before_s", [5, 40])
def test_what_held_before_the_machine_slept_has_not_held_all_the_while(world: World, before_s: int) -> None:
    """Fault 21: pending, or clear again, for some seconds before; neither fires nor ends by the hours nobody looked."""
    world.show(use=BAD)
    world.wait(before_s)
    fired = bool(world.firing)
    if fired:
        world.show(use=OK)
        world.wait(10)
    world.clock.advance(7200.0)
    world.wait(3)
    assert bool(world.firing) is fired
    world.wait(90)
    assert bool(world.firing) is not fired


def test_an_old_reading_raises_nothing_and_resolves_nothing(world: World) -> None:
    rules(world, SLOW)
    at_s = until_now(world, 3600, 5.0, ended_ago_s=3600.0)
    put(world, "latency_ms", at_s, np.full(at_s.size, 180.0))
    world.wait(120)
    assert not world.firing
    at_s = until_now(world, 120, 5.0)
    put(world, "latency_ms", at_s, np.full(at_s.size, 180.0))
    world.wait(31)
    assert [a.unknown for a in world.firing] == [False]
    world.wait(600)
    assert [a.unknown for a in world.firing] == [True]


def test_counts_read_at_other_moments_end_no_other_alert(world: World) -> None:
    """One rule that stumbles must not keep the rest of the fleet from being watched."""
    rules(world, BUDGET)
    at_s = until_now(world, 3600, 5.0)
    put(world, "all_answers", at_s, np.full(at_s.size, 100.0), source="a")
    put(world, "failed_answers", at_s[3:-2], np.full(at_s.size - 5, 40.0), source="a")
    world.show(use=BAD)
    world.wait(40)
    assert {a.rule for a in world.firing} == {"use", "budget"}


def test_a_rule_that_fails_is_said_and_the_others_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlcontrol.core.alerts import evaluate as evaluating

    real = evaluating.evaluate

    def stumbles(rule: Any, *rest: Any) -> Any:
        if rule.name == "budget":
            raise ValueError("operands could not be broadcast together")
        return real(rule, *rest)

    monkeypatch.setattr(evaluating, "evaluate", stumbles)
    said: list[str] = []
    monkeypatch.setattr(world.alerts, "_report", lambda error, where: said.append(f"{where}: {error}"))
    world.alerts.live._report = world.alerts._report
    rules(world, BUDGET, SLOW)
    at_s = until_now(world, 3600, 5.0)
    for name, value in (("all_answers", 100.0), ("failed_answers", 0.0), ("latency_ms", 180.0)):
        put(world, name, at_s, np.full(at_s.size, value))
    world.show(use=BAD)
    world.wait(20)
    assert {a.rule for a in world.firing} == {"use", "slow", "alert rules"}
    assert "budget" in next(a for a in world.firing if a.rule == "alert rules").text
    assert any("budget" in words for words in said)


def test_the_slow_window_of_three_days_burns_too(world: World) -> None:
    rules(world, BUDGET)
    at_s = until_now(world, 3 * 86_400.0, 60.0)
    put(world, "all_answers", at_s, np.full(at_s.size, 1000.0), source="a")
    put(world, "failed_answers", at_s, np.full(at_s.size, 15.0), source="a")  # 1.5 times as fast as it may
    world.wait(2)
    (told,) = world.firing
    assert told.rule == "budget"
    assert "1.5 times" in told.text


def test_counts_of_several_sources_are_added(world: World) -> None:
    rules(world, BUDGET)
    at_s = until_now(world, 7200.0, 5.0)
    for source, offset in (("a", 0.0), ("b", 1.5)):
        put(world, "all_answers", at_s - offset, np.full(at_s.size, 100.0), source=source)
        put(world, "failed_answers", at_s - offset, np.full(at_s.size, 30.0 if source == "a" else 0.0), source=source)
    world.wait(2)
    (told,) = world.firing
    assert told.value == pytest.approx(15.0, rel=0.01)


def test_a_service_that_the_engine_has_not_looked_at_yet_keeps_its_alerts(world: World) -> None:
    world.show(use=BAD)
    world.wait(30)
    world.alerts = world.engine()
    world.state_now = replace(world.state_now, services={})
    world.alerts.start()
    world.alerts.close()
    world.wait(5)
    assert [(a.rule, a.unknown) for a in world.firing] == [("use", True)]
    world.show(use=BAD)
    world.wait(60)
    assert [(a.rule, a.unknown) for a in world.firing] == [("use", False)]
    assert len(world.told) == 1


def test_a_clock_set_back_by_days_leaves_alerts_and_silences_as_long_as_they_were(world: World) -> None:
    world.alerts.silence("other", "", 3600.0, "deploying", "ann")
    world.wait(2)
    world.clock.jump(-3 * 86_400.0)
    world.show(use=BAD)
    world.wait(30)
    (silence,) = world.state_now.silences
    assert silence.until_s - world.clock.utc_s() == pytest.approx(3600.0 - 32.0, abs=1.0)
    assert world.store.alerts.silences() == (silence,)
    assert [a.rule for a in world.firing] == ["use"]
    assert [n.title for n in world.told] == ["digits: use"]
    world.wait(3600)
    assert world.state_now.silences == ()


def test_a_rule_with_the_name_of_an_own_alert_is_said_and_hides_nothing(world: World) -> None:
    rules(world, {**SLOW, "name": "use"})
    at_s = until_now(world, 3600, 5.0)
    put(world, "latency_ms", at_s, np.full(at_s.size, 50.0))
    world.show(use=BAD)
    world.wait(40)
    told = {a.rule: a.text for a in world.firing}
    assert "errors" in told["use"]
    assert "Give the rule another" in told["alert rules"]


def test_a_silence_made_while_an_alert_is_told_is_kept(world: World) -> None:
    def silences(_message: object) -> None:
        world.alerts.silence("digits", "use", 3600.0, "mine", "ann")

    world.alerts._outward = silences
    world.show(use=BAD)
    world.wait(30)
    assert [s.reason for s in world.store.alerts.silences()] == ["mine"]
    assert [s.reason for s in world.state_now.silences] == ["mine"]


def test_an_alert_is_on_the_timeline_and_kept_while_the_history_cannot_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ProblemError(Problem("The metric history cannot be read.", code="store"))

    monkeypatch.setattr(world.store.history, "query", away)
    rules(world, SLOW)
    world.show(use=BAD)
    world.wait(40)
    assert [e.title for e in world.events()] == ["Alert: use, errors 6 %"]
    assert [a.rule for a in world.store.alerts.load() if a.fired_s] == ["use"]

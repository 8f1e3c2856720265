"""The collector against a small world that can freeze, restart and be changed behind its back."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import (
    EventKind,
    Freshness,
    Health,
)
from mlcontrol.ports.errors import Unreachable
from tests.services.collected_world import Bench, World


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
    """Fault 1: it takes the connection and never answers."""
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
    """Fault 12: a metrics source starts again."""
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


def test_what_a_running_rollback_leaves_is_not_offered_as_the_way_back(bench: Bench) -> None:
    bench.store.known_good = lambda _service: (("3", 9.0), ("2", 8.0), ("1", 7.0))  # type: ignore[method-assign]
    bench.world.ready = ("1", "2", "3")
    assert bench.poll().way_back.target == "3", "twin: nothing is being left"
    left = Operation("o", OperationKind.ROLLBACK, "digits", "3", "2", "ann", "errors rose", "h", Phase.RUNNING)
    bench.emit(left)
    found = bench.poll()
    assert found.way_back.target == "1"
    assert "quarantine" not in found.presence.text, "that comes with the rollback's end"
    bench.emit(replace(left, phase=Phase.RETURNED, ended_s=bench.clock.utc_s(), seq=left.seq + 1))
    assert bench.poll().way_back.target == "3"


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

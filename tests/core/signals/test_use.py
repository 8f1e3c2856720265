"""Use against its objectives; no data is never ok."""

from __future__ import annotations

import pytest

from mlcontrol.core.facts import Known, Traffic
from mlcontrol.core.problem import Problem
from mlcontrol.core.signals.use import use_signal
from mlcontrol.core.types import Health, Signal, Stamp

OBJECTIVES = {"error_rate": 0.01, "p99_ms": 150.0}


def judge(traffic: Traffic | None, age_s: float = 1.0) -> Signal:
    known: Known[Traffic] = Known(traffic, Stamp(0, 100 - age_s, 1)) if traffic else Known(failed=Problem("No answer."))
    return use_signal(known, OBJECTIVES, 100.0, 5.0)


def test_answers_in_time_without_errors() -> None:
    found = judge(Traffic({"2": 8.0}, frozenset(), {}, 240, {"2": {"0.99": 20.0}}))
    assert (found.health, found.text) == (Health.OK, "8.0 /s")


@pytest.mark.parametrize(
    ("errors", "health"), [(1, Health.OK), (3, Health.WARNING), (30, Health.CRITICAL), (240, Health.CRITICAL)]
)
def test_errors_are_critical_only_when_surely_above_the_objective(errors: int, health: Health) -> None:
    assert judge(Traffic({"2": 8.0}, frozenset(), {"5xx": errors}, 240, {"2": {"0.99": 20.0}})).health is health


def test_error_types_are_named() -> None:
    found = judge(Traffic({"2": 8.0}, frozenset(), {"5xx": 20, "4xx": 10}, 240))
    assert found.text == "errors 12.5 %"
    assert found.detail.startswith("errors 12.5 % of 240 answers (4xx 10, 5xx 20). The objective is 1.0 %.")


@pytest.mark.parametrize(("p99", "health"), [(149.0, Health.OK), (200.0, Health.WARNING), (400.0, Health.CRITICAL)])
def test_latency_against_its_objective(p99: float, health: Health) -> None:
    assert judge(Traffic({"2": 8.0}, frozenset(), {}, 240, {"2": {"0.99": p99}})).health is health


def test_what_callers_wait_counts_where_the_server_does_not_see_it() -> None:
    known = Known(Traffic({"2": 8.0}, frozenset(), {}, 240, {"2": {"0.99": 12.0}}), Stamp(0, 99.0, 1))
    found = use_signal(known, OBJECTIVES, 100.0, 5.0, callers_ms={"2": {"0.99": 320.0}})
    assert (found.health, found.text) == (Health.CRITICAL, "p99 320 ms")
    assert "p99 320 ms as callers wait, 12 ms as the server counts; the objective is 150 ms." in found.detail
    assert use_signal(known, OBJECTIVES, 100.0, 5.0, callers_ms={"2": {"0.99": 14.0}}).health is Health.OK


def test_a_missing_quantile_is_no_latency() -> None:
    found = judge(Traffic({"2": 8.0}, frozenset(), {}, 240, {"2": {"0.99": float("nan")}}))
    assert (found.health, found.text) == (Health.UNKNOWN, "p99 n/a")


@pytest.mark.parametrize("latency", [{}, {"2": {}}, {"2": {"0.5": 3.0}}, {"2": {"0.99": float("nan")}}])
def test_an_objective_that_nothing_measures_is_not_met(latency: dict[str, dict[str, float]]) -> None:
    """No summary, no quantile of it, a summary without traffic: "ok" had been said of all of them."""
    traffic = Traffic({"2": 8.0}, frozenset(), {}, 240, latency)
    found = judge(traffic)
    assert (found.health, found.text) == (Health.UNKNOWN, "p99 n/a")
    assert "No source tells its p99; the objective is 150 ms." in found.detail
    known = Known(traffic, Stamp(0, 99.0, 1))
    assert use_signal(known, {"error_rate": 0.01}, 100.0, 5.0).health is Health.OK, "nobody asked for it"
    assert use_signal(known, OBJECTIVES, 100.0, 5.0, callers_ms={"2": {"0.99": 14.0}}).health is Health.OK
    worse = judge(Traffic({"2": 8.0}, frozenset(), {"5xx": 240}, 240, latency))
    assert (worse.health, worse.text) == (Health.CRITICAL, "errors 100.0 %"), "nor does it cover what is known"
    slow = judge(Traffic({"2": 3.0}, frozenset(), {}, 90, latency, 8.0))
    assert slow.health is Health.WARNING


def test_predictions_are_told_beside_queries() -> None:
    found = judge(Traffic({"2": 8.0}, frozenset(), {}, 240, {"2": {"0.99": 20.0}}, 8.0, 256.0))
    assert "8.0 queries a second with 256.0 predictions; 8.0 queries in the hour before." in found.detail


def test_counters_of_several_servers_at_one_address_are_no_rate() -> None:
    found = judge(Traffic({"2": 800.0}, frozenset(), {}, 24000, {"2": {"0.99": 20.0}}, jumping=("triton",)))
    assert (found.health, found.text, found.value) == (Health.UNKNOWN, "counters jump", None)
    assert "Give each replica a connection of its own" in found.detail


def test_no_queries_where_there_were_some_is_critical() -> None:
    assert judge(Traffic({"2": 0.0}, frozenset(), {}, 0, {}, 8.0)).health is Health.CRITICAL


def test_no_queries_ever_is_unknown() -> None:
    assert judge(Traffic({"2": 0.0}, frozenset(), {}, 0)).health is Health.UNKNOWN


def test_less_than_half_of_the_hour_before() -> None:
    assert judge(Traffic({"2": 3.0}, frozenset(), {}, 90, {}, 8.0)).health is Health.WARNING


@pytest.mark.parametrize("age_s", [11.0, 16.0, 1000.0])
def test_old_data_is_not_ok(age_s: float) -> None:
    assert judge(Traffic({"2": 8.0}, frozenset(), {}, 240), age_s).health is Health.UNKNOWN


def test_no_data_is_unknown() -> None:
    assert judge(None).health is Health.UNKNOWN
    assert judge(Traffic()).health is Health.UNKNOWN

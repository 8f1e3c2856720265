"""Metrics that are no readings, from the bytes of a real server to what is drawn and judged: a gap, never a 0 and never the reading
before, as fault 13 of the reliability contract wants it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.core import series
from mlcontrol.core.facts import Known, Quality, Traffic
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.signals.accuracy import accuracy_signal
from mlcontrol.core.signals.use import use_signal
from mlcontrol.core.types import ConnectionKind, Health, Sample, Signal, Stamp
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.testing.fault_proxy import FaultProxy, http_answer

EVERY_S = 5.0
OF = 'model="digits",version="2"'
HOSTILE = ["NaN", "+Inf", "-Inf", "1e308", "-5", "1e+200"]


class World:
    """One server that counts 10 answers a second, and the panel's meter on it."""

    def __init__(self, server: FaultProxy) -> None:
        self.server = server
        self.source = PrometheusText(
            ConnectionSettings("m", ConnectionKind.METRICS, "prometheus-text", server.url), lambda: None
        )
        service = ServiceSettings("digits", serving_model="digits", metrics=("m",))
        self.meter = Meter(service, OwnQueries())
        self.n = 0

    def scrape(self, **lines: str) -> dict[str, list[Sample]]:
        """By metric. ``lines``: what stands in the place of a family's own line."""
        self.n += 1
        counted = {
            "success": f"nv_inference_request_success{{{OF}}} {1000 + 50 * self.n}",
            "failure": f'nv_inference_request_failure{{{OF},reason="OTHER"}} 3',
            "latency": f'nv_inference_request_summary_us{{{OF},quantile="0.99"}} 2000',
            "cpu": "nv_cpu_utilization 0.5",
        }
        body = "\n".join(line for line in {**counted, **lines}.values() if line) + "\n"
        self.server.upstream = http_answer(body.encode(), content_type="text/plain")
        at = Stamp(1000.0 + EVERY_S * self.n, EVERY_S * self.n, self.n)
        found: dict[str, list[Sample]] = {}
        samples, self.reset = self.meter.take("m", self.source.readings(5.0), at)
        for sample in samples:
            found.setdefault(sample.key.metric, []).append(sample)
        return found

    @property
    def traffic(self) -> Traffic:
        return self.meter.traffic()[0]

    @property
    def use(self) -> Signal:
        traffic, at = self.meter.traffic()
        return use_signal(Known(traffic, at), {"error_rate": 0.01}, EVERY_S * self.n, EVERY_S)


@pytest.fixture
def world() -> Iterator[World]:
    with FaultProxy(b"") as server:
        made = World(server)
        for _ in range(4):
            made.scrape()
        assert (made.use.health, made.use.text) == (Health.OK, "10.0 /s")
        yield made
        made.source.close()


@pytest.mark.parametrize("value", HOSTILE)
def test_a_counter_that_is_no_number_is_a_gap_and_the_rate_is_right_again_afterwards(world: World, value: str) -> None:
    """Fault 13: NaN, +Inf, 1e308 and what no counter can be."""
    found = world.scrape(success=f"nv_inference_request_success{{{OF}}} {value}")
    assert series.QUERIES_PER_S not in found, "neither 0 nor the rate before"
    assert not world.reset, "nor a restart"
    assert (world.use.health, world.use.text) == (Health.UNKNOWN, "no counters")
    world.scrape()
    (sample,) = world.scrape()[series.QUERIES_PER_S]
    assert sample.value == 10.0
    assert (world.use.health, world.use.text) == (Health.OK, "10.0 /s")


@pytest.mark.parametrize("value", ["NaN", "1e308"])
def test_twin_taken_as_a_reading_it_would_be_drawn_or_the_rate_before_would_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr(series, "is_reading", lambda _value, _counter=False: True)
    found = world.scrape(success=f"nv_inference_request_success{{{OF}}} {value}")
    (sample,) = found[series.QUERIES_PER_S]
    assert sample.value == 10.0 or sample.value > 1e300
    assert world.use.health is Health.OK


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e308"])
def test_a_gauge_and_a_quantile_that_are_no_numbers_are_gaps(world: World, value: str) -> None:
    """Fault 13."""
    label = f'{OF},quantile="0.99"'
    found = world.scrape(
        cpu=f"nv_cpu_utilization {value}", latency=f"nv_inference_request_summary_us{{{label}}} {value}"
    )
    assert series.CPU_SHARE not in found
    assert series.LATENCY_MS not in found
    assert world.traffic.latency_ms == {"2": {}} or not world.traffic.latency_ms


def test_a_family_that_is_missing_is_a_gap_and_not_known(world: World) -> None:
    """Fault 13: the newest reading does not stand in for it, and it is no 0."""
    for _ in range(3):
        found = world.scrape(success="", latency="", cpu="")
        assert not {series.QUERIES_PER_S, series.LATENCY_MS, series.CPU_SHARE} & set(found)
        assert world.traffic.by_version == {}
        assert (world.use.health, world.use.text) == (Health.UNKNOWN, "no counters")


def test_twin_if_old_windows_stayed_a_missing_family_would_look_as_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Meter, "_forget", lambda *_: None)
    assert world.scrape(success="")[series.QUERIES_PER_S][0].value == 10.0
    assert (world.use.health, world.use.text) == (Health.OK, "10.0 /s")


def test_errors_that_are_not_counted_any_more_are_not_none(world: World) -> None:
    """Fault 13: answers go on, their errors are not told: "n/a", not "0 %"."""
    for _ in range(4):
        found = world.scrape(failure="")
        assert series.ERROR_SHARE not in found
        assert not world.reset
    assert world.traffic.errors is None
    assert (world.use.health, world.use.text) == (Health.UNKNOWN, "errors n/a")
    for _ in range(3):
        world.scrape()
    assert (world.use.health, world.use.text) == (Health.OK, "10.0 /s")


def test_a_series_that_is_there_twice_counts_once(world: World) -> None:
    """Fault 13: the first stands, as with Prometheus."""
    line = f"nv_inference_request_success{{{OF}}} "
    world.scrape(success=f"{line}1250\n{line}9000")
    (sample,) = world.scrape(success=f"{line}1300\n{line}9999")[series.QUERIES_PER_S]
    assert sample.value == 10.0
    assert not world.reset


def test_twin_added_up_a_series_that_is_there_twice_would_count_twice(world: World) -> None:
    one = world.source.readings(5.0)
    at = Stamp(1100.0, 100.0, 100)
    samples, _ = world.meter.take("m", [*one, *one], at)
    (sample,) = [s for s in samples if s.key.metric == series.QUERIES_PER_S]
    assert sample.value > 10.0


def test_a_number_written_as_no_one_else_does_is_read(world: World) -> None:
    world.scrape(cpu="nv_cpu_utilization 5e+010")
    assert world.scrape(cpu="nv_cpu_utilization 5e-001")[series.CPU_SHARE][0].value == 0.5


@pytest.mark.parametrize("total", [math.nan, math.inf, 1e308])
def test_an_accuracy_that_is_no_number_is_not_available(total: float) -> None:
    """Fault 13: "n/a", not ok and not a row of digits."""
    found = judged(total)
    assert (found.health, found.text, found.value) == (Health.UNKNOWN, "n/a", None)


def test_twin_compared_with_its_objective_a_nan_would_be_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlcontrol.core.signals.accuracy.is_reading", lambda _value: True)
    assert judged(math.nan).health is Health.OK


def judged(squared_error: float) -> Signal:
    known: Any = Known((Quality("2", 100, 100, squared_error=squared_error),), Stamp(0.0, 99.0, 1))
    return accuracy_signal(known, "2", True, {"rmse": 5.0}, 100.0, EVERY_S)

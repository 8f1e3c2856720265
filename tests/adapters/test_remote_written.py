"""What is pushed into a real Prometheus: senders that stop, native histograms, processes beside the models they serve."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from mlcontrol.adapters.metrics.prometheus_api import PrometheusApi
from mlcontrol.core.facts import Known
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.signals.use import use_signal
from mlcontrol.core.types import ConnectionKind, Freshness, Health, Signal
from mlcontrol.ports.clock import SystemClock
from mlcontrol.ports.metrics import Reading
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.servers import RunningServer
from tests.remote_write import Native, Pushed, push, receiving

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
POLL_S = 0.5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with receiving(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@pytest.fixture
def source(server: RunningServer) -> Iterator[PrometheusApi]:
    made = PrometheusApi(ConnectionSettings("prom", ConnectionKind.METRICS, "prometheus-api", server.url), no_secret)
    yield made
    made.close()


def count(model: str, value: float, instance: str = "a:1") -> Pushed:
    names = {"__name__": "nv_inference_request_success", "model": model, "version": "1", "job": "j"}
    return {**names, "instance": instance}, value


def test_a_sender_that_stopped_is_known_long_before_prometheus_forgets_its_samples(
    server: RunningServer, source: PrometheusApi
) -> None:
    """It passed for a service that nobody asks, freshly read, for five minutes."""
    meters = {
        model: Meter(ServiceSettings(model, serving_model=model, metrics=("prom",)), OwnQueries())
        for model in ("stops", "goes_on")
    }
    clock, told = SystemClock(), []
    began = time.monotonic()

    def poll() -> dict[str, Signal]:
        at = clock.stamp()
        readings = source.readings()
        signals = {}
        for model, meter in meters.items():
            meter.take("prom", [r for r in readings if r.model in ("", model)], at)
            traffic, stamp = meter.traffic()
            signals[model] = use_signal(Known(traffic, stamp), {}, clock.mono_s(), POLL_S)
        return signals

    while (now := time.monotonic() - began) < 8.0:
        pushed = [count("goes_on", 100 * now, "b:1"), *([count("stops", 100 * now)] if now < 3.5 else [])]
        push(server.url, pushed, time.time())
        time.sleep(POLL_S)
        told.append((now, poll()))
    before = [one["stops"] for now, one in told if 1.5 < now < 3.5]
    assert all(one.freshness is Freshness.FRESH and (one.value or 0) > 50 for one in before)
    after = [one["stops"] for now, one in told if now > 6.5]
    assert {(one.health, one.text, one.freshness) for one in after} == {
        (Health.UNKNOWN, "no new samples", Freshness.UNKNOWN)
    }
    assert "has stopped" in after[-1].detail
    assert after[-1].at is not None
    assert time.time() - after[-1].at.utc_s > 2.5, "as old as its sample"
    stale = [one["stops"].freshness for _, one in told]
    assert stale.index(Freshness.STALE) < stale.index(Freshness.UNKNOWN, 4)
    assert all(one["goes_on"].freshness is Freshness.FRESH for _, one in told), "the other is not concerned"


def buckets(readings: tuple[Reading, ...], model: str) -> dict[float, float]:
    return {
        float(dict(one.labels)["le"]): one.value
        for one in readings
        if one.quantity == "latency_bucket" and one.model == model
    }


def test_a_native_histogram_is_read_as_buckets(server: RunningServer, source: PrometheusApi) -> None:
    """Nothing was read of it."""
    names = {"__name__": "vllm:e2e_request_latency_seconds", "model_name": "native", "engine": "0", "instance": "v:1"}
    meter = Meter(ServiceSettings("s", serving_model="native", metrics=("prom",)), OwnQueries())
    clock = SystemClock()
    answered = {"__name__": "vllm:request_success_total", "model_name": "native", "finished_reason": "stop"}
    for beat in range(3):
        # Of eight buckets to an octave, number -23 ends at 2^(-23/8) s = 136 ms and -15 at 273 ms.
        told = Native(-23, [90 * beat, 0, 0, 0, 0, 0, 0, 0, 10 * beat])
        push(server.url, [(names, told), ({**answered, "instance": "v:1"}, 100.0 * beat)], time.time())
        readings = source.readings()
        meter.take("prom", [one for one in readings if one.model in ("", "native")], clock.stamp())
        time.sleep(0.3)
    found = buckets(readings, "native")
    assert found[float("inf")] == 200
    assert found[min(bound for bound in found if bound > 273)] == 200
    assert found[max(bound for bound in found if bound < 136 / 2)] == 0
    latency = meter.traffic()[0].latency_ms[""]
    assert 110 < latency["0.5"] < 142, latency
    assert 230 < latency["0.99"] < 300, latency


def test_a_process_is_told_of_the_models_that_its_own_target_serves(
    server: RunningServer, source: PrometheusApi
) -> None:
    def process(instance: str, memory: float, **more: str) -> list[Pushed]:
        names = {"job": "serving", "instance": instance, **more}
        return [
            ({"__name__": "process_resident_memory_bytes", **names}, memory),
            ({"__name__": "process_cpu_seconds_total", **names}, memory / 1e9),
        ]

    def served(model: str, instance: str, **more: str) -> Pushed:
        labels, value = count(model, 5.0, instance)
        return {**labels, "job": "serving", **more}, value

    pushed = [
        served("alone", "one:1"), *process("one:1", 1e9),
        served("left", "two:1"), served("right", "two:1"), *process("two:1", 2e9),
        *process("stranger:1", 9e9),  # something else in the same store
        # Two clusters with the same address in both.
        served("east", "same:1", cluster="east"), *process("same:1", 3e9, cluster="east"),
        served("west", "same:1", cluster="west"), *process("same:1", 4e9, cluster="west"),
        *(served("many", f"pod{i}:1") for i in range(12)),
        *(one for i in range(12) for one in process(f"pod{i}:1", 1e9)),
    ]  # fmt: skip
    push(server.url, pushed, time.time())
    found = {
        (one.model, dict(one.labels)["instance"]): (one.value, dict(one.labels).get("shared"))
        for one in source.readings()
        if one.quantity == "memory_bytes"
    }
    assert found == {
        ("alone", "one:1"): (1e9, None),
        ("left", "two:1"): (2e9, "yes"),
        ("right", "two:1"): (2e9, "yes"),
        ("east", "same:1"): (3e9, None),
        ("west", "same:1"): (4e9, None),
        ("many", "all"): (12e9, None),
    }
    counted = {one.model for one in source.readings() if one.quantity == "cpu_seconds_total"}
    assert counted == {"alone", "left", "right", "east", "west", "many"}

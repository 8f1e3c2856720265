"""What the counters of real servers come to: several replicas, one address before several, a restart, a dialect that tells less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.metrics.dialects import meaning
from mlcontrol.adapters.metrics.text_format import TextParser
from mlcontrol.core import series
from mlcontrol.core.facts import Alias, Known, ServiceFacts
from mlcontrol.core.presence import Moment, join
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signals.rates import CounterWindow
from mlcontrol.core.signals.use import use_signal
from mlcontrol.core.types import Health, Sample, Signal, Stamp, TimelineEvent
from mlcontrol.services.asking import Asking, OwnQueries
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.services.fact_book import FactBook
from mlcontrol.services.loads import Loads
from mlcontrol.services.scraped import take_readings
from mlcontrol.testing.clock import FakeClock

EVERY_S = 5.0
TRITON = """\
nv_inference_request_success{{model="digits",version="2"}} {ok}
nv_inference_request_failure{{model="digits",reason="OTHER",version="2"}} 0
nv_inference_request_failure{{model="digits",reason="BACKEND",version="2"}} {failed}
nv_inference_count{{model="digits",version="2"}} {made}
nv_inference_request_summary_us{{model="digits",version="2",quantile="0.99"}} {p99_us}
"""
OLD_TRITON = """\
# HELP nv_inference_request_success Number of successful inference requests, all batch sizes
# TYPE nv_inference_request_success counter
nv_inference_request_success{{model="digits",version="2"}} {ok}
# HELP nv_inference_request_failure Number of failed inference requests, all batch sizes
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{{model="digits",version="2"}} {failed}
"""
"""Before its failures had reasons."""
MLSERVER = """\
# HELP model_infer_request_success_total Model infer request success count
# TYPE model_infer_request_success_total counter
model_infer_request_success_total{{model="digits",version="2"}} {ok}
# HELP model_infer_request_failure_total Model infer request failure count
# TYPE model_infer_request_failure_total counter
"""
MLSERVER_FAILURE = 'model_infer_request_failure_total{{model="digits",version="2"}} {failed}\n'
MLSERVER_UNNAMED = """\
# TYPE model_infer_request_success_total counter
model_infer_request_success_total{{model="digits",version="None"}} {ok}
model_infer_request_success_total{{model="digits",version="2"}} 7.0
"""


class Counted:
    """A service whose sources are read every five seconds, half a beat apart."""

    def __init__(self, *sources: str, **objectives: float) -> None:
        self.service = ServiceSettings("digits", serving_model="digits", metrics=sources, objectives=objectives)
        self.meter = Meter(self.service, OwnQueries())
        self.seq = 0
        self.samples: list[Sample] = []

    def scrape(self, source: str, at_s: float, text: str) -> bool:
        self.seq += 1
        series_, values = TextParser(meaning).parse(text.encode())
        readings = [one.reading(value) for one, value in zip(series_, values, strict=True)]
        samples, reset = self.meter.take(source, readings, Stamp(at_s, at_s, self.seq))
        self.samples += samples
        return reset

    def of(self, metric: str, **labels: str) -> list[float]:
        return [
            s.value for s in self.samples if s.key.metric == metric and labels.items() <= dict(s.key.labels).items()
        ]

    def use(self, now_s: float) -> Signal:
        traffic, at = self.meter.traffic()
        return use_signal(Known(traffic, at), self.service.objectives, now_s, EVERY_S)


def triton(ok: float, failed: float = 0, made: float | None = None, p99_us: float = 2000) -> str:
    return TRITON.format(ok=ok, failed=failed, made=ok if made is None else made, p99_us=p99_us)


def beats(counted: Counted, first: int, last: int, sources: Iterable[tuple[str, float, float]]) -> None:
    """``sources``: name, answers a second, p99 in microseconds."""
    for beat in range(first, last):
        for place, (name, per_s, p99_us) in enumerate(sources):
            at_s = EVERY_S * beat + 2.5 * place
            counted.scrape(name, at_s, triton(1000 + per_s * at_s, p99_us=p99_us))


def test_two_replicas_are_one_line_of_both_together() -> None:
    """One answers 10 a second, the other 30: the line had gone 10, 30, 10, 30, and its mean was half of the traffic."""
    counted = Counted("a", "b")
    beats(counted, 0, 8, [("a", 10.0, 2000), ("b", 30.0, 90_000)])
    drawn = counted.of(series.QUERIES_PER_S, version="2")
    assert len(drawn) >= 12
    assert drawn == pytest.approx([40.0] * len(drawn))
    assert counted.of(series.LATENCY_MS, quantile="0.99")[1:] == [90.0] * 15, "the slower of them"
    assert counted.use(36.0).text == "40.0 /s"


def test_of_a_replica_that_fell_silent_the_other_is_not_the_whole() -> None:
    counted = Counted("a", "b")
    beats(counted, 0, 4, [("a", 10.0, 2000), ("b", 30.0, 2000)])
    counted.samples.clear()
    beats(counted, 5, 12, [("a", 10.0, 2000)])
    drawn = counted.of(series.QUERIES_PER_S)
    assert set(drawn) <= {40.0}, "held over two missed beats"
    assert len(drawn) <= 3, "then a gap, never 10"
    assert counted.use(58.0).health is Health.UNKNOWN


def test_one_address_before_two_servers_gives_no_rate() -> None:
    """A load balancer hands each scrape to another process: 10 a second each had read as thousands, with restarts all the time."""
    counted = Counted("lb")
    for beat in range(12):
        process = 90_000 if beat % 2 == 0 else 300
        counted.scrape("lb", EVERY_S * beat, triton(process + 50 * beat))
    found = counted.use(EVERY_S * 11)
    assert (found.health, found.text) == (Health.UNKNOWN, "counters jump")
    assert "lb" in found.detail
    assert max(counted.of(series.QUERIES_PER_S)[4:], default=0.0) < 100, "and draws no spike after it is found out"


def restarts(counts: Iterable[float]) -> list[int]:
    """When the timeline is told of a restart, in beats, of a server that is read every five seconds."""
    clock = FakeClock(1_700_000_000.0)
    told: list[Any] = []
    ctx: Any = SimpleNamespace(
        clock=clock, state=lambda: SimpleNamespace(operations={}), emit=lambda *f: told.extend(f)
    )
    asking = Asking(ctx, FactBook(), lambda *_: None)
    meter = Meter(ServiceSettings("digits", serving_model="digits", metrics=("lb",)), OwnQueries())
    found: list[int] = []
    for beat, count in enumerate(counts):
        clock.advance(EVERY_S)
        series_, values = TextParser(meaning).parse(triton(count).encode())
        readings = [one.reading(value) for one, value in zip(series_, values, strict=True)]
        take_readings(asking, lambda _models, readings=readings: readings, "lb", [meter], Loads(ctx))  # type: ignore[misc]
        found += [beat for event in told if isinstance(event, TimelineEvent)]
        told.clear()
    return found


def test_an_address_before_two_servers_is_no_server_that_restarts_all_the_time() -> None:
    by_turns = [(90_000 if beat % 2 == 0 else 300) + 50 * beat for beat in range(24)]
    assert max(restarts(by_turns), default=0) < 8, "once it is found out, no more"
    assert restarts([1000, 1050, 1100, 20, 70, 120]) == [3], "the twin: one server that did restart"


def test_it_is_known_again_two_minutes_after_the_address_leads_to_one_server() -> None:
    counted = Counted("lb")
    for beat in range(8):
        counted.scrape("lb", EVERY_S * beat, triton((90_000 if beat % 2 == 0 else 300) + 50 * beat))
    for beat in range(8, 40):
        counted.scrape("lb", EVERY_S * beat, triton(90_000 + 50 * beat))
    assert (counted.use(EVERY_S * 39).health, counted.use(EVERY_S * 39).text) == (Health.OK, "10.0 /s")


@pytest.mark.parametrize(
    "values",
    [
        [1000, 1050, 1100, 20, 70, 120, 170],  # one restart
        [
            100,
            150,
            200,
            20,
            70,
            120,
            170,
            220,
            270,
            10,
            60,
            110,
            160,
            210,
            260,
            310,
        ],  # past the old count again and again
        [0, 50, 40, 90, 140, 30, 80, 130, 180, 20, 70, 120],  # it dies every twenty seconds
        [1000, 1500, 1500, 1510, 2010, 0, 500, 1000, 1500, 2000, 2500],  # in bursts
    ],
)
def test_twin_a_server_that_really_restarts_does_not_jump(values: list[float]) -> None:
    window = CounterWindow()
    for beat, value in enumerate(values):
        window.add(EVERY_S * beat, value)
        assert not window.jumps(), (beat, value)


def test_an_hour_of_silence_does_not_become_usual() -> None:
    """After half an hour the median of the hour before was 0: "not asked" went from critical to unknown, and its alert with it."""
    counted = Counted("a")
    for beat in range(1800):
        counted.scrape("a", EVERY_S * beat, triton(10 * EVERY_S * min(beat, 600)))
        counted.meter.traffic()  # as after each scrape
        if beat in (599, 640, 900, 1300, 1799):
            found = counted.use(EVERY_S * beat)
            assert found.health is (Health.OK if beat < 600 else Health.CRITICAL), beat
    assert (found.text, found.detail.split(". ")[-1]) == (
        "not asked",
        "Nobody asks; the hour before had 10.0 queries a second.",
    )
    counted.scrape("a", EVERY_S * 1800, triton(10 * EVERY_S * 600 + 50))
    assert counted.use(EVERY_S * 1800).health is not Health.CRITICAL


def test_failures_of_an_older_triton_count_although_it_names_no_reason() -> None:
    """They were left out, and 30 % of failures read as "errors 0.0 %"."""
    counted = Counted("a", error_rate=0.01)
    for beat in range(6):
        counted.scrape("a", EVERY_S * beat, OLD_TRITON.format(ok=70 * beat, failed=30 * beat))
    found = counted.use(25.0)
    assert (found.health, found.text) == (Health.CRITICAL, "errors 30.0 %")
    assert "(model 150)" in found.detail


def test_where_nothing_counts_errors_their_share_is_not_known() -> None:
    counted = Counted("a", error_rate=0.01)
    for beat in range(6):
        text = OLD_TRITON.format(ok=70 * beat, failed=0).rpartition("nv_inference_request_failure{")[0]
        counted.scrape("a", EVERY_S * beat, text)
    assert (counted.use(25.0).health, counted.use(25.0).text) == (Health.UNKNOWN, "errors n/a")
    assert counted.of(series.ERROR_SHARE) == []


def test_mlserver_is_used_and_has_no_failures_before_it_names_one() -> None:
    counted = Counted("m", error_rate=0.01)
    for beat in range(6):
        counted.scrape("m", EVERY_S * beat, MLSERVER.format(ok=50 * beat))
    assert (counted.use(25.0).health, counted.use(25.0).text) == (Health.OK, "10.0 /s")
    for beat in range(6, 12):
        text = MLSERVER.format(ok=50 * beat) + MLSERVER_FAILURE.format(failed=25 * (beat - 5))
        counted.scrape("m", EVERY_S * beat, text)
    found = counted.use(55.0)
    assert (found.health, found.text.split()[0]) == (Health.CRITICAL, "errors")
    assert "model" in found.detail


def test_callers_who_name_no_version_are_use_of_no_version() -> None:
    """MLServer counts them under "None", whoever answered."""
    counted = Counted("m")
    for beat in range(8):
        counted.scrape("m", EVERY_S * beat, MLSERVER_UNNAMED.format(ok=50 * beat))
    assert (counted.use(35.0).health, counted.use(35.0).text) == (Health.OK, "10.0 /s"), "not: nobody asks"
    traffic, at = counted.meter.traffic()
    facts = ServiceFacts(alias=Known(Alias("champion", "2"), at), traffic=Known(traffic, at))
    found = join(facts, Moment(35.0, EVERY_S), "this service has no golden set")
    assert (found.used.versions, found.used.detail) == ((), "callers name no version")
    assert "a version that is not named answers 10.0 a second" in found.signal.detail


def test_a_query_of_many_rows_is_many_predictions() -> None:
    counted = Counted("a", "b")
    for beat in range(6):
        counted.scrape("a", EVERY_S * beat, triton(50 * beat, made=1600 * beat))
        counted.scrape("b", EVERY_S * beat + 2.5, triton(50 * beat, made=1600 * beat))
    assert counted.of(series.PREDICTIONS_PER_S, version="2")[-1] == pytest.approx(640.0)
    assert "20.0 queries a second with 640.0 predictions." in counted.use(28.0).detail


def test_the_load_of_the_server_is_of_the_newest_scrape_alone() -> None:
    counted = Counted("a", "b")
    counted.scrape("a", 0.0, "nv_cpu_utilization 0.25\nnv_cpu_memory_used_bytes 2e9\n")
    counted.scrape("b", 0.0, "nv_cpu_utilization 0.75\n")
    traffic, _ = counted.meter.traffic()
    assert (traffic.cpu_share, traffic.memory_bytes, traffic.per_s) == (0.75, 2e9, None)
    counted.scrape("a", 5.0, "nv_other 1\n")
    counted.scrape("b", 5.0, "nv_cpu_utilization NaN\n")
    traffic, _ = counted.meter.traffic()
    assert (traffic.cpu_share, traffic.memory_bytes) == (None, None)


def test_the_panels_own_queries_are_no_predictions_either() -> None:
    counted = Counted("a")
    for beat in range(6):
        for _ in range(50 if beat else 0):
            counted.meter.own.count("digits", "2")
        counted.scrape("a", EVERY_S * beat, triton(50 * beat, made=50 * beat))
    assert counted.meter.traffic()[0].by_version == {"2": 0.0}
    assert counted.of(series.PREDICTIONS_PER_S) == []


ENVOY = """\
# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{{envoy_response_code_class="2",envoy_cluster_name="digits-2"}} {ok}
envoy_cluster_upstream_rq_xx{{envoy_response_code_class="4",envoy_cluster_name="digits-2"}} {rejected}
envoy_cluster_upstream_rq_xx{{envoy_response_code_class="2",envoy_cluster_name="xds"}} 900
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name="digits-2",le="25"}} {fast}
envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name="digits-2",le="100"}} {all}
envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name="digits-2",le="250"}} {all}
envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name="digits-2",le="+Inf"}} {all}
"""


def behind_envoy(p99_ms: float, fast: float = 0.9, beyond: float = 0.0) -> Signal:
    """Triton's counters without summaries, and Envoy's, which sees one query in ten refused."""
    counted = Counted("t", "e", error_rate=0.5, p99_ms=p99_ms)
    counted.meter.service = replace(counted.service, route="digits")
    counted.service = counted.meter.service
    for beat in range(6):
        counted.scrape("t", EVERY_S * beat, OLD_TRITON.format(ok=90 * beat, failed=0))
        n = 100 * beat
        text = ENVOY.format(ok=90 * beat, rejected=10 * beat, fast=fast * n, all=n * (1 - beyond))
        counted.scrape("e", EVERY_S * beat, text.replace(f'le="+Inf"}} {n * (1 - beyond)}', f'le="+Inf"}} {n}'))
    return counted.use(EVERY_S * 5)


def test_what_triton_hides_and_does_not_time_the_proxy_tells() -> None:
    found = behind_envoy(p99_ms=100.0)
    assert found.health is Health.OK
    assert "errors 10.0 % of 500 answers (4xx 50)." in found.detail
    assert "p99 92 ms." in found.detail


def test_an_objective_between_two_bounds_is_not_known_to_be_met() -> None:
    assert (behind_envoy(p99_ms=50.0).health, behind_envoy(p99_ms=50.0).text) == (Health.UNKNOWN, "p99 n/a")


def test_answers_slower_than_every_bound_are_not_taken_for_the_last_bound() -> None:
    assert behind_envoy(p99_ms=400.0, beyond=0.05, fast=0.5).text == "p99 n/a"
    assert behind_envoy(p99_ms=120.0, beyond=0.05, fast=0.5).health is Health.CRITICAL

"""The query API of a real Prometheus with two thousand services in it, and answers that no healthy server gives."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcontrol.adapters.metrics.counted_families import quoted
from mlcontrol.adapters.metrics.prometheus_api import PrometheusApi, columns
from mlcontrol.adapters.metrics.promql import questions
from mlcontrol.adapters.metrics.range_queries import MAX_POINTS, step_of
from mlcontrol.core import series as names
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import Rejected, ServerFailed, Unexpected
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.contracts.metrics import MetricsContract
from mlcontrol.testing.fault_proxy import FaultProxy, http_answer
from mlcontrol.testing.servers import haproxy
from tests.stored_prometheus import stored_prometheus

SERVICES, STEPS, STEP_S = 2000, 8, 15
ALL = (names.QUERIES_PER_S, names.LATENCY_MS, names.ERROR_SHARE)


def settings(url: str, **options: str) -> ConnectionSettings:
    return ConnectionSettings("prom", ConnectionKind.METRICS, "prometheus-api", url, options=options)


def open_metrics(now: int) -> Iterator[str]:
    """Two replicas a model, the second ten times as busy; the samples of a family together, as the format asks."""
    times = [now - STEP_S * (STEPS - 1 - i) for i in range(STEPS)]
    yield "# TYPE nv_inference_request_success counter\n"
    for i in range(SERVICES):
        for replica in (1, 10):
            for step, at in enumerate(times):
                labels = f'model="m{i}",version="3",instance="host{replica}:8002",job="triton"'
                yield f"nv_inference_request_success_total{{{labels}}} {replica * STEP_S * step} {at}\n"
    yield "# TYPE nv_inference_request_summary_us gauge\n"
    for i in range(SERVICES):
        for at in times:
            labels = f'model="m{i}",version="3",quantile="0.99",instance="host1:8002"'
            yield f"nv_inference_request_summary_us{{{labels}}} {1000 * i} {at}\n"
    yield "# EOF\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    with stored_prometheus(folder, open_metrics(int(time.time())), "--query.max-samples=100000") as url:
        yield url


@pytest.fixture
def adapter(server: str) -> Iterator[PrometheusApi]:
    made = PrometheusApi(settings(server), no_secret)
    yield made
    made.close()


@pytest.mark.real
class TestContract(MetricsContract):
    @pytest.fixture
    def adapter(self, server: str) -> Iterator[PrometheusApi]:
        made = PrometheusApi(settings(server), no_secret)
        yield made
        made.close()


@pytest.mark.real
def test_one_request_answers_for_two_thousand_services(server: str) -> None:
    host, port = server.removeprefix("http://").split(":")
    with FaultProxy((host, int(port))) as counting:
        made = PrometheusApi(settings(counting.url), no_secret)
        found = {(r.quantity, r.model, r.version): r for r in made.readings(30.0)}
        made.close()
        assert len(counting.heads) == 1
    assert len(found) == 2 * SERVICES
    assert found["requests_ok", "m7", "3"].value == 11 * STEP_S * (STEPS - 1), "both replicas together"
    assert found["latency_ms", "m7", "3"].value == pytest.approx(7.0)


@pytest.mark.real
def test_charts_are_filled_with_what_was_before(adapter: PrometheusApi) -> None:
    service = ServiceSettings("seven", serving_model="m7")
    now = time.time()
    found = {s.key.metric: s for s in adapter.history([service], ALL, now - 3600, now, 720, 30.0)}
    rate = np.frombuffer(found[names.QUERIES_PER_S].value)
    assert rate[np.isfinite(rate)].max() == pytest.approx(11.0, rel=0.2)
    assert dict(found[names.QUERIES_PER_S].key.labels) == {"version": "3"}
    assert np.nanmax(np.frombuffer(found[names.LATENCY_MS].value)) == pytest.approx(7.0)
    assert found[names.LATENCY_MS].step_s == 5.0
    narrow = PrometheusApi(settings(adapter.settings.url, selector='instance="host1:8002"'), no_secret)
    (one,) = narrow.history([service], (names.QUERIES_PER_S,), now - 3600, now, 720, 30.0)
    narrow.close()
    assert np.nanmax(np.frombuffer(one.value)) == pytest.approx(1.0, rel=0.2)


@pytest.mark.real
def test_a_fleet_is_asked_about_in_few_range_queries_as_large_as_the_server_allows(server: str) -> None:
    """It allows a hundred thousand samples a query; what two thousand services with two replicas have is more."""
    fleet = [ServiceSettings(f"s{i}", serving_model=f"m{i}") for i in range(SERVICES)]
    host, port = server.removeprefix("http://").split(":")
    now = time.time()
    with FaultProxy((host, int(port))) as counting:
        made = PrometheusApi(settings(counting.url), no_secret)
        found = made.history(fleet, (names.QUERIES_PER_S, names.LATENCY_MS), now - 120, now, 24, 30.0)
        made.close()
        asked = len(counting.heads)
        assert any(head.startswith(b"POST") for head in counting.heads), "so many names do not fit an address"
    assert asked < SERVICES / 50, f"{asked} requests"
    of = {(one.key.service, one.key.metric): one for one in found}
    assert len(of) == len(found) == 2 * SERVICES
    alone = PrometheusApi(settings(server), no_secret)
    for i in (0, 7, SERVICES - 1):
        for one in alone.history([fleet[i]], (names.QUERIES_PER_S, names.LATENCY_MS), now - 120, now, 24, 30.0):
            together = of[one.key.service, one.key.metric]
            assert (together.key, together.at_s, together.value) == (one.key, one.at_s, one.value)
    alone.close()


ONLY_READING = """
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend reading
  bind 127.0.0.1:{router}
  http-request deny deny_status 405 if METH_POST
  default_backend prometheus
backend prometheus
  server one {upstream}
frontend ready
  bind 127.0.0.1:{router_metrics_inner}
  http-request use-service prometheus-exporter if {{ path /metrics }}
"""


@pytest.mark.real
def test_who_lets_no_form_through_is_asked_in_addresses(server: str, tmp_path: Path) -> None:
    """A proxy in front that only lets reading pass."""
    fleet = [ServiceSettings(f"s{i}", serving_model=f"m{i}") for i in range(SERVICES)]
    upstream, now = server.removeprefix("http://"), time.time()
    with haproxy(tmp_path, lambda _, ports: ONLY_READING.format(upstream=upstream, **ports)) as front:
        made = PrometheusApi(settings(front.url), no_secret)
        found = made.history(fleet, (names.QUERIES_PER_S,), now - 120, now, 24, 30.0)
        made.close()
    assert {one.key.service for one in found} == {service.id for service in fleet}


@pytest.mark.real
def test_its_refusals_are_told_in_words(adapter: PrometheusApi) -> None:
    with pytest.raises(Rejected, match="unclosed") as wrong:
        adapter.range("sum(", 0.0, 10.0, 5.0, 10.0)
    assert "selector" in wrong.value.problem.next
    with pytest.raises(Rejected, match="resolution") as fine:
        adapter.range("up", 0.0, 12_000 * 5.0, 5.0, 10.0)
    assert "shorter span" in fine.value.problem.next
    with pytest.raises(Rejected, match="too many samples"):
        adapter.range('{__name__=~"nv_.*"}[5m]'.replace("[5m]", ""), time.time() - 300, time.time(), 1.0, 20.0)


@pytest.mark.real
def test_its_probe_finds_that_what_each_poll_asks_is_refused(server: str) -> None:
    for selector, refused in (('model="m1"', False), ('model=~"m("', True), ("model=", True)):
        made = PrometheusApi(settings(server, selector=selector), no_secret)
        for ask in (made.probe, made.readings):
            if refused:
                with pytest.raises(Rejected, match="refused the query"):
                    ask(60.0)
            else:
                ask(60.0)
        made.close()


@pytest.mark.real
def test_the_version_is_told(adapter: PrometheusApi) -> None:
    assert adapter.probe(20.0).server.startswith("Prometheus 2.")


def answer(result: list[object], **more: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}, **more}).encode()


@pytest.mark.parametrize(
    ("body", "status", "kind", "says"),
    [
        (b"<html>sign in</html>", "200 OK", Unexpected, "not an answer"),
        (b"[]", "200 OK", Unexpected, "not an answer"),
        (b"[" * 100_000, "200 OK", Unexpected, "not an answer"),
        (b'{"status":"error","error":"boom"}', "200 OK", Unexpected, "boom"),
        (b'{"status":"error","errorType":"execution","error":"query timed out"}', "422 U", Rejected, "timed out"),
        (b'{"status":"error","errorType":"timeout","error":"too busy"}', "503 U", ServerFailed, "too busy"),
        (answer([{"metric": {}, "value": ["x", "1"]}]), "200 OK", Unexpected, "not an answer"),
    ],
)
def test_answers_that_are_none(body: bytes, status: str, kind: type[Exception], says: str) -> None:
    with FaultProxy(http_answer(body, status)) as proxy:
        made = PrometheusApi(settings(proxy.url), no_secret)
        with pytest.raises(kind, match=says):
            made.readings()
        made.close()


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"warnings": ["store gateway 3 did not answer"]}, ("store gateway 3 did not answer",)),
        ({"isPartial": True}, ("some of its storage did not answer",)),
        ({"isPartial": False}, ()),
    ],
    ids=["Thanos and Prometheus", "VictoriaMetrics", "VictoriaMetrics, whole"],
)
def test_a_partial_answer_is_known_to_be_one(said: dict[str, object], known: tuple[str, ...]) -> None:
    with FaultProxy(http_answer(answer([], **said))) as proxy:
        made = PrometheusApi(settings(proxy.url), no_secret)
        assert [(r.quantity, r.value, r.labels) for r in made.readings()] == [
            ("partial", 0.0, (("why", why),)) for why in known
        ]
        made.close()


def test_a_question_that_is_answered_whole_meanwhile_makes_a_partial_answer_no_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Charts ask for ranges while the fleet is polled."""
    whole, lacking = answer([]), answer([], warnings=["store gateway 3 did not answer"])
    with FaultProxy(http_answer(lacking)) as proxy:
        made = PrometheusApi(settings(proxy.url), no_secret)
        told = made._series

        def then_a_range(said: Any, response: Any) -> Any:
            rows = told(said, response)
            if proxy.upstream == http_answer(lacking):
                proxy.upstream = http_answer(whole)
                made.range("up", 0.0, 60.0, 15.0, 5.0)
            return rows

        monkeypatch.setattr(made, "_series", then_a_range)
        assert [reading.quantity for reading in made.readings()] == ["partial"]
        made.close()


def test_a_replica_that_a_partial_answer_lacks_makes_its_model_unknown() -> None:
    def of(*instances: str) -> list[object]:
        names = {"__name__": "nv_inference_request_success", "model": "m", "version": "1"}
        return [{"metric": {**names, "instance": name}, "value": [1.0, "5"]} for name in instances]

    with FaultProxy(http_answer(answer(of("a", "b")))) as proxy:
        made = PrometheusApi(settings(proxy.url), no_secret)
        assert [one.value for one in made.readings()] == [10.0]
        proxy.upstream = http_answer(answer(of("a"), isPartial=True))
        assert [(one.quantity, one.model, one.value) for one in made.readings()] == [
            ("partial", "", 0.0),
            ("partial", "m", 1.0),
        ]
        proxy.upstream = http_answer(answer(of("a")))
        assert [one.value for one in made.readings()] == [10.0], (
            "whole again, and b is gone: it never makes the sum fall"
        )
        made.close()


def test_a_range_answer_becomes_columns_with_nan_and_inf() -> None:
    at, value = columns(b'[[1700000000,"1.5"],[1700000015.5,"NaN"],[1700000030,"+Inf"],[1700000045,"-2e-3"]]')
    assert at.tolist() == [1700000000.0, 1700000015.5, 1700000030.0, 1700000045.0]
    assert value[0] == 1.5
    assert math.isnan(value[1])
    assert (value[2], value[3]) == (math.inf, -0.002)
    assert columns(b"[]")[0].size == 0
    assert columns(b'[[1,"2"],[3,"4"]]')[1].tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("span_s", "points"), [(900.0, 900), (86_400.0, 1200), (400 * 86_400.0, 2000), (3600.0, 10**9)]
)
def test_the_step_follows_the_pixels_and_keeps_the_limit(span_s: float, points: int) -> None:
    step_s = step_of(span_s, points)
    assert span_s / step_s < MAX_POINTS
    assert step_s >= 5.0
    assert span_s / step_s <= points


def test_names_cannot_break_out_of_a_query() -> None:
    service = ServiceSettings("x", serving_model='a"} or vector(1) #', route="r\\")
    asked = [question.query for question in questions([service], frozenset(ALL), "", 60.0, 5.0)]
    assert len(asked) == 4
    assert all('model="a\\"} or' in query or '=~"(r\\\\\\\\)-' in query for query in asked)
    assert quoted("a\nb") == '"a\\nb"'

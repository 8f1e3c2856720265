"""The panel's series out of a real Prometheus, for each server that it reads: of several services in one question, each its own."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from mlcontrol.adapters.metrics.prometheus_api import PrometheusApi
from mlcontrol.core import series
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionKind, SeriesKey
from mlcontrol.testing.contracts.connection import no_secret
from tests.stored_prometheus import stored_prometheus

pytestmark = pytest.mark.real

SPAN_S, STEP_S = 1200, 15
ALL = (series.QUERIES_PER_S, series.LATENCY_MS, series.ERROR_SHARE)
OK, FAILED = "nv_inference_request_success", "nv_inference_request_failure"
ML_OK, ML_FAILED = "model_infer_request_success", "model_infer_request_failure"
HAPROXY, ENVOY = "haproxy_backend_http_responses", "envoy_cluster_upstream_rq_xx"
BENTO, RAY, VLLM = "bentoml_service_request", "ray_serve_num_http_requests", "vllm:request_success"
TF = ":tensorflow:serving:request_count"
BUCKET = "envoy_cluster_upstream_rq_time"
# Counters: family, labels, counts a second.
COUNTED = (
    (OK, 'model="a.b",version="1",instance="h1"', 6.0),
    (OK, 'model="a.b",version="1",instance="h2"', 2.0),
    (OK, 'model="a.b",version="2",instance="h1"', 1.0),
    (OK, 'model="axb",version="7",instance="h1"', 50.0),
    (FAILED, 'model="a.b",version="1",reason="REJECTED"', 0.5),
    (FAILED, 'model="a.b",version="1",reason="BACKEND"', 0.5),
    (FAILED, 'model="axb",version="7",reason="BACKEND"', 0.0),
    (ML_OK, 'model="calm",version="None"', 4.0),
    (ML_OK, 'model="rough",version="3"', 3.0),
    (ML_FAILED, 'model="rough",version="3"', 1.0),
    ("request_postprocess_seconds_count", 'model_name="kserved"', 5.0),
    (BENTO, 'service_name="bento",service_version="b1",endpoint="/predict",http_response_code="200"', 6.0),
    (BENTO, 'service_name="bento",service_version="b1",endpoint="/predict",http_response_code="503"', 2.0),
    (BENTO, 'service_name="bento",service_version="b1",endpoint="/readyz",http_response_code="200"', 90.0),
    (RAY, 'application="ray",status_code="200",WorkerId="1"', 2.0),
    (RAY, 'application="ray",status_code="200",WorkerId="2"', 1.0),
    (RAY, 'application="ray",status_code="404",WorkerId="2"', 1.0),
    ("ts_inference_requests", 'model_name="torch",model_version="2.0"', 4.0),
    (TF, 'model_name="tf",status="OK"', 9.0),
    (TF, 'model_name="tf",status="INVALID_ARGUMENT"', 1.0),
    (VLLM, 'model_name="llm",finished_reason="stop"', 3.0),
    (VLLM, 'model_name="llm",finished_reason="abort"', 1.0),
    (HAPROXY, 'proxy="r-stable",code="2xx"', 7.0),
    (HAPROXY, 'proxy="r-stable",code="5xx"', 1.0),
    (HAPROXY, 'proxy="r-canary",code="5xx"', 1.0),
    (HAPROXY, 'proxy="r-canary",code="4xx"', 1.0),
    (HAPROXY, 'proxy="r-x-stable",code="5xx"', 9.0),
    (ENVOY, 'envoy_cluster_name="e-d-2",envoy_response_code_class="2"', 8.0),
    (ENVOY, 'envoy_cluster_name="e-d-1",envoy_response_code_class="5"', 2.0),
    (ENVOY, 'envoy_cluster_name="e-2",envoy_response_code_class="5"', 9.0),
)
LATENCY = (("a.b", "1", "0.99", 12.0), ("a.b", "2", "0.5", 3.0), ("axb", "7", "0.99", 99.0))
SERVICES = (
    ServiceSettings("dotted", serving_model="a.b"),
    ServiceSettings("twin", serving_model="a.b"),
    ServiceSettings("other", serving_model="axb"),
    ServiceSettings("calm", serving_model="calm"),
    ServiceSettings("rough", serving_model="rough"),
    ServiceSettings("routed", serving_model="none", route="r"),
    ServiceSettings("edge", serving_model="", route="e-d"),
    ServiceSettings("silent", serving_model="nobody"),
    *(ServiceSettings(name, serving_model=name) for name in ("kserved", "bento", "ray", "torch", "tf", "llm")),
)


def open_metrics(now: int) -> Iterator[str]:
    times = range(now - SPAN_S, now, STEP_S)
    for family in dict.fromkeys(name for name, _, _ in COUNTED):
        yield f"# TYPE {family} counter\n"
        for name, labels, per_s in COUNTED:
            if name == family:
                yield from (f"{family}_total{{{labels}}} {per_s * (at - times[0])} {at}\n" for at in times)
    yield "# TYPE nv_inference_request_summary_us gauge\n"
    for model, version, quantile, ms in LATENCY:
        labels = f'model="{model}",version="{version}",quantile="{quantile}"'
        for at in times:
            peak = 10 if at == times[40] else 1  # one poll long
            yield f"nv_inference_request_summary_us{{{labels}}} {1000 * ms * peak} {at}\n"
    yield f"# TYPE {BUCKET} histogram\n"
    for at in times:
        for le, share in (("10.0", 0.5), ("20.0", 1.0), ("+Inf", 1.0)):
            yield f'{BUCKET}_bucket{{envoy_cluster_name="e-d-2",le="{le}"}} {share * 8 * (at - times[0])} {at}\n'
        yield f'{BUCKET}_count{{envoy_cluster_name="e-d-2"}} {8 * (at - times[0])} {at}\n'
        yield f'{BUCKET}_sum{{envoy_cluster_name="e-d-2"}} {80 * (at - times[0])} {at}\n'
    yield "# TYPE request_predict_seconds histogram\n"
    for at in times:
        for le, share in (("0.1", 0.5), ("0.2", 1.0), ("+Inf", 1.0)):
            yield f'request_predict_seconds_bucket{{model_name="kserved",le="{le}"}} {share * 5 * (at - times[0])} {at}\n'
        yield f'request_predict_seconds_count{{model_name="kserved"}} {5 * (at - times[0])} {at}\n'
        yield f'request_predict_seconds_sum{{model_name="kserved"}} {5 * (at - times[0])} {at}\n'
    yield "# EOF\n"


@pytest.fixture(scope="module")
def began() -> int:
    return int(time.time())


@pytest.fixture(scope="module")
def adapter(began: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusApi]:
    with stored_prometheus(tmp_path_factory.mktemp("prometheus"), open_metrics(began)) as url:
        made = PrometheusApi(ConnectionSettings("prom", ConnectionKind.METRICS, "prometheus-api", url), no_secret)
        yield made
        made.close()


@pytest.fixture(scope="module")
def found(adapter: PrometheusApi, began: int) -> dict[SeriesKey, float]:
    """The median of each series over the time in which all counters had been counting."""
    told = adapter.history(SERVICES, ALL, began - SPAN_S + 120, began - 60, 60, 30.0)
    medians = {one.key: float(np.median(np.frombuffer(one.value))) for one in told}
    assert len(medians) == len(told), "no series twice"
    return medians


def of(found: dict[SeriesKey, float], service: str, metric: str, label: str) -> dict[str, float]:
    keys = [key for key in found if (key.service, key.metric) == (service, metric)]
    return {key.label(label): round(found[key], 3) for key in keys}


def test_queries_a_second_are_those_of_all_replicas_by_version(found: dict[SeriesKey, float]) -> None:
    for service in ("dotted", "twin"):
        assert of(found, service, series.QUERIES_PER_S, "version") == {"1": 8.0, "2": 1.0}
    assert of(found, "other", series.QUERIES_PER_S, "version") == {"7": 50.0}, "a dot in a name is a dot"
    assert of(found, "rough", series.QUERIES_PER_S, "version") == {"3": 3.0}
    assert list(of(found, "calm", series.QUERIES_PER_S, "version").values()) == [4.0]


def test_errors_of_a_model_server_are_shares_by_reason(found: dict[SeriesKey, float]) -> None:
    assert of(found, "dotted", series.ERROR_SHARE, "type") == {"rejected": 0.05, "model": 0.05}
    assert of(found, "other", series.ERROR_SHARE, "type") == {"model": 0.0}
    assert of(found, "rough", series.ERROR_SHARE, "type") == {"model": 0.25}
    assert of(found, "calm", series.ERROR_SHARE, "type") == {"model": 0.0}, "MLServer has no series before a failure"


def test_other_model_servers_are_asked_for_by_their_own_names(found: dict[SeriesKey, float]) -> None:
    rates = {
        name: of(found, name, series.QUERIES_PER_S, "version")
        for name in ("kserved", "bento", "ray", "torch", "tf", "llm")
    }
    assert rates == {
        "kserved": {None: 5.0},
        "bento": {"b1": 6.0},
        "ray": {None: 3.0},
        "torch": {"2.0": 4.0},
        "tf": {None: 9.0},
        "llm": {None: 3.0},
    }, "probes of readiness are no queries of callers"
    shares = {name: of(found, name, series.ERROR_SHARE, "type") for name in ("bento", "ray", "tf", "llm")}
    assert shares == {"bento": {"5xx": 0.25}, "ray": {"4xx": 0.25}, "tf": {"model": 0.1}, "llm": {"model": 0.25}}
    assert not of(found, "kserved", series.ERROR_SHARE, "type"), "KServe counts no failures: that is not none"
    assert of(found, "kserved", series.LATENCY_MS, "quantile") == pytest.approx(
        {"0.5": 100.0, "0.9": 180.0, "0.99": 198.0}
    )


def test_errors_of_a_router_are_shares_by_code_of_both_roles(found: dict[SeriesKey, float]) -> None:
    assert of(found, "routed", series.ERROR_SHARE, "type") == {"5xx": 0.2, "4xx": 0.1}
    assert of(found, "edge", series.ERROR_SHARE, "type") == {"5xx": 0.2}


def test_latency_is_that_of_the_summary_or_of_the_routers_histogram(found: dict[SeriesKey, float]) -> None:
    assert of(found, "dotted", series.LATENCY_MS, "quantile") == {"0.99": 12.0, "0.5": 3.0}
    assert of(found, "edge", series.LATENCY_MS, "quantile") == pytest.approx({"0.5": 10.0, "0.9": 18.0, "0.99": 19.8})
    assert of(found, "edge", series.LATENCY_MS, "version").keys() == {"2"}


def test_of_what_is_not_there_nothing_is_told(found: dict[SeriesKey, float]) -> None:
    assert not [key for key in found if key.service == "silent"]


def test_a_peak_inside_a_step_is_not_lost(adapter: PrometheusApi, began: int) -> None:
    """Twenty minutes in ten points: Prometheus would take one reading of each two minutes."""
    told = adapter.history(SERVICES[:1], (series.LATENCY_MS,), began - SPAN_S, began, 10, 30.0)
    p99 = next(one for one in told if one.key.label("quantile") == "0.99")
    assert np.nanmax(np.frombuffer(p99.value)) == 120.0

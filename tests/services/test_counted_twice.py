"""A replica that is read directly and through a store is found out, and nothing else passes for one."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.adapters.metrics.prometheus_api import PrometheusApi
from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.core.facts import Known, Traffic
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.signals.use import use_signal
from mlcontrol.core.types import ConnectionKind, Health, Stamp
from mlcontrol.services.counted_twice import counted_twice
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.fault_proxy import FaultProxy, http_answer


def vector(instance: str) -> bytes:
    names = f'{{"__name__":"nv_inference_request_success","model":"m","version":"1","job":"j","instance":"{instance}"}}'
    row = f'{{"metric":{names},"value":[1,"5"]}}'
    return f'{{"status":"success","data":{{"resultType":"vector","result":[{row}]}}}}'.encode()


@pytest.mark.parametrize(
    ("instance", "direct", "store", "found"),
    [
        ("triton-0.ml:8002", "http://triton-0.ml:8002/metrics", "", True),
        ("Triton-0.ml:8002", "http://triton-0.ML:8002", "", True),
        ("triton-0.ml:8002", "http://triton-1.ml:8002/metrics", "", False),
        ("triton-0.ml:8002", "http://triton-0.ml:9000/metrics", "", False),
        ("127.0.0.1:8002", "http://localhost:8002/metrics", "", True),
        ("localhost:8002", "http://127.0.0.1:8002/metrics", "http://prom.example:9090", False),
        ("triton-0.ml:80", "http://triton-0.ml/metrics", "", True),
    ],
)
def test_the_same_address_through_two_sources(instance: str, direct: str, store: str, found: bool) -> None:
    with FaultProxy(http_answer(vector(instance))) as proxy:
        api = PrometheusApi(ConnectionSettings("prom", ConnectionKind.METRICS, "prometheus-api", proxy.url), no_secret)
        api.readings()
        api.close()
    text = PrometheusText(ConnectionSettings("direct", ConnectionKind.METRICS, "prometheus-text", direct), no_secret)
    connections = {
        "prom": ConnectionSettings("prom", ConnectionKind.METRICS, "prometheus-api", store or proxy.url),
        "direct": text.settings,
    }
    sources: dict[str, Any] = {"prom": api, "direct": text}
    service = ServiceSettings("s", serving_model="m", metrics=("prom", "direct"))
    words = counted_twice(service, connections, sources.__getitem__)
    assert bool(words) is found
    assert not found or "is read through prom and through direct" in words
    other = ServiceSettings("s", serving_model="other", metrics=("prom", "direct"))
    assert counted_twice(other, connections, sources.__getitem__) == "", "another model is not read there"
    text.close()


def test_use_says_so_and_gives_no_rate_as_the_whole() -> None:
    traffic = Traffic({"1": 20.0}, total=600, twice="triton-0:8002 is read through prom and through direct")
    found = use_signal(Known(traffic, Stamp(0.0, 99.0, 1)), {}, 100.0, 5.0)
    assert (found.health, found.text) == (Health.UNKNOWN, "counted twice")
    assert "triton-0:8002 is read through prom and through direct: each of its answers counts twice." in found.detail

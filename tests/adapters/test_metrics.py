"""Prometheus text endpoints: the fleet's, a real Prometheus', and bodies that are none."""

from __future__ import annotations

import math
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import Unexpected
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.contracts.metrics import MetricsContract
from mlcontrol.testing.fault_proxy import Fault, FaultProxy, http_answer
from tests.stored_prometheus import until_ready

SMALL = b"""\
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="digits",version="2"} 12
nv_inference_request_failure{model="digits",reason="BACKEND",version="2"} 3
nv_inference_request_duration_us{model="digits",version="2"} 4500
nv_inference_request_summary_us{model="digits",version="2",quantile="0.99"} 20715
nv_inference_request_summary_us{model="digits",version="1",quantile="0.99"} Nan
nv_cpu_utilization 0.25
nv_gpu_utilization{gpu_uuid="GPU-1"} 0.5
nv_gpu_memory_used_bytes{gpu_uuid="GPU-1"} 2048
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-2",modelName="T4"} 75
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-2",modelName="T4"} 3
haproxy_backend_http_responses_total{proxy="diamond-cut-canary",code="5xx"} 4
haproxy_backend_http_responses_total{proxy="direct",code="5xx"} 9
process_resident_memory_bytes 1e6
"""


def settings(url: str) -> ConnectionSettings:
    return ConnectionSettings("metrics", ConnectionKind.METRICS, "prometheus-text", url)


@pytest.mark.real
@pytest.mark.parametrize("name", ["triton-metrics", "router-metrics"])
class TestFleet(MetricsContract):
    @pytest.fixture
    def adapter(self, connection: Callable[[str], ConnectionSettings], name: str) -> Iterator[PrometheusText]:
        made = PrometheusText(connection(name), no_secret)
        yield made
        made.close()


@pytest.mark.real
def test_the_fleets_traffic_is_read_by_version_and_by_role(connection: Callable[[str], ConnectionSettings]) -> None:
    triton = PrometheusText(connection("triton-metrics"), no_secret)
    router = PrometheusText(connection("router-metrics"), no_secret)
    counted = {(r.model, r.version) for r in triton.readings() if r.quantity == "requests_ok"}
    made = {(r.model, r.version) for r in triton.readings() if r.quantity == "predictions"}
    answered = {(r.model, r.role) for r in router.readings() if r.quantity == "responses"}
    triton.close()
    router.close()
    assert ("digits", "2") in counted & made
    assert {("diamond-cut", "stable"), ("diamond-cut", "canary")} <= answered


@pytest.mark.real
class TestPrometheus(MetricsContract):
    @pytest.fixture
    def adapter(self, tmp_path: Path) -> Iterator[PrometheusText]:
        program = shutil.which("prometheus")
        assert program is not None, "install Debian's prometheus"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (tmp_path / "prometheus.yml").write_text("scrape_configs: []\n")
        told = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
        with subprocess.Popen(
            [program, *told, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL, cwd=tmp_path
        ) as server:
            made = PrometheusText(settings(f"http://127.0.0.1:{port}/metrics"), no_secret)
            try:
                until_ready(port)
                yield made
            finally:
                made.close()
                server.terminate()


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with FaultProxy(http_answer(SMALL, content_type="text/plain; version=0.0.4")) as running:
        yield running


@pytest.fixture
def adapter(proxy: FaultProxy) -> Iterator[PrometheusText]:
    made = PrometheusText(settings(proxy.url + "/metrics"), no_secret)
    yield made
    made.close()


def test_units_and_words(adapter: PrometheusText) -> None:
    found = {(r.quantity, r.model, r.version, r.role, r.labels): r for r in adapter.readings()}
    assert found["requests_ok", "digits", "2", "", ()].value == 12
    assert found["requests_error", "digits", "2", "", (("type", "model"),)].value == 3
    assert found["duration_ms_total", "digits", "2", "", ()].value == pytest.approx(4.5)
    assert found["latency_ms", "digits", "2", "", (("quantile", "0.99"),)].value == pytest.approx(20.715)
    assert math.isnan(found["latency_ms", "digits", "1", "", (("quantile", "0.99"),)].value)
    assert found["cpu_share", "", "", "", ()].value == 0.25
    # There is no GPU to ask here: the lines are as the two exporters' documentation writes them.
    assert found["gpu_share", "", "", "", (("gpu", "GPU-1"),)].value == 0.5
    assert found["gpu_memory_bytes", "", "", "", (("gpu", "GPU-1"),)].value == 2048
    assert found["gpu_share", "", "", "", (("gpu", "GPU-2"),)].value == 0.75
    assert found["gpu_memory_bytes", "", "", "", (("gpu", "GPU-2"),)].value == 3 * 1024**2
    assert found["responses", "diamond-cut", "", "canary", (("code", "5xx"),)].value == 4
    assert found["memory_bytes", "", "", "", ()].value == 1e6
    assert not [r for r in found.values() if r.model == "direct"]


def test_readings_are_made_only_of_the_models_that_somebody_reads(adapter: PrometheusText) -> None:
    answer = adapter.http.send(adapter.call(), 5.0)
    assert {r.model for r in adapter.read(answer, {"", "digits"})} == {"", "digits"}
    assert {r.model for r in adapter.read(answer)} == {"", "digits", "diamond-cut"}
    assert adapter.read(answer, ()) == ()


def test_the_usual_path_is_asked_for_where_none_is_given(proxy: FaultProxy) -> None:
    made = PrometheusText(settings(proxy.url), no_secret)
    made.scrape()
    made.close()
    assert proxy.heads[0].startswith(b"GET /metrics ")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        SMALL[:-1],
        SMALL[: len(SMALL) // 2],
        b"<html><title>Sign in</title></html>\n",
        b'{"error": "nothing here"}\n',
        b"name one\n",
        b"\xff\xfe 1\n",
        b"# only a comment\n",
    ],
)
def test_a_body_that_is_no_whole_scrape_is_rejected_whole(
    adapter: PrometheusText, proxy: FaultProxy, body: bytes
) -> None:
    proxy.upstream = http_answer(body, content_type="text/plain")
    with pytest.raises(Unexpected):
        adapter.scrape()


def test_a_cut_transfer_is_rejected_whole(adapter: PrometheusText, proxy: FaultProxy) -> None:
    """Fault 7: no partial values."""
    for fault in (Fault.CUT_BODY, Fault.CUT_HEADERS):
        proxy.fault = fault
        with pytest.raises(Unexpected):
            adapter.scrape()


def test_twin_without_the_announced_length_half_a_scrape_would_be_taken_for_all_of_it(
    adapter: PrometheusText, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.upstream = http_answer(b"up 1\nup 2\n", content_type="text/plain")  # its first half ends with a line
    proxy.fault = Fault.CUT_BODY
    with pytest.raises(Unexpected):
        adapter.scrape()
    strict = urllib3.HTTPResponse.__init__
    monkeypatch.setattr(
        urllib3.HTTPResponse,
        "__init__",
        lambda self, *args, **options: strict(self, *args, **{**options, "enforce_content_length": False}),
    )
    assert len(adapter.scrape().samples) == 1


def test_too_many_samples_are_refused_before_they_are_parsed(adapter: PrometheusText, proxy: FaultProxy) -> None:
    """Fault 14: a scrape without end."""
    proxy.upstream = http_answer(b"a 1\n" * 200_001, content_type="text/plain")
    started = time.process_time()
    with pytest.raises(Unexpected, match="too many"):
        adapter.scrape()
    refused_s = time.process_time() - started
    proxy.upstream = http_answer(b"a 1\n" * 100_000, content_type="text/plain")
    started = time.process_time()
    adapter.scrape()
    assert refused_s < time.process_time() - started  # twice as many, and yet cheaper: nothing was parsed

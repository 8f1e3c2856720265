"""What KServe, BentoML, Ray Serve, TorchServe, TensorFlow Serving and vLLM send, in the panel's words.

``recorded/`` holds what the real servers of these versions sent after a handful of queries, one of which failed (Ray: its Serve and
node series alone; TorchServe with a worker of plain Python). TensorFlow Serving and vLLM could not be had: their lines here are
written after their documentation and source.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mlcontrol.adapters.http import Response
from mlcontrol.adapters.metrics.prometheus_text import PrometheusText
from mlcontrol.core.facts import Known
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.signals.use import use_signal
from mlcontrol.core.types import ConnectionKind, Health, Stamp
from mlcontrol.ports.metrics import NO_FAILURE_YET, Reading
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.servers import bentoml, kserve

RECORDED = Path(__file__).parent / "recorded"
# https://github.com/tensorflow/serving/blob/master/tensorflow_serving/servables/tensorflow/util.cc
TF_SERVING = """\
# TYPE :tensorflow:serving:request_count counter
:tensorflow:serving:request_count{model_name="fraud",status="OK"} 7
:tensorflow:serving:request_count{model_name="fraud",status="INTERNAL"} 2
:tensorflow:serving:request_count{model_name="fraud",status="INVALID_ARGUMENT"} 1
# TYPE :tensorflow:serving:request_latency histogram
:tensorflow:serving:request_latency_bucket{model_name="fraud",API="predict",entrypoint="REST",le="10000"} 6
:tensorflow:serving:request_latency_bucket{model_name="fraud",API="predict",entrypoint="REST",le="+Inf"} 7
:tensorflow:serving:request_latency_bucket{model_name="fraud",API="predict",entrypoint="gRPC",le="10000"} 3
:tensorflow:serving:request_latency_bucket{model_name="fraud",API="predict",entrypoint="gRPC",le="+Inf"} 3
"""
# https://docs.vllm.ai/en/latest/usage/metrics.html
VLLM = """\
# TYPE vllm:request_success_total counter
vllm:request_success_total{engine="0",finished_reason="stop",model_name="org/fraud"} 5.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="org/fraud"} 2.0
vllm:request_success_total{engine="0",finished_reason="abort",model_name="org/fraud"} 1.0
# TYPE vllm:e2e_request_latency_seconds histogram
vllm:e2e_request_latency_seconds_bucket{engine="0",le="0.3",model_name="org/fraud"} 4.0
vllm:e2e_request_latency_seconds_bucket{engine="0",le="+Inf",model_name="org/fraud"} 8.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="org/fraud"} 3.0
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 2e9
"""


def source() -> PrometheusText:
    return PrometheusText(
        ConnectionSettings("m", ConnectionKind.METRICS, "prometheus-text", "http://127.0.0.1:9"), no_secret
    )


def read(text: str, into: PrometheusText | None = None) -> dict[tuple[str, str], Reading]:
    """By quantity and version or label."""
    readings = (into or source()).read(Response(200, {}, text.encode(), 1.0))
    keys = [(r.quantity, r.model, r.version, r.role, r.labels) for r in readings]
    assert len(set(keys)) == len(keys), "no two readings are of the same thing"
    told = {}
    for one in readings:
        names = [value for name, value in one.labels if (name, value) != NO_FAILURE_YET]
        told[one.quantity, names[0] if names else one.version] = one
    return told


def recorded(name: str) -> str:
    return (RECORDED / f"{name}.txt").read_text()


def test_kserve_counts_what_it_post_processed_and_tells_no_errors() -> None:
    found = read(recorded("kserve-0.21.0"))
    assert (found["requests_ok", ""].model, found["requests_ok", ""].value) == ("fraud", 3.0), "the failed one is none"
    assert (found["latency_bucket", "5"].value, found["latency_bucket", "inf"].value) == (4.0, 4.0)
    assert found["cpu_seconds_total", ""].value > 0
    assert found["memory_bytes", ""].value > 1e7
    assert not [quantity for quantity, _ in found if quantity == "requests_error"]


def test_bentoml_is_added_up_over_endpoints_and_statuses() -> None:
    text = recorded("bentoml-1.4.39")
    found = read(text)
    assert (found["requests_ok", ""].value, found["requests_error", "5xx"].value) == (3.0, 1.0)
    assert found["requests_ok", ""].model == "fraud"
    assert found["requests_ok", ""].version == "", "'not available' is none"
    assert found["latency_bucket", "inf"].value == 4.0, "both statuses"
    versioned = read(text.replace('service_version="not available"', 'service_version="b7"'))
    assert versioned["requests_ok", "b7"].version == "b7"


def test_ray_serve_is_read_by_application_and_its_node_is_the_machine() -> None:
    found = read(recorded("ray-2.60.0"))
    assert (found["requests_ok", ""].model, found["requests_ok", ""].value) == ("fraud", 4.0)
    assert found["requests_error", "5xx"].value == 1.0
    assert found["latency_bucket", "inf"].value == 5.0
    assert 0.0 < found["cpu_share", ""].value <= 1.0
    assert found["memory_bytes", ""].value > 1e9, "the node's, not that of the agent which tells of it"


def test_torchserve_is_read_by_version_and_tells_no_errors_of_a_model() -> None:
    found = read(recorded("torchserve-0.12.0"))
    assert (found["requests_ok", ""].value, found["requests_ok", "2.0"].value) == (3.0, 4.0)
    assert found["requests_ok", ""].model == "fraud", "'default' is no version"
    assert found["queue_ms_total", "2.0"].value == pytest.approx(1.934, abs=0.01)
    assert found["cpu_share", ""].value == 0.0
    assert found["memory_bytes", ""].value > 1e9
    assert not [quantity for quantity, _ in found if quantity == "requests_error"]


def test_tensorflow_serving_counts_by_status_and_in_microseconds() -> None:
    found = read(TF_SERVING)
    assert (found["requests_ok", ""].model, found["requests_ok", ""].value) == ("fraud", 7.0)
    assert (found["requests_error", "model"].value, found["requests_error", "caller"].value) == (2.0, 1.0)
    assert (found["latency_bucket", "10"].value, found["latency_bucket", "inf"].value) == (9.0, 10.0), (
        "both entry points"
    )


def test_vllm_counts_by_the_reason_why_an_answer_ended() -> None:
    found = read(VLLM)
    assert (found["requests_ok", ""].model, found["requests_ok", ""].value) == ("org/fraud", 7.0)
    assert found["requests_error", "cancelled"].value == 1.0
    assert (found["latency_bucket", "300"].value, found["pending", ""].value) == (4.0, 3.0)
    assert found["memory_bytes", ""].value == 2e9


def test_a_worker_that_is_replaced_makes_no_traffic() -> None:
    """Their sum fell from 1003 to 1001: taken for a restart, all of it was counted again."""
    told = source()

    def scrape(**workers: float) -> float:
        lines = [
            f'ray_serve_num_http_requests_total{{application="fraud",status_code="200",WorkerId="{name}"}} {value}\n'
            for name, value in workers.items()
        ]
        return read("".join(lines), told)["requests_ok", ""].value

    assert scrape(a=1000, b=3) == 1003
    assert scrape(b=3, c=1) == 1004, "a is gone with what it had counted; c has answered one"
    assert scrape(b=4, c=2) == 1006


def test_one_who_asks_for_other_models_does_not_change_a_sum() -> None:
    told, text = source(), recorded("bentoml-1.4.39")
    first = told.read(Response(200, {}, text.encode(), 1.0), {"fraud"})
    none = told.read(Response(200, {}, text.encode(), 1.0), {"other"})
    again = told.read(Response(200, {}, text.encode(), 1.0), {"fraud"})
    assert first == again
    assert [one for one in none if one.model] == []


BENTO = """
import bentoml

@bentoml.service(name="fraud")
class Served:
    @bentoml.api
    def score(self, x: float) -> float:
        if x < 0:
            raise RuntimeError("no")
        return x
"""
KSERVE = """
from kserve import Model

class Fraud(Model):
    def __init__(self):
        super().__init__("fraud")
        self.ready = True

    def predict(self, payload, headers=None, **more):
        if payload["instances"] == ["bad"]:
            raise RuntimeError("no")
        return {"predictions": [1]}

MODELS = [Fraud()]
"""


@pytest.mark.real
@pytest.mark.timeout(600)
def test_a_real_bentoml(tmp_path: Path) -> None:
    with bentoml(tmp_path, BENTO) as server:
        for x in (1, 2, -1):
            server.ask("POST", "/score", {"x": x})
        found = read(server.ask("GET", "/metrics")[1])
    assert (found["requests_ok", ""].model, found["requests_ok", ""].value) == ("fraud", 2.0)
    assert found["requests_error", "5xx"].value == 1.0
    assert found["latency_bucket", "inf"].value == 3.0


@pytest.mark.real
@pytest.mark.timeout(600)
def test_a_real_kserve(tmp_path: Path) -> None:
    with kserve(tmp_path, KSERVE) as server:
        for instance in (1, 2, "bad"):
            server.ask("POST", "/v1/models/fraud:predict", {"instances": [instance]})
        found = read(server.ask("GET", "/metrics")[1])
    assert (found["requests_ok", ""].model, found["requests_ok", ""].value) == ("fraud", 2.0)
    assert found["latency_bucket", "inf"].value == 3.0
    assert found["cpu_seconds_total", ""].value > 0


def test_a_service_on_bentoml_has_its_use() -> None:
    """Queries a second, errors and a p99 out of what it sends."""
    meter = Meter(ServiceSettings("s", serving_model="fraud", metrics=("m",), objectives={"p99_ms": 50}), OwnQueries())
    told, text = source(), recorded("bentoml-1.4.39")
    for beat in range(3):
        lines = []
        for line in text.splitlines():
            head, _, value = line.rpartition(" ")
            counts = line.startswith("bentoml") and "timestamp" not in line
            lines.append(f"{head} {float(value) * (1 + 9 * beat)}" if counts else line)
        readings = told.read(Response(200, {}, ("\n".join(lines) + "\n").encode(), 1.0))
        meter.take("m", readings, Stamp(5.0 * beat, 5.0 * beat, beat + 1))
    traffic, at = meter.traffic()
    assert traffic.by_version == {"": pytest.approx(5.4)}
    assert traffic.errors == {"5xx": 18}
    assert traffic.latency_ms[""]["0.99"] < 50
    assert use_signal(Known(traffic, at), {"error_rate": 0.5, "p99_ms": 50}, 10.0, 5.0).health is Health.OK

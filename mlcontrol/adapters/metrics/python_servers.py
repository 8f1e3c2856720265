"""What KServe, BentoML, Ray Serve, TorchServe, TensorFlow Serving and vLLM call their metrics.

Each counts by status, endpoint or worker what is one quantity here: those series are parts that are added up. What a server does
not tell stays unknown: KServe and TorchServe count no failures of a model, and only BentoML and TorchServe name its version.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlcontrol.adapters.metrics.meanings import MACHINE, Meaning, Rule, bound_ms
from mlcontrol.ports.metrics import NO_FAILURE_YET

_NO_VERSION = ("default", "not available")
PROBES = frozenset(
    ("/livez", "/readyz", "/healthz", "/health", "/metrics", "/docs.json", "/schema.json", "/", "/favicon.ico")
)
"""Endpoints of BentoML that it counts as well, and that no caller of the model asks."""
_VLLM_FAILED = {"abort": "cancelled", "error": "model"}
_TF_CALLERS = ("INVALID_ARGUMENT", "NOT_FOUND", "CANCELLED")


def _of(labels: Mapping[str, str], model: str, version: str = "") -> tuple[str, str]:
    """Model and version; a version that a server makes up where it knows none is none."""
    named = labels.get(version, "") if version else ""
    return labels.get(model, ""), "" if named in _NO_VERSION else named


def _value(
    quantity: str, counter: bool, model: str, version: str = "", factor: float = 1.0, parts: tuple[str, ...] = ()
) -> Rule:
    """``parts``: the labels that tell apart what is added up."""

    def rule(labels: Mapping[str, str]) -> Meaning | None:
        name, number = _of(labels, model, version)
        part = "/".join(labels.get(one, "") for one in parts)
        return Meaning(quantity, counter, name, number, factor=factor, part=part) if name else None

    return rule


def _answers(model: str, code: str, version: str = "", parts: tuple[str, ...] = ()) -> Rule:
    """One counter a status: of HTTP, or a name of gRPC's. A failure has no series before the first."""

    def rule(labels: Mapping[str, str]) -> Meaning | None:
        name, number = _of(labels, model, version)
        status = labels.get(code, "")
        if not name or not status or labels.get("endpoint") in PROBES:
            return None
        part = "/".join([status, *(labels.get(one, "") for one in parts)])
        if status[:1] in ("1", "2", "3") or status == "OK":
            return Meaning("requests_ok", True, name, number, labels=(NO_FAILURE_YET,), part=part)
        kind = f"{status[0]}xx" if status[:1] in ("4", "5") else "caller" if status in _TF_CALLERS else "model"
        return Meaning("requests_error", True, name, number, labels=(("type", kind),), part=part)

    return rule


def _finished(labels: Mapping[str, str]) -> Meaning | None:
    """vLLM counts what has ended, by the reason why."""
    model, reason = labels.get("model_name", ""), labels.get("finished_reason", "")
    if not model or not reason:
        return None
    part = f"{reason}/{labels.get('engine', '')}"
    if reason in _VLLM_FAILED:
        return Meaning("requests_error", True, model, labels=(("type", _VLLM_FAILED[reason]),), part=part)
    return Meaning("requests_ok", True, model, labels=(NO_FAILURE_YET,), part=part)


def _buckets(model: str, factor: float, version: str = "", parts: tuple[str, ...] = ()) -> Rule:
    """A histogram; ``factor``: from its unit to milliseconds. A native one has no bound of its own."""

    def rule(labels: Mapping[str, str]) -> Meaning | None:
        name, number = _of(labels, model, version)
        if not name or labels.get("endpoint") in PROBES:
            return None
        part = "/".join(labels.get(one, "") for one in parts)
        bound = bound_ms(labels["le"], factor) if "le" in labels else ()
        return Meaning("latency_bucket", True, name, number, labels=bound, factor=1.0 if bound else factor, part=part)

    return rule


def _machine(quantity: str, factor: float) -> Rule:
    def rule(labels: Mapping[str, str]) -> Meaning | None:
        told = labels.get("Level", "Host") == "Host"
        return Meaning(quantity, False, factor=factor, part=MACHINE) if told else None

    return rule


_BENTO = ("endpoint", "http_response_code", "runner_name")
_RAY = ("route", "method", "status_code", "WorkerId")

RULES: Mapping[str, Rule] = {
    # KServe: https://kserve.github.io/website/docs/model-serving/predictive-inference/observability/prometheus-metrics
    # A query that fails is never post-processed, so what is has been answered.
    "request_postprocess_seconds_count": _value("requests_ok", True, "model_name"),
    "request_predict_seconds_bucket": _buckets("model_name", 1e3),
    # BentoML: https://docs.bentoml.com/en/latest/build-with-bentoml/observability/metrics.html
    "bentoml_service_request_total": _answers("service_name", "http_response_code", "service_version", _BENTO),
    "bentoml_service_request_duration_seconds_bucket": _buckets("service_name", 1e3, "service_version", _BENTO),
    "bentoml_service_request_in_progress": _value("pending", False, "service_name", "service_version", 1.0, _BENTO),
    # Ray Serve: https://docs.ray.io/en/latest/serve/monitoring.html; the model is the application
    "ray_serve_num_http_requests_total": _answers("application", "status_code", "", _RAY),
    "ray_serve_num_grpc_requests_total": _answers("application", "status_code", "", _RAY),
    "ray_serve_http_request_latency_ms_bucket": _buckets("application", 1.0, "", _RAY),
    "ray_serve_deployment_queued_queries": _value(
        "pending", False, "application", parts=("deployment", "handle", "WorkerId")
    ),
    "ray_node_cpu_utilization": _machine("cpu_share", 0.01),
    "ray_node_mem_used": _machine("memory_bytes", 1.0),
    # TorchServe: https://github.com/pytorch/serve/blob/master/docs/metrics.md; it counts queries, whatever became of them
    "ts_inference_requests_total": _value("requests_ok", True, "model_name", "model_version", 1.0, ("hostname",)),
    "ts_inference_latency_microseconds": _value(
        "duration_ms_total", True, "model_name", "model_version", 1e-3, ("hostname",)
    ),
    "ts_queue_latency_microseconds": _value("queue_ms_total", True, "model_name", "model_version", 1e-3, ("hostname",)),
    "CPUUtilization": _machine("cpu_share", 0.01),
    "MemoryUsed": _machine("memory_bytes", 1024.0**2),
    # TensorFlow Serving: https://www.tensorflow.org/tfx/serving/serving_config#monitoring_configuration; times in microseconds
    ":tensorflow:serving:request_count": _answers("model_name", "status"),
    ":tensorflow:serving:request_latency_bucket": _buckets("model_name", 1e-3, "", ("API", "entrypoint")),
    # vLLM: https://docs.vllm.ai/en/latest/usage/metrics.html
    "vllm:request_success_total": _finished,
    "vllm:e2e_request_latency_seconds_bucket": _buckets("model_name", 1e3, "", ("engine",)),
    "vllm:request_queue_time_seconds_sum": _value("queue_ms_total", True, "model_name", "", 1e3, ("engine",)),
    "vllm:num_requests_waiting": _value("pending", False, "model_name", "", 1.0, ("engine",)),
}
"""By the name of the series."""

"""What servers call their metrics, said in the panel's words and units: milliseconds, shares, bytes.

NaN stays NaN (a summary without traffic): it is a gap, not a zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlcontrol.adapters.metrics import python_servers
from mlcontrol.adapters.metrics.meanings import Meaning, Rule
from mlcontrol.ports.metrics import NO_FAILURE_YET

ROLES = ("stable", "canary")
FAILURES = {"backend": "model", "canceled": "cancelled"}


def meaning(name: str, labels: Mapping[str, str]) -> Meaning | None:
    """`None` when no dialect knows the series."""
    # The parser gives counters the ending that newer servers write themselves.
    rule = RULES.get(name) or RULES.get(name.removesuffix("_total"))
    return rule(labels) if rule is not None else None


def _triton(
    quantity: str, counter: bool, factor: float = 1.0, label: str = "", as_label: str = "", without: str = ""
) -> Rule:
    """Triton labels by model and version; ``label`` is kept under the name ``as_label``. ``without``: what stands for it where it
    is missing; without such a word the series then means nothing."""

    def rule(labels: Mapping[str, str]) -> Meaning | None:
        if label and label not in labels and not without:
            return None
        value = labels.get(label, without).lower() if label else ""
        kept = ((as_label, FAILURES.get(value, value)),) if label else ()
        return Meaning(quantity, counter, labels.get("model", ""), labels.get("version", ""), "", kept, factor)

    return rule


def _mlserver(quantity: str, *kept: tuple[str, str]) -> Rule:
    """MLServer labels by model and version; of a query that names no version it does not say who answered ("None")."""

    def rule(labels: Mapping[str, str]) -> Meaning | None:
        version = labels.get("version", "")
        return Meaning(quantity, True, labels.get("model", ""), "" if version == "None" else version, "", kept)

    return rule


def _haproxy(quantity: str, counter: bool, kind: str = "", label: str = "") -> Rule:
    """HAProxy counts per backend; a backend of this panel's routes is called ``<route>-<role>``."""

    def rule(labels: Mapping[str, str]) -> Meaning | None:
        route, _, role = labels.get("proxy", "").rpartition("-")
        if not route or role not in ROLES or (label and label not in labels):
            return None
        kept = ((label, labels[label]),) if label else ((("type", kind),) if kind else ())
        return Meaning(quantity, counter, route, role=role, labels=kept)

    return rule


def _envoy(quantity: str, label: str, ending: str = "") -> Rule:
    """Envoy counts per cluster; one of this panel's routes is called ``<route>-<version>``."""

    def rule(labels: Mapping[str, str]) -> Meaning | None:
        route, _, version = labels.get("envoy_cluster_name", "").rpartition("-")
        if not route or not version or label not in labels:
            return None
        kept = (("code" if ending else label, labels[label] + ending),)
        return Meaning(quantity, True, route, version, labels=kept)

    return rule


def _plain(quantity: str, counter: bool) -> Rule:
    return lambda labels: Meaning(quantity, counter) if not labels else None


def _per_device(quantity: str, label: str, factor: float = 1.0) -> Rule:
    """One reading a device, told apart by ``label``; which model uses it is not said."""

    def rule(labels: Mapping[str, str]) -> Meaning | None:
        device = labels.get(label, "")
        return Meaning(quantity, False, labels=(("gpu", device),), factor=factor) if device else None

    return rule


RULES: Mapping[str, Rule] = {
    # Triton: https://github.com/triton-inference-server/server/blob/main/docs/user_guide/metrics.md
    "nv_inference_request_success": _triton("requests_ok", True),
    "nv_inference_request_failure": _triton("requests_error", True, label="reason", as_label="type", without="model"),
    "nv_inference_count": _triton("predictions", True),
    "nv_inference_request_duration_us": _triton("duration_ms_total", True, 1e-3),
    "nv_inference_queue_duration_us": _triton("queue_ms_total", True, 1e-3),
    "nv_inference_request_summary_us": _triton("latency_ms", False, 1e-3, "quantile", "quantile"),
    "nv_inference_pending_request_count": _triton("pending", False),
    "nv_cpu_utilization": _plain("cpu_share", False),
    "nv_cpu_memory_used_bytes": _plain("memory_bytes", False),
    "nv_gpu_utilization": _per_device("gpu_share", "gpu_uuid"),
    "nv_gpu_memory_used_bytes": _per_device("gpu_memory_bytes", "gpu_uuid"),
    # NVIDIA's exporter for whatever runs on the device: https://docs.nvidia.com/datacenter/dcgm/latest/dcgm-api/
    "DCGM_FI_DEV_GPU_UTIL": _per_device("gpu_share", "UUID", 0.01),
    "DCGM_FI_DEV_FB_USED": _per_device("gpu_memory_bytes", "UUID", 1024.0**2),
    # MLServer: https://mlserver.readthedocs.io/en/latest/user-guide/metrics.html; a failure has no series before the first.
    "model_infer_request_success_total": _mlserver("requests_ok", NO_FAILURE_YET),
    "model_infer_request_failure_total": _mlserver("requests_error", ("type", "model")),
    # HAProxy's own exporter
    "haproxy_backend_http_responses_total": _haproxy("responses", True, label="code"),
    "haproxy_backend_connection_errors_total": _haproxy("requests_error", True, kind="connection"),
    "haproxy_backend_response_errors_total": _haproxy("requests_error", True, kind="response"),
    "haproxy_backend_current_queue": _haproxy("pending", False),
    # Envoy: https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats; times in ms
    "envoy_cluster_upstream_rq_xx": _envoy("responses", "envoy_response_code_class", "xx"),
    "envoy_cluster_upstream_rq_time_bucket": _envoy("latency_bucket", "le"),
    # The process collector that most client libraries have; its CPU counter is in seconds of one core.
    "process_cpu_seconds_total": _plain("cpu_seconds_total", True),
    "process_resident_memory_bytes": _plain("memory_bytes", False),
    **python_servers.RULES,
}

"""What each poll asks of a fleet-wide store, once: the newest samples, when they were made, and the processes behind them."""

from __future__ import annotations

from mlcontrol.adapters.metrics import python_servers
from mlcontrol.adapters.metrics.dialects import RULES

SAMPLED = "mlcontrol_sampled"
"""The label of an answer whose value is not the sample's but the time at which it was made, UTC seconds."""
# One series of each server for a model, and what picks one of several: they are all made at the same moment.
_TIMED = {
    "nv_inference_request_success": "",
    "nv_inference_request_success_total": "",
    "model_infer_request_success_total": "",
    "haproxy_backend_http_responses_total": 'code="2xx"',
    "request_postprocess_seconds_count": "",
    "bentoml_service_request_total": "",
    "ray_serve_num_http_requests_total": "",
    "ray_serve_num_grpc_requests_total": "",
    "ts_inference_requests_total": "",
    ":tensorflow:serving:request_count": "",
    "vllm:request_success_total": "",
}
_OF_A_MACHINE = ("CPUUtilization", "MemoryUsed", "ray_node_cpu_utilization", "ray_node_mem_used")
# What carries a model or a route.
_COUNTED = tuple(
    name
    for name in RULES
    if name.startswith(("nv_inference_", "model_infer_", "haproxy_backend_"))
    or (name in python_servers.RULES and name not in _OF_A_MACHINE)
)
# What a server tells of itself: of those targets alone that tell of a model in the same scrape.
PROCESS = (
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "nv_cpu_utilization",
    "nv_cpu_memory_used_bytes",
    "nv_gpu_utilization",
    "nv_gpu_memory_used_bytes",
)
NATIVE = {name.removesuffix("_bucket"): name for name in _COUNTED if name.endswith("_bucket")}
"""A native histogram has no series a bucket: by its name, the one under which a dialect knows it."""


def _named(names: set[str] | tuple[str, ...], more: str) -> str:
    return f'{{__name__=~"{"|".join(sorted(names))}"{more}}}'


def _marked(times: str) -> str:
    return f'label_replace({times},"{SAMPLED}","yes","","")'


def fleet_query(selector: str) -> str:
    """``selector``: label matchers that all of it gets."""
    more = f",{selector}" if selector else ""
    endings = {f"{name}_total" for name in _COUNTED if not name.endswith(("_total", "_bucket", "_count", "_sum"))}
    values = _named({*_COUNTED, *NATIVE, *endings}, more)
    times = []
    for name, one in _TIMED.items():
        named = f'__name__="{name}"{f",{one}" if one else ""}{more}'
        # What one target sends is made at one moment; without an instance nobody knows what belongs together.
        of_targets = f'min by(job,instance)(timestamp({{{named},instance!=""}}))'
        times += [_marked(of_targets), _marked(f'timestamp({{{named},instance=""}})')]
    processes = f"({_named(PROCESS, more)} and on(job,instance) {_named(tuple(_TIMED), more)})"
    # Each "or" goes over all that stands before it: what is large comes once.
    return f"({' or '.join([*times, processes])}) or {values}"

"""Names of the series that the collector writes and the charts read; the only place they are spelled."""

from __future__ import annotations

from math import isfinite

WILD = 1e300  # no reading of anything, nor is infinity: a gap
COUNTED = 2.0**53  # where floats stop telling one from the next, nothing is counted any more

QUERIES_PER_S = "queries_per_s"  # labels: version
PREDICTIONS_PER_S = "predictions_per_s"  # labels: version; a query may ask for many
ERROR_SHARE = "error_share"  # labels: type ("4xx", "5xx", "connection", "model", ...); share of all answers, 0..1
ALL_ANSWERS = "all_answers"  # labels: source; answers counted since the reading before
FAILED_ANSWERS = "failed_answers"  # labels: source; failed answers counted since the reading before
LATENCY_MS = "latency_ms"  # labels: quantile ("0.5", "0.9", "0.99"), version
CALLER_LATENCY_MS = "caller_latency_ms"  # labels: quantile, version; from the prediction log: what callers wait
QUEUE_MS = "queue_ms"  # labels: version; mean wait in the server's queue, of the answers since the reading before
CPU_SHARE = "cpu_share"  # labels: source; share of the machine, 0..1
CPU_CORES = "cpu_cores"  # labels: source; cores that a process keeps busy, where nothing tells how many the machine has
MEMORY_BYTES = "memory_bytes"  # labels: source
GPU_SHARE = "gpu_share"  # labels: source, gpu; share of that device, 0..1
GPU_MEMORY_BYTES = "gpu_memory_bytes"  # labels: source, gpu
SERVER_QUERIES_PER_S = (
    "server_queries_per_s"  # labels: source; what a server is asked for all services that read that source
)
LOAD_USUAL = "load_usual"  # labels: metric, side ("low", "high"), source, gpu; between which a load's mean over minutes usually is
LOADS = (CPU_SHARE, CPU_CORES, MEMORY_BYTES, GPU_SHARE, GPU_MEMORY_BYTES)
ANSWERED = (
    "answered"  # labels: version; 1 when the golden presence query was answered by it, through the production route
)
LOADED = "loaded"  # labels: version; 1 while an endpoint says it is ready
QUALITY = "quality"  # labels: source ("labels", "canary", "golden", "evaluators"), version; with low, high, n
SLICE_SHARE = "slice_share"  # labels: slice, value; share of traffic, 0..1


def is_reading(value: float, counter: bool = False) -> bool:
    """Whether it can be one; what cannot is a gap, as if it had not been told."""
    return isfinite(value) and (0.0 <= value < COUNTED if counter else abs(value) < WILD)

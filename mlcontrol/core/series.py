"""Names of the series that the collector writes and the charts read; the only place they are spelled."""

from __future__ import annotations

QUERIES_PER_S = "queries_per_s"  # labels: version
ERROR_SHARE = "error_share"  # labels: type ("4xx", "5xx", "connection", "model", ...); share of all answers, 0..1
ALL_ANSWERS = "all_answers"  # labels: source; answers counted since the reading before
FAILED_ANSWERS = "failed_answers"  # labels: source; failed answers counted since the reading before
LATENCY_MS = "latency_ms"  # labels: quantile ("0.5", "0.9", "0.99"), version
CALLER_LATENCY_MS = "caller_latency_ms"  # labels: quantile, version; from the prediction log: what callers wait
CPU_SHARE = "cpu_share"  # labels: source; share of the machine, 0..1
MEMORY_BYTES = "memory_bytes"  # labels: source
ANSWERED = (
    "answered"  # labels: version; 1 when the golden presence query was answered by it, through the production route
)
LOADED = "loaded"  # labels: version; 1 while an endpoint says it is ready
QUALITY = "quality"  # labels: source ("labels", "canary", "golden", "evaluators"), version; with low, high, n
SLICE_SHARE = "slice_share"  # labels: slice, value; share of traffic, 0..1

"""What model servers call the counters that charts of the past are made of, as PromQL; its answers carry ``model`` and ``version``.

The names are those of `dialects` and `python_servers`; there one scrape is read, here rates over a range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlcontrol.adapters.metrics.python_servers import PROBES

QUANTILES = ("0.5", "0.9", "0.99")


def quoted(text: str) -> str:
    """As a PromQL string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def either(names: Iterable[str]) -> str:
    """A pattern that matches these names and nothing else."""
    return "|".join(map(re.escape, names))


def told_of(names: frozenset[str]) -> tuple[Family, ...]:
    """The families of which a source has told something; all of them while it has told nothing."""
    return tuple(family for family in FAMILIES if not names or any(name.startswith(family.ok) for name in names))


def labelled(vector: str, label: str, value: str, of: str, pattern: str) -> str:
    """Each series with a label more, made of another."""
    return f"label_replace({vector}, {quoted(label)}, {quoted(value)}, {quoted(of)}, {quoted(pattern)})"


def rate(counter: str, matchers: str, window: str) -> str:
    """Of a counter under its own name and with the ending that OpenMetrics gives it."""
    return f'rate({{__name__=~"{counter}(_total)?",{matchers}}}{window})'


@dataclass(frozen=True, slots=True)
class Family:
    """``ok``, ``failed``: counters, with the matchers that tell them apart where they are one; ``only``: those of both and of the
    histogram. ``always``: failures are counted from the start; else no failure counted is none. Without ``failed`` nobody counts
    them. ``reason``: (label, pattern, words) of what kind a failure is. ``unit_ms``: milliseconds of the histogram's unit."""

    ok: str
    failed: str = ""
    model: str = "model"
    version: str = ""
    ok_only: str = ""
    failed_only: str = ""
    only: str = ""
    always: bool = False
    reason: tuple[str, str, str] = ("", "", "")
    histogram: str = ""
    unit_ms: float = 1.0

    def answered(self, models: Iterable[str], more: str, window: str) -> str:
        """Queries answered a second, by model and version."""
        return self._by_version(rate(self.ok, self._matchers(models, more, self.ok_only), window))

    def failures(self, models: Iterable[str], more: str, window: str) -> str:
        """A share of all answers by model and reason; empty where nobody counts failures."""
        if not self.failed:
            return ""
        failed = self._named(rate(self.failed, self._matchers(models, more, self.failed_only), window))
        answered = f"sum by (model) ({self.answered(models, more, window)})"
        if self.always:
            of = f"sum by (model, reason) ({failed})"
            return f"{of} / on (model) group_left () (sum by (model) ({failed}) + {answered})"
        label, pattern, words = self.reason
        failed = labelled(failed, "reason", words, label, pattern) if label else failed
        of = f"(sum by (model, reason) ({failed}) or on (model) 0 * {answered})"
        return f"{of} / on (model) group_left () (sum by (model) ({of}) + {answered})"

    def latency(self, models: Iterable[str], more: str, window: str) -> Iterator[str]:
        """Milliseconds by model, version and quantile; none without a histogram."""
        if not self.histogram:
            return
        counted = self._named(rate(f"{self.histogram}_bucket", self._matchers(models, more, ""), window))
        counted = f"sum by (model, version, le) ({counted})"
        for quantile in QUANTILES:
            drawn = f"{self.unit_ms:g} * histogram_quantile({quantile}, {counted})"
            yield labelled(drawn, "quantile", quantile, "", "")

    def _matchers(self, models: Iterable[str], more: str, only: str) -> str:
        names = [*models]
        one = f"{self.model}={quoted(names[0])}" if len(names) == 1 else f"{self.model}=~{quoted(either(names))}"
        return ",".join(part for part in (f"{one}{more}", only, self.only) if part)

    def _by_version(self, vector: str) -> str:
        return f"sum by (model, version) ({self._named(vector)})"

    def _named(self, vector: str) -> str:
        if self.model != "model":
            vector = labelled(vector, "model", "$1", self.model, "(.*)")
        if self.version:
            vector = labelled(vector, "version", "$1", self.version, "(.*)")
        return vector


_HTTP_FAILED = "([45]).*"

FAMILIES = (
    Family("nv_inference_request_success", "nv_inference_request_failure", always=True),
    Family("model_infer_request_success", "model_infer_request_failure"),
    Family("request_postprocess_seconds_count", model="model_name", histogram="request_predict_seconds", unit_ms=1e3),
    Family(
        "bentoml_service_request",
        "bentoml_service_request",
        "service_name",
        "service_version",
        'http_response_code=~"[123].*"',
        'http_response_code=~"[45].*"',
        f"endpoint!~{quoted(either(sorted(PROBES)))}",
        reason=("http_response_code", _HTTP_FAILED, "${1}xx"),
        histogram="bentoml_service_request_duration_seconds",
        unit_ms=1e3,
    ),
    Family(
        "ray_serve_num_http_requests",
        "ray_serve_num_http_requests",
        "application",
        ok_only='status_code=~"[123].*"',
        failed_only='status_code=~"[45].*"',
        reason=("status_code", _HTTP_FAILED, "${1}xx"),
        histogram="ray_serve_http_request_latency_ms",
    ),
    Family("ts_inference_requests", model="model_name", version="model_version"),
    Family(
        ":tensorflow:serving:request_count",
        ":tensorflow:serving:request_count",
        "model_name",
        ok_only='status="OK"',
        failed_only='status!="OK"',
        histogram=":tensorflow:serving:request_latency",
        unit_ms=1e-3,
    ),
    Family(
        "vllm:request_success",
        "vllm:request_success",
        "model_name",
        ok_only='finished_reason!~"abort|error"',
        failed_only='finished_reason=~"abort|error"',
        histogram="vllm:e2e_request_latency_seconds",
        unit_ms=1e3,
    ),
)

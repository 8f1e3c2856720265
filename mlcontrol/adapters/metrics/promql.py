"""The panel's series as PromQL over what Triton and HAProxy count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlcontrol.core import series
from mlcontrol.core.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Question:
    """``names``: (label of the answer, label of the panel's series); ``fixed``: labels that every series of it gets."""

    metric: str
    query: str
    names: tuple[tuple[str, str], ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()

    def labels(self, answer: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        own = [(name, answer[label]) for label, name in self.names if answer.get(label)]
        return tuple(sorted([*own, *self.fixed]))


def quoted(text: str) -> str:
    """As a PromQL string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _named(counter: str, matchers: str) -> str:
    """A counter under its own name and with the ending that OpenMetrics gives it."""
    return f'{{__name__=~"{counter}(_total)?",{matchers}}}'


def questions(service: ServiceSettings, metrics: frozenset[str], selector: str, window_s: float) -> Iterator[Question]:
    """One range query a metric, over all versions of the service. ``window_s``: over which counters become rates."""
    more = f",{selector}" if selector else ""
    model = f"model={quoted(service.serving_model)}{more}"
    window = f"[{round(window_s)}s]"
    if service.serving_model and series.QUERIES_PER_S in metrics:
        query = f"sum by (version) (rate({_named('nv_inference_request_success', model)}{window}))"
        yield Question(series.QUERIES_PER_S, query, (("version", "version"),))
    if service.serving_model and series.LATENCY_MS in metrics:
        query = (
            f'max by (version, quantile) (nv_inference_request_summary_us{{{model},quantile=~"0.5|0.9|0.99"}}) / 1000'
        )
        yield Question(series.LATENCY_MS, query, (("version", "version"), ("quantile", "quantile")))
    if service.route and series.ERROR_SHARE in metrics:
        proxy = f"proxy=~{quoted(service.route + '-(stable|canary)')}{more}"
        count = "haproxy_backend_http_responses_total"
        errors = f'sum by (code) (rate({count}{{{proxy},code=~"4xx|5xx"}}{window}))'
        query = f"{errors} / ignoring(code) group_left sum(rate({count}{{{proxy}}}{window}))"
        yield Question(series.ERROR_SHARE, query, (("code", "type"),))
    elif service.serving_model and series.ERROR_SHARE in metrics:
        failed = f"sum(rate({_named('nv_inference_request_failure', model)}{window}))"
        query = f"{failed} / ({failed} + sum(rate({_named('nv_inference_request_success', model)}{window})))"
        yield Question(series.ERROR_SHARE, query, (), (("type", "model"),))

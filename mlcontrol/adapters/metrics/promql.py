"""The panel's series as PromQL over what servers and routers count: one question a metric, for any number of services."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlcontrol.adapters.metrics.dialects import FAILURES
from mlcontrol.core import series
from mlcontrol.core.settings import ServiceSettings

ROUTE = "route"  # what the questions call the part of a backend's name before its role

Owners = Mapping[str, tuple[str, ...]]
"""Service ids by the model or the route that they have in common."""


_NO_VERSION = "None"  # MLServer, of a query that named none


@dataclass(frozen=True, slots=True)
class Question:
    """``owner``: the label of the answer that tells whose a series is, ``owners``: the services by its values. ``names``: (label of
    the answer, label of the panel's series)."""

    metric: str
    query: str
    owner: str
    owners: Owners
    names: tuple[tuple[str, str], ...] = ()

    def services(self, answer: Mapping[str, str]) -> tuple[str, ...]:
        return self.owners.get(answer.get(self.owner, ""), ())

    def labels(self, answer: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(self._own(answer)))

    def _own(self, answer: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for label, name in self.names:
            told = answer.get(label, "")
            if label == "reason":
                told = FAILURES.get(told.lower(), told.lower()) or "model"
            if told and told != _NO_VERSION:
                yield name, told


@dataclass(frozen=True, slots=True)
class _Family:
    """What a model server calls its counters; they carry ``model`` and ``version``. ``always``: it counts failures from the start;
    of one that does not, no failure counted is none."""

    ok: str
    failed: str
    always: bool


_FAMILIES = (
    _Family("nv_inference_request_success", "nv_inference_request_failure", True),
    _Family("model_infer_request_success", "model_infer_request_failure", False),
)
_LATENCY = "nv_inference_request_summary_us"
_QUANTILES = ("0.5", "0.9", "0.99")
_VERSION, _QUANTILE = ("version", "version"), ("quantile", "quantile")
_CLUSTER = "envoy_cluster_name"  # of a route of this panel: <route>-<version>


def quoted(text: str) -> str:
    """As a PromQL string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def questions(
    services: Sequence[ServiceSettings], metrics: frozenset[str], selector: str, window_s: float, step_s: float
) -> Iterator[Question]:
    """Over all versions of these services. ``window_s``: over which counters become rates; ``step_s``: of the range."""
    more = f",{selector}" if selector else ""
    window = f"[{round(window_s)}s]"
    models = _owners((s.serving_model, s.id) for s in services)
    routes = _owners((s.route, s.id) for s in services)
    if models and series.QUERIES_PER_S in metrics:
        counted = _counted([family.ok for family in _FAMILIES], _matcher(models, more))
        query = f"sum by (model, version) (rate({counted}{window}))"
        yield Question(series.QUERIES_PER_S, query, "model", models, (_VERSION,))
    if models and series.LATENCY_MS in metrics:
        of = f'{_LATENCY}{{{_matcher(models, more)},quantile=~"{"|".join(_QUANTILES)}"}}'
        # A step that is longer than what a rate looks back must not lose the peak inside it.
        of = f"max_over_time({of}[{round(step_s)}s])" if step_s >= window_s else of
        query = f"max by (model, version, quantile) ({of}) / 1000"
        yield Question(series.LATENCY_MS, query, "model", models, (_VERSION, _QUANTILE))
    if routes and series.LATENCY_MS in metrics:
        query = _latency_of_envoy(routes, more, window)
        yield Question(series.LATENCY_MS, query, ROUTE, routes, (_VERSION, _QUANTILE))
    if routes and series.ERROR_SHARE in metrics:
        query = f"{_errors_of_haproxy(routes, more, window)} or {_errors_of_envoy(routes, more, window)}"
        yield Question(series.ERROR_SHARE, query, ROUTE, routes, (("code", "type"),))
    unrouted = _owners((s.serving_model, s.id) for s in services if not s.route)
    if unrouted and series.ERROR_SHARE in metrics:
        query = " or ".join(_errors_of_models(family, _matcher(unrouted, more), window) for family in _FAMILIES)
        yield Question(series.ERROR_SHARE, query, "model", unrouted, (("reason", "type"),))


def _owners(named: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, service in named:
        if name:
            found[name] = (*found.get(name, ()), service)
    return found


def _matcher(models: Owners, more: str) -> str:
    names = [*models]
    one = len(names) == 1
    return f"model={quoted(names[0])}{more}" if one else f"model=~{quoted(_either(names))}{more}"


def _either(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, names))


def _counted(counters: Sequence[str], matchers: str) -> str:
    """Counters under their own names and with the ending that OpenMetrics gives them."""
    names = counters[0] if len(counters) == 1 else f"({'|'.join(counters)})"
    return f'{{__name__=~"{names}(_total)?",{matchers}}}'


def _errors_of_models(family: _Family, matchers: str, window: str) -> str:
    failed = f"rate({_counted([family.failed], matchers)}{window})"
    answered = f"sum by (model) (rate({_counted([family.ok], matchers)}{window}))"
    if family.always:
        return f"sum by (model, reason) ({failed}) / on (model) group_left () (sum by (model) ({failed}) + {answered})"
    none_yet = f"(sum by (model) ({failed}) or 0 * {answered})"
    return f"{none_yet} / ({none_yet} + {answered})"


def _errors_of_haproxy(routes: Owners, more: str, window: str) -> str:
    """A share by code of what the backends ``<route>-<role>`` answered."""
    backends = f"proxy=~{quoted(f'({_either(routes)})-(stable|canary)')}{more}"

    def rates(matchers: str) -> str:
        rate = f"rate(haproxy_backend_http_responses_total{{{matchers}}}{window})"
        return _named(rate, ROUTE, "$1", "proxy", "(.+)-(stable|canary)")

    return _shares(rates(backends), rates(f'{backends},code=~"4xx|5xx"'))


def _errors_of_envoy(routes: Owners, more: str, window: str) -> str:
    """The same of clusters, by class of code: Envoy says "5", not "5xx"."""

    def rates(matchers: str) -> str:
        rate = f"rate({_counted(['envoy_cluster_upstream_rq_xx'], matchers)}{window})"
        return _named(_of_cluster(rate), "code", "${1}xx", "envoy_response_code_class", "(.+)")

    clusters = _clusters(routes, more)
    return _shares(rates(clusters), rates(f'{clusters},envoy_response_code_class=~"4|5"'))


def _shares(answers: str, failed: str) -> str:
    """Both: rates by route and code."""
    return f"sum by ({ROUTE}, code) ({failed}) / on ({ROUTE}) group_left () sum by ({ROUTE}) ({answers})"


def _latency_of_envoy(routes: Owners, more: str, window: str) -> str:
    """Quantiles from the histogram, in milliseconds, that Envoy keeps of each cluster."""
    rate = f"rate(envoy_cluster_upstream_rq_time_bucket{{{_clusters(routes, more)}}}{window})"
    named = _named(_of_cluster(rate), "version", "$1", _CLUSTER, ".+-([^-]+)")
    counted = f"sum by ({ROUTE}, version, le) ({named})"
    return " or ".join(_named(f"histogram_quantile({q}, {counted})", "quantile", q, "", "") for q in _QUANTILES)


def _clusters(routes: Owners, more: str) -> str:
    return f"{_CLUSTER}=~{quoted(f'({_either(routes)})-[^-]+')}{more}"


def _of_cluster(vector: str) -> str:
    return _named(vector, ROUTE, "$1", _CLUSTER, "(.+)-[^-]+")


def _named(vector: str, label: str, value: str, of: str, pattern: str) -> str:
    """Each series with a label more, made of another."""
    return f"label_replace({vector}, {quoted(label)}, {quoted(value)}, {quoted(of)}, {quoted(pattern)})"

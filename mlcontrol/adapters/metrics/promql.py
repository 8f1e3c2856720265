"""The panel's series as PromQL over what servers and routers count: one question a metric, for any number of services."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlcontrol.adapters.metrics.counted_families import QUANTILES, either, labelled, quoted, rate, told_of
from mlcontrol.adapters.metrics.dialects import FAILURES
from mlcontrol.core import series
from mlcontrol.core.settings import ServiceSettings

FEW = 20
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


_LATENCY = "nv_inference_request_summary_us"
_VERSION, _QUANTILE = ("version", "version"), ("quantile", "quantile")
_CLUSTER = "envoy_cluster_name"  # of a route of this panel: <route>-<version>


def questions(
    services: Sequence[ServiceSettings],
    metrics: frozenset[str],
    selector: str,
    window_s: float,
    step_s: float,
    told: frozenset[str] = frozenset(),
) -> Iterator[Question]:
    """Over all versions of these services. ``window_s``: over which counters become rates; ``step_s``: of the range. ``told``:
    names of series that the source has now: a fleet is asked of no other servers. A few services are: theirs may be gone."""
    families = told_of(told if len(services) > FEW else frozenset())
    more = f",{selector}" if selector else ""
    window = f"[{round(window_s)}s]"
    models = _owners((s.serving_model, s.id) for s in services)
    routes = _owners((s.route, s.id) for s in services)
    answered = " or ".join(family.answered(models, more, window) for family in families)
    if models and answered and series.QUERIES_PER_S in metrics:
        yield Question(series.QUERIES_PER_S, answered, "model", models, (_VERSION,))
    if models and series.LATENCY_MS in metrics:
        of = f'{_LATENCY}{{{_matcher(models, more)},quantile=~"{"|".join(QUANTILES)}"}}'
        # A step that is longer than what a rate looks back must not lose the peak inside it.
        of = f"max_over_time({of}[{round(step_s)}s])" if step_s >= window_s else of
        drawn = (one for family in families for one in family.latency(models, more, window))
        query = " or ".join((f"max by (model, version, quantile) ({of}) / 1000", *drawn))
        yield Question(series.LATENCY_MS, query, "model", models, (_VERSION, _QUANTILE))
    if routes and series.LATENCY_MS in metrics:
        query = _latency_of_envoy(routes, more, window)
        yield Question(series.LATENCY_MS, query, ROUTE, routes, (_VERSION, _QUANTILE))
    if routes and series.ERROR_SHARE in metrics:
        query = f"{_errors_of_haproxy(routes, more, window)} or {_errors_of_envoy(routes, more, window)}"
        yield Question(series.ERROR_SHARE, query, ROUTE, routes, (("code", "type"),))
    unrouted = _owners((s.serving_model, s.id) for s in services if not s.route)
    if unrouted and series.ERROR_SHARE in metrics:
        shares = (family.failures(unrouted, more, window) for family in families)
        if query := " or ".join(share for share in shares if share):
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
    return f"model={quoted(names[0])}{more}" if one else f"model=~{quoted(either(names))}{more}"


def _errors_of_haproxy(routes: Owners, more: str, window: str) -> str:
    """A share by code of what the backends ``<route>-<role>`` answered."""
    backends = f"proxy=~{quoted(f'({either(routes)})-(stable|canary)')}{more}"

    def rates(matchers: str) -> str:
        rate = f"rate(haproxy_backend_http_responses_total{{{matchers}}}{window})"
        return labelled(rate, ROUTE, "$1", "proxy", "(.+)-(stable|canary)")

    return _shares(rates(backends), rates(f'{backends},code=~"4xx|5xx"'))


def _errors_of_envoy(routes: Owners, more: str, window: str) -> str:
    """The same of clusters, by class of code: Envoy says "5", not "5xx"."""

    def rates(matchers: str) -> str:
        answered = rate("envoy_cluster_upstream_rq_xx", matchers, window)
        return labelled(_of_cluster(answered), "code", "${1}xx", "envoy_response_code_class", "(.+)")

    clusters = _clusters(routes, more)
    return _shares(rates(clusters), rates(f'{clusters},envoy_response_code_class=~"4|5"'))


def _shares(answers: str, failed: str) -> str:
    """Both: rates by route and code."""
    return f"sum by ({ROUTE}, code) ({failed}) / on ({ROUTE}) group_left () sum by ({ROUTE}) ({answers})"


def _latency_of_envoy(routes: Owners, more: str, window: str) -> str:
    """Quantiles from the histogram, in milliseconds, that Envoy keeps of each cluster."""
    rate = f"rate(envoy_cluster_upstream_rq_time_bucket{{{_clusters(routes, more)}}}{window})"
    named = labelled(_of_cluster(rate), "version", "$1", _CLUSTER, ".+-([^-]+)")
    counted = f"sum by ({ROUTE}, version, le) ({named})"
    return " or ".join(labelled(f"histogram_quantile({q}, {counted})", "quantile", q, "", "") for q in QUANTILES)


def _clusters(routes: Owners, more: str) -> str:
    return f"{_CLUSTER}=~{quoted(f'({either(routes)})-[^-]+')}{more}"


def _of_cluster(vector: str) -> str:
    return labelled(vector, ROUTE, "$1", _CLUSTER, "(.+)-[^-]+")

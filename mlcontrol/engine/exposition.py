"""The engine's own metrics: the fleet's state in the words of Prometheus, made anew at each scrape.

What is not known has no sample: an alert rule sees the absence (or `mlcontrol_service_version_known`), never a comforting zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from mlcontrol import __version__
from mlcontrol.core.alerts.alert import AlertState
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import Freshness, Health, ServiceState, Stamp, VersionFact
from mlcontrol.engine.completions import Completed

LABEL_CHARS = 120


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a scrape reads. ``polls``: answers by connection; ``failures``: by connection and code; ``mono_s``: now."""

    state: Callable[[], FleetState]
    completed: Callable[[], Mapping[tuple[str, str, str], Completed]]
    polls: Callable[[], tuple[Mapping[str, int], Mapping[tuple[str, str], int]]]
    shells: Callable[[], int]
    mono_s: Callable[[], float]
    utc_s: Callable[[], float]


class FleetCollector:
    """A collector for `prometheus_client`'s registry. *Thread:* any."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources

    def collect(self) -> Iterator[Metric]:
        state, now_s = self._from.state(), self._from.mono_s()
        yield _gauge("mlcontrol_build_info", "The version of this engine.", ("version",), [((__version__,), 1)])
        yield _gauge("mlcontrol_shells", "Windows and commands attached.", (), [((), self._from.shells())])
        yield from _services(state, now_s)
        yield from _connections(state, now_s)
        yield from self._polls(state)
        yield from _alerts(state, self._from.utc_s())
        yield from self._operations(state)
        yield from _audit(state)

    def _polls(self, state: FleetState) -> Iterator[Metric]:
        answered, failed = self._from.polls()
        asked = CounterMetricFamily("mlcontrol_polls", "Questions that came to an end.", labels=("connection",))
        lost = CounterMetricFamily("mlcontrol_poll_failures", "Those not answered.", labels=("connection", "code"))
        for name in state.connections:
            failures = {code: count for (of, code), count in failed.items() if of == name}
            asked.add_metric((_label(name),), answered.get(name, 0) + sum(failures.values()))
            for code, count in failures.items():
                lost.add_metric((_label(name), _label(code)), count)
        yield asked
        yield lost

    def _operations(self, state: FleetState) -> Iterator[Metric]:
        running = [((op.service, op.kind.value), 1) for op in state.operations.values() if not op.phase.ended]
        yield _gauge("mlcontrol_operation_running", "Operations under way.", ("service", "kind"), sorted(set(running)))
        took = SummaryMetricFamily(
            "mlcontrol_operation_completed_seconds",
            "Deploys, rollbacks, drills and probes completed since the engine began, and how long they took.",
            labels=("service", "kind", "outcome"),
        )
        newest = []
        for (service, kind, outcome), done in self._from.completed().items():
            labels = _label(service), kind, outcome
            took.add_metric(labels, done.count, done.seconds)
            newest.append(((*labels, done.from_version or "", done.to_version), done.at_s))
        yield took
        yield _gauge(
            "mlcontrol_operation_last_completed_timestamp_seconds",
            "When the newest operation of this outcome ended.",
            ("service", "kind", "outcome", "from_version", "to_version"),
            newest,
        )


def _services(state: FleetState, now_s: float) -> Iterator[Metric]:
    services = state.services.values()
    yield _gauge(
        "mlcontrol_service_health",
        "1 for the health that a signal has now, 0 for the others.",
        ("service", "signal", "health"),
        (
            ((s.id, name, health.value), float(health is now))
            for s in services
            for name, now in (
                ("presence", s.presence.health),
                ("use", s.use.health),
                ("accuracy", s.accuracy.health),
                ("resources", s.resources.health),
            )
            for health in Health
        ),
    )
    yield _gauge(
        "mlcontrol_service_version_info",
        "Versions that are intended (registry), served (endpoints) and used (traffic).",
        ("service", "source", "version", "model"),
        (
            ((s.id, source, version, s.model), 1)
            for s in services
            for source, fact in _versions(s)
            if _known(fact)
            for version in fact.versions
        ),
    )
    yield _gauge(
        "mlcontrol_service_version_known",
        "Whether the source of these versions answers; 0 is unknown, not none.",
        ("service", "source"),
        (((s.id, source), float(_known(fact))) for s in services for source, fact in _versions(s)),
    )
    yield _gauge(
        "mlcontrol_service_fact_age_seconds",
        "Seconds since a fact was true; no sample where there never was one.",
        ("service", "fact"),
        (((s.id, fact), max(0.0, now_s - at.mono_s)) for s in services for fact, at in _stamps(s) if at is not None),
    )


def _versions(s: ServiceState) -> tuple[tuple[str, VersionFact], ...]:
    return ("intended", s.intended), ("served", s.served), ("used", s.used)


def _known(fact: VersionFact) -> bool:
    return fact.at is not None and fact.freshness is not Freshness.UNKNOWN


def _stamps(s: ServiceState) -> tuple[tuple[str, Stamp | None], ...]:
    signals = (("presence", s.presence.at), ("use", s.use.at), ("accuracy", s.accuracy.at))
    return (*((source, fact.at) for source, fact in _versions(s)), *signals)


def _connections(state: FleetState, now_s: float) -> Iterator[Metric]:
    known = state.connections.values()
    yield _gauge(
        "mlcontrol_connection_up",
        "1 when it answers in time; 0 when it does not, or when nobody knows.",
        ("connection", "kind", "adapter"),
        (((c.id, c.kind.value, c.adapter), float(c.health is Health.OK)) for c in known),
    )
    yield _gauge(
        "mlcontrol_connection_answer_age_seconds",
        "Seconds since its newest answer was asked for; no sample where there was none.",
        ("connection",),
        (((c.id,), max(0.0, now_s - c.at.mono_s)) for c in known if c.at is not None),
    )
    yield _gauge(
        "mlcontrol_connection_latency_seconds",
        "How long its newest answer took.",
        ("connection",),
        (((c.id,), c.latency_ms / 1000) for c in known if c.latency_ms is not None),
    )


def _alerts(state: FleetState, utc_s: float) -> Iterator[Metric]:
    firing = [alert for alert in state.alerts.values() if alert.state is AlertState.FIRING]
    yield _gauge("mlcontrol_alerts_firing", "How many alerts fire, silent ones too.", (), [((), len(firing))])
    yield _gauge(
        "mlcontrol_alert_firing",
        "1 for each alert that fires.",
        ("service", "rule", "severity", "source", "acknowledged", "silenced"),
        (
            (
                (
                    a.service,
                    a.rule,
                    a.severity.value,
                    a.source or "panel",
                    "yes" if a.acknowledged_by else "no",
                    "yes" if any(silence.covers(a, utc_s) for silence in state.silences) else "no",
                ),
                1,
            )
            for a in firing
        ),
    )


def _audit(state: FleetState) -> Iterator[Metric]:
    yield _gauge("mlcontrol_audit_rows", "Rows of the audit chain.", (), [((), state.audit_rows)])
    # Not verified yet is not valid: then there is no sample.
    valid = [] if state.audit_ok is None else [((), float(state.audit_ok))]
    yield _gauge("mlcontrol_audit_chain_valid", "What the last verification of the chain found.", (), valid)
    at = [] if state.audit_verified_s is None else [((), state.audit_verified_s)]
    yield _gauge("mlcontrol_audit_verified_timestamp_seconds", "When the chain was last verified.", (), at)


def _gauge(name: str, about: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    made = GaugeMetricFamily(name, about, labels=labels)
    seen = set()
    for values, value in samples:
        bounded = tuple(_label(text) for text in values)
        # Two names may be one when cut; a scraper rejects the whole page for one sample said twice.
        if bounded not in seen:
            seen.add(bounded)
            made.add_metric(bounded, value)
    return made


def _label(text: str) -> str:
    """Bounded, and text that UTF-8 can carry: names come from files and servers."""
    whole = text if len(text) <= LABEL_CHARS else text[: LABEL_CHARS - 1] + "…"
    return whole.encode("utf-8", "replace").decode("utf-8")

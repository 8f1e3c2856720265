"""Asks endpoints which versions they have loaded, and routers where they send the callers."""

from __future__ import annotations

from dataclasses import replace

from mlcontrol.core import series
from mlcontrol.core.facts import Known, Route, ServiceFacts
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import Replica, ReplicaState, Sample, SeriesKey, Stamp
from mlcontrol.ports.errors import AdapterError
from mlcontrol.services.asking import Asking, coded


def ask_replicas(asking: Asking, service: ServiceSettings, connection: str, deadline_s: float = 4.0) -> None:
    with asking.of(connection) as question:
        try:
            replicas = asking.ctx.serving(connection).replicas(service.serving_model, deadline_s)
        except AdapterError as error:
            problem = coded(error)
            asking.note(
                service.id, lambda f: _with_replicas(f, connection, _known(f, connection).missed(problem, question))
            )
            raise
        asking.note(
            service.id, lambda f: _with_replicas(f, connection, _answered(_known(f, connection), replicas, question))
        )
    ready = sorted({r.version for r in replicas if r.state is ReplicaState.READY})
    asking.ctx.emit(
        *(Sample(SeriesKey(service.id, series.LOADED, (("version", v),)), question.utc_s, 1.0) for v in ready)
    )


def _known(facts: ServiceFacts, connection: str) -> Known[tuple[Replica, ...]]:
    return facts.replicas.get(connection, Known())


def _with_replicas(facts: ServiceFacts, connection: str, known: Known[tuple[Replica, ...]]) -> ServiceFacts:
    return replace(facts, replicas={**facts.replicas, connection: known})


def _answered(
    known: Known[tuple[Replica, ...]], replicas: tuple[Replica, ...], question: Stamp
) -> Known[tuple[Replica, ...]]:
    """Servers do not say since when a state lasts: it is since we saw it first."""
    before = {(r.version, r.state): r.since for r in known.value or ()}
    dated = tuple(
        r if r.since is not None else replace(r, since=before.get((r.version, r.state)) or question) for r in replicas
    )
    return known.answered(dated, question)


def ask_route(asking: Asking, service: ServiceSettings, deadline_s: float = 3.0) -> None:
    with asking.of(service.routing) as question:
        try:
            split = asking.ctx.routing(service.routing).split(service.route, deadline_s)
        except AdapterError as error:
            problem = coded(error)
            asking.note(service.id, lambda f: replace(f, route=f.route.missed(problem, question)))
            raise
        route = Route(split.stable, split.canary, split.canary_percent)
        asking.note(service.id, lambda f: replace(f, route=f.route.answered(route, question)))

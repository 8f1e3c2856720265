"""`mlcontrol status [SERVICE]`."""

from __future__ import annotations

import argparse
import time
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, CANNOT_RUN, DONE, UNKNOWN
from mlcontrol.cli.output import add_common, age_words, plain, put_json, put_table, say, utc
from mlcontrol.cli.session import Session
from mlcontrol.core.freshness import age_s
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import Health, ServiceState, Signal, VersionFact
from mlcontrol.ports.clock import ticking_s


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("status", help="what is intended, served and used, and how every service is")
    parser.add_argument("service", nargs="?", help="one service in detail")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    with Session(args.workspace) as session:
        session.refresh(args.service)
        state = session.state
        services = list(state.services.values())
        if args.service is not None:
            services = [s for s in services if s.id == args.service]
            if not services:
                known = ", ".join(sorted(state.services)) or "none"
                raise ProblemError(
                    Problem(
                        f"There is no service {args.service!r}.", f"Known: {known}.", "Check the name.", "not-found"
                    )
                )
        for problem in state.settings.problems:
            say(plain(problem))
        if not services:
            say(f"{session.workspace} defines no service that can be shown.")
            say("Define one on the panel's Connections page, or in that file.")
        services.sort(key=lambda s: (_RANK[s.health], s.id))
        if args.format == "json":
            put_json(
                {
                    "schema": "mlcontrol.status/1",
                    "workspace": str(session.workspace),
                    "at": utc(time.time()),
                    "services": [_document(s) for s in services],
                    "connections": [connection_document(c) for c in state.connections.values()],
                }
            )
        else:
            if services:
                _table(services)
            for connection in state.connections.values():
                if connection.health is not Health.OK:
                    print(f"\n{connection.id} ({connection.adapter}): {plain(connection.text)} {plain(connection.why)}")
    return CANNOT_RUN if state.settings.problems and not services else _exit_code(services)


_RANK = {Health.CRITICAL: 0, Health.UNKNOWN: 1, Health.WARNING: 2, Health.OK: 3}


def _exit_code(services: list[ServiceState]) -> int:
    healths = {s.health for s in services}
    if Health.CRITICAL in healths:
        return BLOCKED
    return UNKNOWN if Health.UNKNOWN in healths or not services else DONE


def _age(fact: VersionFact | Signal) -> float | None:
    return age_s(fact.at, ticking_s())


def _table(services: list[ServiceState]) -> None:
    rows = [
        (
            s.id,
            s.health.value,
            s.presence.text,
            s.use.text,
            s.accuracy.text,
            _versions(s.intended),
            _versions(s.served),
            _versions(s.used),
            age_words(_age(s.served)),
            f"{s.way_back.state.value}{'' if s.way_back.target is None else f' v{s.way_back.target}'}",
        )
        for s in services
    ]
    header = ("SERVICE", "HEALTH", "PRESENCE", "USE", "ACCURACY", "INTENDED", "SERVED", "USED", "AGE", "WAY BACK")
    put_table(header, rows)


def _versions(fact: VersionFact) -> str:
    if fact.at is None:
        return "?"
    mark = "" if fact.freshness.value == "fresh" else f" ({fact.freshness.value})"
    return (" ".join(f"v{v}" for v in fact.versions) or "none") + mark


def _fact(fact: VersionFact) -> dict[str, Any]:
    return {
        "versions": list(fact.versions),
        "freshness": fact.freshness,
        "age_s": _age(fact),
        "at": utc(fact.at.utc_s) if fact.at else None,
        "source": fact.source,
        "detail": fact.detail,
    }


def _signal(signal: Signal) -> dict[str, Any]:
    return {
        "health": signal.health,
        "text": signal.text,
        "detail": signal.detail,
        "value": signal.value,
        "low": signal.low,
        "high": signal.high,
        "n": signal.n,
        "unit": signal.unit,
        "freshness": signal.freshness,
        "age_s": _age(signal),
    }


def _document(s: ServiceState) -> dict[str, Any]:
    return {
        "service": s.id,
        "title": s.title,
        "environment": s.environment,
        "health": s.health,
        "intended": _fact(s.intended),
        "served": _fact(s.served),
        "used": _fact(s.used),
        "presence": _signal(s.presence),
        "use": _signal(s.use),
        "accuracy": _signal(s.accuracy),
        "resources": _signal(s.resources),
        "traffic_per_s": s.traffic_per_s,
        "traffic_by_version": s.traffic_by_version,
        "way_back": s.way_back,
        "operation": s.operation,
    }


def connection_document(c: Any) -> dict[str, Any]:
    return {
        "connection": c.id,
        "kind": c.kind,
        "adapter": c.adapter,
        "health": c.health,
        "server": c.server,
        "text": c.text,
        "why": c.why,
        "next": c.next,
        "latency_ms": c.latency_ms,
        "at": utc(c.at.utc_s) if c.at else None,
        "age_s": age_s(c.at, ticking_s()),
        "clock_ahead_s": c.clock_ahead_s,
    }

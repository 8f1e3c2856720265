"""Plays the sandbox's scripted incidents against a running engine and measures: how soon a signal and an alert say so, and at which
rank the true cause stands among the suspects. `python tests/engine/measure_incidents.py HOME [FAULT ...]` prints a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlcontrol.core.alerts.alert import Alert, AlertState
from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.types import EventKind, Health, ServiceState, TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import InlineHost, new_request
from mlcontrol.sandbox import fleet as sandbox
from mlcontrol.testing.fleet import RunningFleet
from tests.engine.shell import Shell, until


@dataclass(frozen=True, slots=True)
class Incident:
    """``cause``: whether an event is the true one; `None`: no recorded event is, and "none of these" must come first."""

    fault: str
    service: str
    signals: tuple[str, ...]
    cause: Callable[[TimelineEvent], bool] | None
    options: tuple[tuple[str, str], ...] = ()


INCIDENTS = {
    one.fault: one
    for one in (
        Incident("error-burst", "diamond-cut", ("use",), lambda e: e.service == "diamond-cut" and e.version_to == "6"),
        Incident(
            "version-swap", "digits", ("presence",), lambda e: e.service == "digits" and e.kind is EventKind.ROUTE
        ),
        Incident("latency-rise", "digits", ("use",), None),
        Incident("server-frozen", "digits", ("presence", "use"), None),
        Incident("metrics-gone", "digits", ("use",), None),
        Incident(
            "input-drift", "digits", ("data", "accuracy"), lambda e: e.kind is EventKind.DATA and e.service == "digits"
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Found:
    """Seconds from the order to break until it was said; `None`: not within the limit. ``rank``: of the true cause, 1 is first."""

    fault: str
    signal: str
    signal_s: float | None
    alert_s: float | None
    rank: int | None
    of: int
    verdict: str


def services(shell: Shell) -> dict[str, ServiceState]:
    found: dict[str, ServiceState] = {}
    for event in list(shell.events):
        if isinstance(event, m.Snapshot):
            found = dict(event.state.services)
        elif isinstance(event, m.ServiceChanged):
            found[event.service.id] = event.service
    return found


def alerts(shell: Shell) -> list[Alert]:
    return [a for e in list(shell.events) if isinstance(e, m.AlertsChanged) for a in e.alerts]


def timeline(shell: Shell) -> dict[str, TimelineEvent]:
    batches = [e for e in list(shell.events) if isinstance(e, m.TimelineGrew)]
    return {event.id: event for batch in batches for event in batch.events}


def ask(shell: Shell, service: str) -> Brief | None:
    command = m.QueryIncident(request=new_request(), service=service)
    shell.host.send(command)
    answer = until(
        lambda: next((e for e in list(shell.events) if getattr(e, "request", "") == command.request), None), 60
    )
    return answer.brief if isinstance(answer, m.BriefAnswer) else None


def soon(look: Callable[[], object], within_s: float) -> bool:
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        if look():
            return True
        time.sleep(0.1)
    return False


def measure(shell: Shell, home: Path, incident: Incident, within_s: float = 120.0, settle_s: float = 30.0) -> Found:
    """``settle_s``: how long the series are watched after the first sign before suspects are asked for."""
    before = set(timeline(shell))
    began_s = time.time()
    sandbox.play_fault(home, incident.fault, 600.0)

    def bad() -> str:
        state = services(shell)[incident.service]
        for name in incident.signals:
            signal = getattr(state, name)
            lost = signal.health is Health.UNKNOWN and name != "data"
            if signal.health in (Health.WARNING, Health.CRITICAL) or lost:
                return name
        return ""

    def fired() -> list[Alert]:
        names = {incident.service, *(f"{c}" for c in ("triton-metrics", "router-metrics"))}
        mine = [a for a in alerts(shell) if a.service in names and a.state is AlertState.FIRING]
        return [a for a in mine if a.fired_s is not None and a.fired_s > began_s]

    said: list[str] = []
    signal_s = time.time() - began_s if soon(lambda: said.append(bad()) or said[-1], within_s) else None
    alert_s = min(a.fired_s or 0.0 for a in fired()) - began_s if soon(fired, within_s) else None
    time.sleep(settle_s)
    brief = ask(shell, incident.service)
    events = {ident: e for ident, e in timeline(shell).items() if ident not in before}
    rank, verdict = None, brief.verdict if brief is not None else ""
    suspects = brief.suspects if brief is not None else ()
    for place, suspect in enumerate(suspects, 1):
        event = events.get(suspect.event)
        true = suspect.event == "" if incident.cause is None else event is not None and incident.cause(event)
        if true:
            rank = place
            break
    return Found(incident.fault, said[-1] if said else "", signal_s, alert_s, rank, len(suspects), verdict)


def main() -> None:
    home, names = Path(sys.argv[1]), sys.argv[2:] or list(INCIDENTS)
    fleet = RunningFleet(home)
    fleet.back_to_start()
    shell = Shell(lambda shell: InlineHost(fleet.workspace, shell.events.append))
    try:
        until(lambda: len(services(shell)) == 3, 120)
        time.sleep(360.0)
        for name in names:
            found = measure(shell, home, INCIDENTS[name], 240.0, 60.0)
            print(found, flush=True)
            fleet.back_to_start()
            time.sleep(150.0)
    finally:
        shell.host.close()


if __name__ == "__main__":
    main()

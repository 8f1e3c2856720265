"""Staged rollouts on the real fleet, and scripted incidents in the middle of them: begun, watched to their end, timed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from mlcontrol.core.operation import LiveStage, Operation
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.sandbox import fleet as sandbox
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.conftest import Watcher, until

PATIENCE_S = 600.0  # a machine under load takes minutes to load a model

CANARY = RolloutSettings(
    "canary", (20.0, 50.0), min_requests=20, min_s=4.0, max_s=600.0, no_data_s=15.0, bake_s=5.0, error_tolerance=0.1
)
"""Short stages: what is tried is the road, not the patience. The tolerance is that of little traffic."""
WHATEVER_THE_SPEED = replace(CANARY, ignore=("latency", "objectives", "resources", "predictions"))
"""For the good version: a machine that runs tests is slow when it likes, and a rollout rightly does not go on through that; and
where it is slow the stages last long enough to find that version 3 does answer low values more rarely than version 2. And for
incidents of which the speed says nothing: what ends the rollout is to be the incident, not the machine."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault of the sandbox during a rollout of ``version`` of ``service``, for ``seconds``; ``settings``: of the rollout."""

    fault: str
    service: str = "progression"
    version: str = "3"
    seconds: float = 60.0
    options: tuple[tuple[str, str], ...] = ()
    settings: RolloutSettings = WHATEVER_THE_SPEED


INCIDENTS = (
    Incident("error-burst", "diamond-cut", seconds=400.0),  # a busy machine takes a minute to load what fails
    Incident("latency-rise", settings=CANARY),
    Incident("server-frozen", seconds=40.0, settings=CANARY),
    Incident("metrics-gone", seconds=120.0),
    Incident("version-swap", options=(("model", "progression"),)),
    Incident("input-drift", "digits", seconds=300.0),
)


@dataclass(frozen=True, slots=True)
class Told:
    """How a rollout with an incident ended. ``after_s``: from the incident to the end, or to the hold."""

    operation: Operation
    held: LiveStage | None
    after_s: float

    def words(self) -> str:
        if self.held is not None:
            return f"held after {self.after_s:.1f} s: {self.held.note}"
        problem = self.operation.problem
        why = "" if problem is None else f" [{problem.code}] {problem.what}"
        return f"{self.operation.phase.value} after {self.after_s:.1f} s: {self.operation.summary}{why}"


def wait_for_traffic(watcher: Watcher, service: str) -> None:
    """Until the engine knows who answers and how many ask."""
    until(
        f"{service} is seen with its traffic",
        lambda: (
            (s := watcher.service(service)).presence.health == "ok"
            and s.use.health != "unknown"
            and s.traffic_per_s is not None
        ),
    )


def begin(watcher: Watcher, service: str, version: str, settings: RolloutSettings) -> str:
    wait_for_traffic(watcher, service)
    return watcher.deploy(service, version, "a staged rollout on the fleet", settings)


def ended(watcher: Watcher, operation: str) -> Operation:
    """The operation at its end; held stages are no end."""
    found: Operation = until(
        "the rollout ends", lambda: (op := watcher.operation(operation)) and op.phase.ended and op, PATIENCE_S
    )
    return found


def in_stage(watcher: Watcher, operation: str) -> Any:
    """The live stage once its judge has looked, or the operation when it ended before one began."""

    def found() -> Any:
        op = watcher.operation(operation)
        return op is not None and (op.phase.ended or (op.live is not None and op.live.judgement is not None)) and op

    return until("a stage is judged", found, PATIENCE_S)


def strike(fleet: RunningFleet, watcher: Watcher, incident: Incident) -> Told:
    """Begin a canary that waits at its first stage, let the incident happen there, and wait for what comes of it."""
    patient = replace(incident.settings, min_s=900.0, max_s=1200.0)  # whatever ends it, its own success does not
    operation = begin(watcher, incident.service, incident.version, patient)
    found = in_stage(watcher, operation)
    if found.phase.ended:
        return Told(found, None, 0.0)
    sandbox.play_fault(fleet.home, incident.fault, incident.seconds, **dict(incident.options))
    struck = time.monotonic()

    def over() -> Any:
        op = watcher.operation(operation)
        return op is not None and (op.phase.ended or (op.live is not None and op.live.state == "held")) and op

    last: Operation = until(f"{incident.fault} has consequences", over, incident.seconds + PATIENCE_S)
    after_s = time.monotonic() - struck
    return Told(last, None if last.phase.ended else last.live, after_s)

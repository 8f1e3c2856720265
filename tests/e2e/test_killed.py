"""`kill -9` of the engine in the middle of a deploy on the real fleet: the next start says the truth and settles it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlcontrol.core import rollout
from mlcontrol.core.operation import Operation, Phase, StepState
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.conftest import Watcher, kill, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SERVICE = "progression"


@pytest.fixture
def watcher(fleet: RunningFleet) -> Iterator[Watcher]:
    watching = Watcher(fleet.workspace)
    yield watching
    watching.close()


def begin(watcher: Watcher, version: str) -> str:
    until("the service is seen", lambda: watcher.service(SERVICE).presence.health == "ok")
    return watcher.deploy(SERVICE, version, "a test of the crash")


def at(operation: Operation | None, step: str) -> bool:
    return operation is not None and any(s.id == step and s.state is not StepState.WAITING for s in operation.steps)


@pytest.mark.parametrize("step", [rollout.LOAD, rollout.GOLDEN, rollout.ROUTE])
def test_the_engine_is_killed_in_the_middle_of_a_deploy(fleet: RunningFleet, watcher: Watcher, step: str) -> None:
    operation = begin(watcher, "3")
    until(f"the deploy reaches {step}", lambda: at(watcher.operation(operation), step))
    kill(watcher.engine_pid)

    again = Watcher(fleet.workspace)
    try:
        found = until("the operation is told", lambda: again.operation(operation))
        assert found.phase is not Phase.RUNNING, "nobody has looked yet what a dead engine left"
        settled = until(
            "the operation is settled",
            lambda: (op := again.operation(operation)) and op.phase.ended and op.phase is not Phase.UNRESOLVED and op,
        )
        served = "3" if settled.phase is Phase.DONE else "2"
        assert settled.phase in (Phase.DONE, Phase.REFUSED, Phase.RETURNED)
        until(
            f"v{served} answers and everything agrees",
            lambda: (
                (s := again.service(SERVICE)).intended.versions == (served,)
                and s.presence.text.startswith(f"v{served} answers")
            ),
        )
        verdict = again.ask(m.VerifyAudit(request=new_request())).verdict
        assert verdict.ok, verdict.why
        rows = again.ask(m.QueryAudit(request=new_request(), limit=500)).rows
        assert sum(r.operation == operation and r.action == "deploy.outcome" for r in rows) == 1
    finally:
        again.close()


def test_the_engine_outlives_the_shell_that_started_a_deploy(fleet: RunningFleet, watcher: Watcher) -> None:
    operation = begin(watcher, "3")
    pid = watcher.engine_pid
    watcher.close()
    again = Watcher(fleet.workspace)
    try:
        assert again.engine_pid == pid
        done = until("the deploy ends", lambda: (op := again.operation(operation)) and op.phase.ended and op)
        assert done.phase is Phase.DONE, done.problem
    finally:
        again.close()

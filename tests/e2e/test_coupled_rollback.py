"""A version, its threshold and its traffic go together, there and back, on the real registry, server and router."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit

from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox import router
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.conftest import Watcher, stop_engine, until
from tests.e2e.coupled_registry import SERVICE, Registry, model_of, registered

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

THRESHOLD = model_of("threshold")


@pytest.fixture
def registry(fleet: RunningFleet) -> Iterator[Registry]:
    """Thresholds of their own versions: 1 belongs to version 2 of the model, 2 to version 3."""
    with registered(fleet, ("threshold",), {}) as made:
        yield made


@pytest.fixture
def workspace(fleet: RunningFleet) -> Iterator[Path]:
    """The fleet's own, with what is coupled; beside it, for the paths in it."""
    document = tomlkit.parse(fleet.workspace.read_text())
    document["services"][SERVICE]["coupled"] = {"threshold": {"model": THRESHOLD}}  # type: ignore[index]
    path = fleet.layout.fleet / "coupled.toml"
    path.write_text(tomlkit.dumps(document))
    yield path
    stop_engine(path)
    path.unlink()


def walk(watcher: Watcher, kind: OperationKind, version: str | None) -> Operation:
    plan = watcher.ask(
        m.MakePlan(
            request=new_request(), kind=kind, service=SERVICE, version=version, express=kind is OperationKind.ROLLBACK
        )
    )
    operation = f"{kind.value}-{time.monotonic_ns()}"
    watcher.ask(
        m.Execute(
            request=new_request(), operation=operation, plan_hash=plan.plan_hash, reason="together", actor="ann",
            accept_unknown=True,
        )
    )  # fmt: skip
    found: Operation = until(
        f"{kind.value} ends", lambda: (op := watcher.operation(operation)) and op.phase.ended and op
    )
    return found


def test_the_threshold_goes_with_its_version_there_and_back(
    fleet: RunningFleet, registry: Registry, workspace: Path
) -> None:
    watcher = Watcher(workspace)
    try:
        until("the service is seen", lambda: watcher.service(SERVICE).presence.health == "ok")
        there = walk(watcher, OperationKind.DEPLOY, "3")
        assert there.phase is Phase.DONE, there.problem
        order = [step.id for step in there.steps]
        assert order.index("route") + 1 == order.index("part-threshold") == order.index("verify") - 1
        assert next(s.detail for s in there.steps if s.id == "part-threshold").endswith("champion reads back as v2")
        assert registry.champion(THRESHOLD) == "2"
        back = walk(watcher, OperationKind.ROLLBACK, None)
        assert back.phase is Phase.DONE, back.problem
        assert (back.to_version, registry.champion(THRESHOLD)) == ("2", "1")
        port = fleet.ports["router_admin"]
        assert router.live(fleet.layout, port, router.VERSIONS)[f"{SERVICE}-stable"] == "2"
        assert watcher.ask(m.VerifyAudit(request=new_request())).verdict.ok
    finally:
        watcher.close()

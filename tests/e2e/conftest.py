"""A real fleet, a real engine process, and what a test needs to see of both."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.operation import Operation, OperationKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.state import FleetState
from mlcontrol.engine import messages as m
from mlcontrol.engine.folding import folded
from mlcontrol.engine.hosts import Host, attach, new_request
from mlcontrol.testing.fleet import RunningFleet, running_fleet, shared_servers

__all__ = ["running_fleet", "shared_servers"]

WITHIN_S = 180.0


class Watcher:
    """A second shell on the same engine: reads what a person would see, never acts."""

    def __init__(self, workspace: Path) -> None:
        self.state: FleetState | None = None
        self.hello: m.Hello | None = None
        self.host: Host = attach(workspace, self._on_event, None)
        until("the engine tells its state", lambda: self.state is not None)

    def _on_event(self, event: m.Event) -> None:
        if isinstance(event, m.Hello):
            self.hello = event
        self.state, _ = folded(self.state, event)

    @property
    def engine_pid(self) -> int:
        assert self.hello is not None
        return self.hello.pid

    def operation(self, operation_id: str) -> Operation | None:
        assert self.state is not None
        return self.state.operations.get(operation_id)

    def service(self, service_id: str) -> Any:
        assert self.state is not None
        return self.state.services[service_id]

    def ask(self, command: m.Command, timeout_s: float = WITHIN_S) -> Any:
        return self.host.ask(command, timeout_s)

    def deploy(self, service: str, version: str, reason: str, rollout: RolloutSettings | None = None) -> str:
        """Plan it and start it, as a person would who accepts what is unknown; the operation's id."""
        plan = self.ask(
            m.MakePlan(
                request=new_request(), kind=OperationKind.DEPLOY, service=service, version=version, rollout=rollout
            )
        )
        operation = uuid.uuid4().hex
        self.ask(
            m.Execute(
                request=new_request(),
                operation=operation,
                plan_hash=plan.plan_hash,
                reason=reason,
                actor="test",
                accept_unknown=True,
            )
        )
        return operation

    def close(self) -> None:
        self.host.close()


def until(what: str, condition: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
    """Wait for a condition; fails naming it."""
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end, f"did not come within {within_s:g} s: {what}"
        time.sleep(0.05)
    return found


def stop_engine(workspace: Path) -> None:
    """End the workspace's engine, if one runs, and wait until it is gone."""
    try:
        watcher = Watcher(workspace) if _runs(workspace) else None
    except (ProblemError, AssertionError):
        return
    if watcher is None:
        return
    pid = watcher.engine_pid
    watcher.ask(m.StopEngine(request=new_request(), force=True))
    watcher.close()
    until("the engine ends", lambda: not alive(pid))


def _runs(workspace: Path) -> bool:
    try:
        attach(workspace, None, None, start=False).close()
    except ProblemError:
        return False
    return True


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - a file of the kernel
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it may end while its file is read
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(f"process {pid} is gone", lambda: not alive(pid))


@pytest.fixture
def fleet(running_fleet: RunningFleet) -> Iterator[RunningFleet]:
    """As after the first start, with an empty memory; the engine is ended afterwards."""
    running_fleet.back_to_start()
    running_fleet.forget()
    yield running_fleet
    stop_engine(running_fleet.workspace)
    running_fleet.back_to_start()

"""The commands on a real fleet, through an engine process that the first of them starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.problem import ProblemError
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import attach, new_request
from mlcontrol.testing.fleet import RunningFleet

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

WITHIN_S = 150.0
LOAD_WITHIN_S = 180.0  # a cold load on a busy machine takes its time
Run = Callable[..., Any]


@pytest.fixture
def fleet(running_fleet: RunningFleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningFleet]:
    """The fleet as after its first start; the engine that the commands have started is ended afterwards."""
    monkeypatch.setenv("MLCONTROL_WORKSPACE", str(running_fleet.workspace))
    running_fleet.back_to_start()
    running_fleet.forget()
    yield running_fleet
    stop_engine(running_fleet.workspace)
    running_fleet.back_to_start()


def stop_engine(workspace: Path) -> None:
    try:
        host = attach(workspace, None, None, start=False)
    except ProblemError:
        return
    host.ask(m.StopEngine(request=new_request(), force=True))
    host.close()
    until = time.monotonic() + WITHIN_S
    while any(thread.name == "engine-collect" for thread in threading.enumerate()):
        assert time.monotonic() < until, "the engine does not end"
        time.sleep(0.05)


def settled(run: Run, service: str, version: str) -> dict[str, Any]:
    """The service's status once it serves and uses this version; fails when that does not come."""
    until = time.monotonic() + WITHIN_S
    while True:
        (found,) = run("status", service, "--format", "json").documents[0]["services"]
        if found["intended"]["versions"] == [version] and found["presence"]["text"].startswith(f"v{version} answers"):
            return dict(found)
        assert time.monotonic() < until, found


def fields(row: dict[str, Any]) -> dict[str, Any]:
    """What an exported row says, by field."""
    return {name: entry["value"] for name, entry in row.get("fields", {}).items()}


def outcome_of(run: Run, kind: str) -> dict[str, Any]:
    """How the operation of this kind ended, as the audit log has it; fails when it does not end."""
    until = time.monotonic() + LOAD_WITHIN_S
    while True:
        rows = [
            found
            for row in run("audit", "export").documents
            if (found := fields(row)).get("action", "").startswith(f"{kind}.")
        ]
        if rows and rows[-1]["action"] == f"{kind}.outcome":
            return rows[-1]
        assert time.monotonic() < until, rows


def test_forward_and_back_with_every_row_in_the_chain(fleet: RunningFleet, run: Run) -> None:
    settled(run, "digits", "2")
    went = run("deploy", "digits", "3", "--reason", "better on test data", "--yes", "--format", "json")
    assert went.code == 0, went.err
    assert went.documents[0]["phase"] == "done"
    settled(run, "digits", "3")
    back = run("rollback", "digits", "--reason", "slow at noon", "--yes", "--format", "json")
    assert back.code == 0, back.err
    assert (back.documents[0]["from_version"], back.documents[0]["to_version"]) == ("3", "2")
    settled(run, "digits", "2")
    told = run("timeline", "--service", "digits", "--since", "1h", "--format", "json").documents[0]["events"]
    assert {"deploy", "rollback"} <= {event["kind"] for event in told}
    assert run("audit", "verify").code == 0
    rows = run("audit", "export").documents
    assert {"better on test data", "slow at noon"} <= {fields(row).get("body.reason") for row in rows}


def test_an_incompatible_version_is_refused_with_its_reason(fleet: RunningFleet, run: Run) -> None:
    settled(run, "diamond-cut", "2")
    refused = run("deploy", "diamond-cut", "4", "--reason", "try", "--yes")
    assert refused.code == 1
    assert "BLOCKED" in refused.out
    assert settled(run, "diamond-cut", "2")["served"]["versions"] == ["1", "2"]


def test_killing_the_command_leaves_the_rollout_to_the_engine(fleet: RunningFleet, run: Run) -> None:
    settled(run, "digits", "2")
    words = [sys.executable, "-m", "mlcontrol", "deploy", "digits", "3", "--reason", "go on", "--yes", "--follow"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ.copy()) as command:
        assert command.stdout is not None
        next(line for line in command.stdout if "Load beside" in line and "…" in line)
        os.kill(command.pid, signal.SIGKILL)
    outcome = outcome_of(run, "deploy")
    assert outcome["body.phase"] == "done", outcome
    settled(run, "digits", "3")
    assert run("audit", "verify").code == 0


def test_ctrl_c_goes_back_and_says_so(fleet: RunningFleet, run: Run) -> None:
    settled(run, "digits", "2")
    words = [sys.executable, "-m", "mlcontrol", "deploy", "digits", "3", "--reason", "stop me", "--yes", "--follow"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ.copy()) as command:
        assert command.stdout is not None
        next(line for line in command.stdout if "Load beside" in line and "…" in line)
        os.kill(command.pid, signal.SIGINT)
        said = command.stdout.read()
    # A key that comes too late on a busy machine is told so; whatever happened, its words, code and state agree.
    ended = said.splitlines()[-1].split(":")[0]
    assert (ended, command.returncode) in (("aborted", 1), ("returned", 1), ("done", 0)), said
    settled(run, "digits", "3" if ended == "done" else "2")

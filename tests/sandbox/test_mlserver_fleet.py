"""The fleet with MLServer in Triton's place: everything answers, a guarded deploy and the way back, faults, a clean end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlcontrol.sandbox import fleet as sandbox, mlserver_versions, overwritten, router
from mlcontrol.sandbox.process import group_members
from mlcontrol.sandbox.wire import exchange
from mlcontrol.testing.fleet import RunningFleet, shared_servers
from tests.e2e.conftest import stop_engine

__all__ = ["shared_servers"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SERVICES = ("digits", "diamond-cut", "progression")
WITHIN_S = 180.0


@pytest.fixture(scope="module")
def fleet(shared_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    home = tmp_path_factory.mktemp("mlserver-sandbox")
    try:
        sandbox.up(home, lives_with=os.getpid(), serving="mlserver")
        yield RunningFleet(home)
    finally:
        started = [one.pid for one in sandbox.status(home).processes]
        sandbox.down(home)
    assert started
    assert not any(group_members(group) for group in started)
    assert sandbox.status(home).state == "stopped"


@pytest.fixture(autouse=True)
def no_engine_is_left(fleet: RunningFleet) -> Iterator[None]:
    """Commands leave an engine that waits for the next one. It is found by the home it was started from: each test's own."""
    yield
    stop_engine(fleet.workspace)


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def command(fleet: RunningFleet, *words: str) -> tuple[int, str]:
    """What a person types in a terminal: exit code and all that is told."""
    told = subprocess.run(
        [sys.executable, "-m", "mlcontrol", *words, "--workspace", str(fleet.workspace)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return told.returncode, told.stdout + told.stderr


def answering(fleet: RunningFleet, service: str, version: str) -> bool:
    """Whether the next entries of the log were all answered by the version."""
    known = len(fleet.predictions(service))
    if not eventually(lambda: len(fleet.predictions(service)) >= known + 8):
        return False
    return {entry["version"] for entry in fleet.predictions(service)[known + 4 :]} == {version}


def test_the_champions_answer_the_traffic(fleet: RunningFleet) -> None:
    now = sandbox.status(fleet.home)
    assert now.serving == "mlserver"
    assert {one.name for one in now.processes} >= {"mlflow", "mlserver", "router", "traffic"}
    for service in SERVICES:
        assert eventually(lambda s=service: answering(fleet, s, "2"))
        last = fleet.predictions(service)[-1]
        assert (last["status"], last["error"]) == (200, None)
        assert last["outputs"]
        assert last["slices"]
    with pytest.raises(sandbox.SandboxError, match="runs already, with mlserver"):
        sandbox.up(fleet.home, serving="triton")


def test_a_guarded_deploy_and_the_way_back_by_command(fleet: RunningFleet) -> None:
    code, deployed = command(fleet, "deploy", "digits", "3", "--reason", "all offices", "--yes")
    assert code == 0, deployed
    assert eventually(lambda: answering(fleet, "digits", "3"))
    code, back = command(fleet, "rollback", "digits", "--reason", "a drill", "--yes")
    assert code == 0, back
    assert eventually(lambda: answering(fleet, "digits", "2"))
    code, audit = command(fleet, "audit", "verify")
    assert code == 0, audit


@pytest.mark.parametrize(
    ("service", "version", "reason", "more"),
    [
        ("digits", "5", "StrokeWidth", ["--accept-unknown"]),  # the real server refuses to load it, in its own words
        ("progression", "4", "keep the old name", []),
        ("diamond-cut", "5", "golden", []),
    ],
)
def test_bad_versions_are_refused_and_nothing_moves(
    fleet: RunningFleet, service: str, version: str, reason: str, more: list[str]
) -> None:
    before = mlserver_versions.loaded(fleet.ports["mlserver"])[service]
    code, refused = command(fleet, "deploy", service, version, "--reason", "a try", "--yes", *more)
    assert code == 1, refused
    assert reason in refused
    assert mlserver_versions.loaded(fleet.ports["mlserver"])[service] == before
    assert mlserver_versions.on_disk(fleet.layout, service)[int(version)] is False
    assert eventually(lambda: answering(fleet, service, "2"))


def test_a_version_that_reads_another_input_does_not_load_and_the_others_stay(fleet: RunningFleet) -> None:
    with pytest.raises(RuntimeError, match=r"did not load .*reads inputs \['ltg'\] that its endpoint does not have"):
        mlserver_versions.set_versions(fleet.layout, fleet.ports["mlserver"], "progression", [1, 2, 4])
    assert mlserver_versions.loaded(fleet.ports["mlserver"])["progression"] == [1, 2]
    assert mlserver_versions.on_disk(fleet.layout, "progression")[4] is False


def test_the_faults_are_real_here_too(fleet: RunningFleet) -> None:
    sandbox.play_fault(fleet.home, "error-burst")
    assert eventually(lambda: any(entry["status"] == 500 for entry in fleet.predictions("diamond-cut")[-20:]))
    failed = [entry for entry in fleet.predictions("diamond-cut") if entry["status"] == 500]
    assert {entry["inputs"]["color"] for entry in failed} == {"G"}
    sandbox.clear_faults(fleet.home)
    assert eventually(lambda: answering(fleet, "diamond-cut", "2"))
    assert mlserver_versions.loaded(fleet.ports["mlserver"])["diamond-cut"] == [1, 2]
    sandbox.play_fault(fleet.home, "server-frozen")
    with pytest.raises(OSError):
        exchange(fleet.ports["mlserver"], "GET", "/v2/health/live", timeout_s=1.0)
    sandbox.clear_faults(fleet.home)
    assert exchange(fleet.ports["mlserver"], "GET", "/v2/health/live")[0] == 200
    sandbox.play_fault(fleet.home, "metrics-gone")
    with pytest.raises(OSError):
        exchange(fleet.ports["mlserver_metrics"], "GET", "/metrics")
    sandbox.clear_faults(fleet.home)
    assert "model_infer_request_success_total" in exchange(fleet.ports["mlserver_metrics"], "GET", "/metrics")[1]


def test_a_burst_in_the_version_that_is_tried_is_real_here_too(fleet: RunningFleet) -> None:
    port = fleet.ports["router_admin"]
    mlserver_versions.set_versions(fleet.layout, fleet.ports["mlserver"], "diamond-cut", [1, 2, 3])
    router.set_entry(fleet.layout, port, router.VERSIONS, "diamond-cut-canary", "3")
    router.set_entry(fleet.layout, port, router.SHARES, "diamond-cut", "50")
    known = len(fleet.predictions("diamond-cut"))
    try:
        sandbox.play_fault(fleet.home, "error-burst")
        assert eventually(lambda: any(entry["status"] == 500 for entry in fleet.predictions("diamond-cut")[known:]))
        assert router.live(fleet.layout, port, router.VERSIONS)["diamond-cut-stable"] == "2"
    finally:
        sandbox.clear_faults(fleet.home)
        router.set_entry(fleet.layout, port, router.SHARES, "diamond-cut", "0")
        mlserver_versions.set_versions(fleet.layout, fleet.ports["mlserver"], "diamond-cut", [1, 2])
    assert not list(fleet.layout.mlserver_repository.glob(f"*/*/{overwritten.KEPT}"))


def test_latency_drift_and_a_swap_are_real_here_too(fleet: RunningFleet) -> None:
    def later(service: str, look: Callable[[dict[str, Any]], bool]) -> bool:
        known = len(fleet.predictions(service))
        return eventually(lambda: any(look(entry) for entry in fleet.predictions(service)[known:]))

    sandbox.play_fault(fleet.home, "latency-rise")
    assert later("digits", lambda entry: entry["status"] == 200 and entry["latency_ms"] > 100)
    sandbox.clear_faults(fleet.home)
    sandbox.play_fault(fleet.home, "input-drift")
    assert later("digits", lambda entry: entry["slices"]["region"] == "south" and min(entry["inputs"]["image"]) == 3.0)
    drifted = [entry for entry in fleet.predictions("digits") if min(entry["inputs"]["image"]) == 3.0]
    assert {entry["slices"]["region"] for entry in drifted} == {"south"}
    sandbox.clear_faults(fleet.home)
    sandbox.play_fault(fleet.home, "version-swap")
    assert later("digits", lambda entry: entry["version"] not in ("2", None))
    sandbox.clear_faults(fleet.home)
    assert eventually(lambda: answering(fleet, "digits", "2"))

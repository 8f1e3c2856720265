"""The fleet's life: traffic, labels, faults, joining, crash, stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tomlkit

from mlcontrol.sandbox import fleet as sandbox, jsonfile, overwritten, repository, router
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.process import group_members, state_of
from mlcontrol.sandbox.servers import MODELS
from mlcontrol.sandbox.wire import answers
from mlcontrol.testing.fleet import RunningFleet

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def fleet(running_fleet: RunningFleet) -> Iterator[RunningFleet]:
    yield running_fleet
    running_fleet.back_to_start()
    sandbox.set_traffic(running_fleet.home, 8)


def eventually(condition: Callable[[], bool], limit_s: float = 120.0) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def later(fleet: RunningFleet, service: str, count: int = 30) -> list[dict[str, object]]:
    """The next ``count`` entries of a service's prediction log."""
    known = len(fleet.predictions(service))
    assert eventually(lambda: len(fleet.predictions(service)) >= known + count)
    return fleet.predictions(service)[known:]


def soon(
    fleet: RunningFleet, service: str, look: Callable[[list[dict[str, object]]], bool], count: int = 30
) -> list[dict[str, object]]:
    """The first ``count`` entries in a row that look as wanted: what was on its way before is let pass."""
    for _ in range(20):
        entries = later(fleet, service, count)
        if look(entries):
            break
    return entries


def versions_of(entries: list[dict[str, object]]) -> set[object]:
    return {entry["version"] for entry in entries}


def test_traffic_is_answered_by_the_champion_and_logged(fleet: RunningFleet) -> None:
    for service in ("digits", "diamond-cut", "progression"):
        entries = later(fleet, service)
        assert {(entry["status"], entry["version"], entry["error"]) for entry in entries} == {(200, "2", None)}
        assert all(entry["outputs"] and entry["slices"] and entry["latency_ms"] for entry in entries)


def test_labels_arrive_late_and_join_the_predictions(fleet: RunningFleet) -> None:
    assert eventually(lambda: len(fleet.labels("digits")) >= 60, 240)
    predictions = {entry["request_id"]: entry for entry in fleet.predictions("digits")}
    labels = fleet.labels("digits")
    assert {label["request_id"] for label in labels} <= set(predictions)
    right = [label["label"] == predictions[label["request_id"]]["outputs"]["digit"] for label in labels]
    assert sum(right) / len(right) > 0.6


def test_the_canary_share_splits_traffic_by_version(fleet: RunningFleet) -> None:
    port = fleet.ports["router_admin"]
    repository.set_versions(fleet.ports["triton"], "digits", [1, 2, 3])
    router.set_entry(fleet.layout, port, router.VERSIONS, "digits-canary", "3")
    router.set_entry(fleet.layout, port, router.SHARES, "digits", "50")
    entries = soon(fleet, "digits", lambda found: versions_of(found) == {"2", "3"}, 60)
    versions = [entry["version"] for entry in entries]
    assert set(versions) == {"2", "3"}
    assert 0.2 < versions.count("3") / len(versions) < 0.8


def test_traffic_follows_the_rate_and_can_be_stopped(fleet: RunningFleet) -> None:
    sandbox.set_traffic(fleet.home, 0)

    def quiet() -> bool:
        before = len(fleet.predictions("digits"))
        time.sleep(1.5)  # a dozen requests at the rate before
        return len(fleet.predictions("digits")) == before

    assert eventually(quiet)
    with pytest.raises(sandbox.SandboxError, match="not between"):
        sandbox.set_traffic(fleet.home, -1)


def test_a_second_up_joins_the_running_fleet(fleet: RunningFleet) -> None:
    before = sandbox.status(fleet.home)
    assert sandbox.up(fleet.home).supervisor_pid == before.supervisor_pid


def test_the_workspace_keeps_what_a_person_wrote(fleet: RunningFleet) -> None:
    document = tomlkit.parse(fleet.workspace.read_text())
    assert set(document["services"]) == {"digits", "diamond-cut", "progression"}
    assert str(fleet.ports["triton"]) in document["connections"]["triton"]["url"]
    assert set(document["connections"]["router"]["options"]) == {"admin", "version_map", "share_map"}


def test_fault_latency_rise(fleet: RunningFleet) -> None:
    sandbox.play_fault(fleet.home, "latency-rise")
    slow = soon(fleet, "digits", lambda found: sum(entry["latency_ms"] > 100 for entry in found) >= 4, 40)
    assert sorted(entry["latency_ms"] for entry in slow)[-4] > 100
    assert {entry["status"] for entry in slow} == {200}


def test_fault_error_burst_and_its_undo(fleet: RunningFleet) -> None:
    sandbox.play_fault(fleet.home, "error-burst")
    entries = soon(fleet, "diamond-cut", lambda found: versions_of(found) == {"6", None}, 60)
    assert versions_of(entries) == {"6", None}
    assert {entry["inputs"]["color"] for entry in entries if entry["status"] == 500} == {"G"}
    sandbox.clear_faults(fleet.home)
    assert versions_of(soon(fleet, "diamond-cut", lambda found: versions_of(found) == {"2"})) == {"2"}
    assert repository.loaded(fleet.ports["triton"])["diamond-cut"] == [1, 2]


def test_fault_error_burst_during_a_rollout_is_in_the_version_that_is_tried(fleet: RunningFleet) -> None:
    """The router is left alone: that somebody else moves it is another incident."""
    port = fleet.ports["router_admin"]
    repository.set_versions(fleet.ports["triton"], "diamond-cut", [1, 2, 3])
    router.set_entry(fleet.layout, port, router.VERSIONS, "diamond-cut-canary", "3")
    router.set_entry(fleet.layout, port, router.SHARES, "diamond-cut", "50")
    try:
        soon(fleet, "diamond-cut", lambda found: versions_of(found) == {"2", "3"}, 30)
        roads = router.live(fleet.layout, port, router.VERSIONS)
        sandbox.play_fault(fleet.home, "error-burst")
        entries = soon(fleet, "diamond-cut", lambda found: versions_of(found) == {"2", "3", None}, 60)
        assert {entry["inputs"]["color"] for entry in entries if entry["status"] == 500} == {"G"}
        assert any(entry["version"] == "2" and entry["inputs"]["color"] == "G" for entry in entries)
        assert router.live(fleet.layout, port, router.VERSIONS) == roads
        sandbox.clear_faults(fleet.home)
        healed = soon(
            fleet,
            "diamond-cut",
            lambda found: any(e["version"] == "3" and e["inputs"]["color"] == "G" for e in found[-20:]),
            60,
        )
        assert healed
        assert not list(fleet.layout.repository.glob(f"*/*/{overwritten.KEPT}"))
    finally:
        router.set_entry(fleet.layout, port, router.SHARES, "diamond-cut", "0")


def test_fault_input_drift_shifts_one_region(fleet: RunningFleet) -> None:
    sandbox.play_fault(fleet.home, "input-drift")

    def lowest(entries: list[dict[str, object]]) -> dict[str, float]:
        return {
            region: min(min(entry["inputs"]["image"]) for entry in found)
            for region, found in by_region(entries).items()
        }

    found = lowest(soon(fleet, "digits", lambda entries: lowest(entries).get("south") == 3.0, 60))
    assert found.pop("south") == 3.0
    assert set(found.values()) == {0.0}


def by_region(entries: list[dict[str, object]]) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for entry in entries:
        found.setdefault(entry["slices"]["region"], []).append(entry)
    return found


def fault_state(fleet: RunningFleet, name: str) -> str:
    return next(fault.state for fault in sandbox.status(fleet.home).faults if fault.name == name)


def test_fault_server_frozen_ends_by_itself(fleet: RunningFleet) -> None:
    triton = next(one.pid for one in sandbox.status(fleet.home).processes if one.name == "triton")
    sandbox.play_fault(fleet.home, "server-frozen", duration_s=8)
    assert state_of(triton) == "T"
    assert not answers(fleet.ports["triton"], "/v2/health/live")
    assert eventually(lambda: state_of(triton) != "T")
    assert eventually(lambda: answers(fleet.ports["triton"], "/v2/health/live"))
    assert eventually(lambda: fault_state(fleet, "server-frozen") == "ended")


def test_fault_metrics_gone(fleet: RunningFleet) -> None:
    assert answers(fleet.ports["triton_metrics"], "/metrics")
    sandbox.play_fault(fleet.home, "metrics-gone", endpoint="triton")
    assert not answers(fleet.ports["triton_metrics"], "/metrics")
    assert answers(fleet.ports["router_metrics"], "/metrics")
    assert answers(fleet.ports["triton"], "/v2/health/live")
    sandbox.clear_faults(fleet.home)
    assert answers(fleet.ports["triton_metrics"], "/metrics")


def test_fault_version_swap_is_not_kept_for_the_next_start(fleet: RunningFleet) -> None:
    sandbox.play_fault(fleet.home, "version-swap")
    assert versions_of(soon(fleet, "digits", lambda found: versions_of(found) == {"1"})) == {"1"}
    assert eventually(
        lambda: router.live(fleet.layout, fleet.ports["router_admin"], router.VERSIONS)["digits-stable"] == "1"
    )
    assert router.saved(fleet.layout, router.VERSIONS)["digits-stable"] == "2"


def test_an_unknown_fault_or_option_is_refused(fleet: RunningFleet) -> None:
    with pytest.raises(sandbox.SandboxError, match="no fault named"):
        sandbox.play_fault(fleet.home, "meteor")
    with pytest.raises(sandbox.SandboxError, match="no option"):
        sandbox.play_fault(fleet.home, "server-frozen", colour="G")


@pytest.fixture
def own_home(shared_servers: None, tmp_path: Path) -> Iterator[Path]:
    """A home of the test's own, whose fleet loads the champions only and so starts sooner."""
    layout = Layout.of(tmp_path)
    layout.fleet.mkdir()
    jsonfile.write(layout.served, {model: [2] for model in MODELS})
    yield tmp_path
    sandbox.down(tmp_path)


def groups(home: Path) -> list[int]:
    return [one.pid for one in sandbox.status(home).processes]


def test_a_killed_supervisor_leaves_nothing_running_even_a_frozen_server(own_home: Path) -> None:
    now = sandbox.up(own_home)
    started = groups(own_home)
    sandbox.play_fault(own_home, "server-frozen")
    os.kill(now.supervisor_pid, signal.SIGKILL)
    assert eventually(lambda: not any(group_members(group) for group in started))
    assert sandbox.status(own_home).state == "stopped"
    assert "unexpectedly" in sandbox.status(own_home).message


def test_down_leaves_nothing_and_a_second_up_serves_what_was_served(own_home: Path) -> None:
    sandbox.up(own_home)
    running = RunningFleet(own_home)
    repository.set_versions(running.ports["triton"], "digits", [2, 3])
    router.set_entry(running.layout, running.ports["router_admin"], router.VERSIONS, "digits-stable", "3")
    started, edited = groups(own_home), running.workspace.read_text() + "\n# mine\n"
    running.workspace.write_text(edited)
    sandbox.down(own_home)
    assert not any(group_members(group) for group in started)
    assert sandbox.status(own_home).state == "stopped"

    said: list[str] = []
    sandbox.up(own_home, said.append)
    assert not any("nstalling" in line or "registering" in line for line in said)
    assert repository.loaded(running.ports["triton"])["digits"] == [2, 3]
    assert {entry["version"] for entry in later(running, "digits", 10)} == {"3"}
    assert running.workspace.read_text().endswith("# mine\n")


def test_up_sweeps_what_a_crash_of_everything_left(own_home: Path) -> None:
    now = sandbox.up(own_home)
    keeper = next(one.pid for one in now.processes if one.name == "keeper")
    os.kill(keeper, signal.SIGKILL)
    os.kill(now.supervisor_pid, signal.SIGKILL)
    orphans = [group for group in groups(own_home) or [one.pid for one in now.processes] if group_members(group)]
    assert orphans
    again = sandbox.up(own_home)
    assert again.supervisor_pid != now.supervisor_pid
    assert not any(group_members(group) for group in orphans)


def test_a_dead_server_is_reported_not_restarted(own_home: Path) -> None:
    now = sandbox.up(own_home)
    os.kill(next(one.pid for one in now.processes if one.name == "router"), signal.SIGKILL)
    assert eventually(lambda: sandbox.status(own_home).state == "degraded")
    assert "router" in sandbox.status(own_home).message


def test_a_fleet_that_lives_with_a_process_ends_with_it(own_home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        started = [one.pid for one in sandbox.up(own_home, lives_with=owner.pid).processes]
        owner.communicate(b"end\n")
    assert eventually(lambda: sandbox.status(own_home).state == "stopped")
    assert not any(group_members(group) for group in started)


def naming(home: Path) -> list[str]:
    """Command lines of all processes that speak of this home, but those of the tests themselves."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(home) in words and "pytest" not in words.split(str(home))[0]:
                found.append(words)
    return found


def test_ctrl_c_during_up_leaves_nothing(shared_servers: None, tmp_path: Path) -> None:
    # Whoever starts the tests in the background has them ignore the signal, and what they start as well.
    listening = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)"
    begin = f"from pathlib import Path\nfrom mlcontrol.sandbox import fleet\nfleet.up(Path({str(tmp_path)!r}), print)"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", f"{listening}\n{begin}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as caller:
        assert caller.stdout is not None
        # Early: the registry alone needs seconds to start, so even a slow machine is asked to stop in the middle of `up`.
        while "Starting" not in caller.stdout.readline():
            assert caller.poll() is None
        assert eventually(lambda: bool(groups(tmp_path)))
        started = groups(tmp_path)
        caller.send_signal(signal.SIGINT)
        caller.communicate(timeout=300)
    assert started
    assert eventually(lambda: not any(group_members(group) for group in started), 30.0)
    assert eventually(lambda: not naming(tmp_path), 30.0), "what was just being started is ended too"
    assert sandbox.status(tmp_path).state == "stopped"

"""The sandbox's parts that need no server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tomlkit

from mlcontrol.sandbox import (
    board,
    environment,
    faults,
    fleet,
    interpreter,
    jsonfile,
    mlserver_versions,
    model_server,
    overwritten,
    ports,
    router,
    servers,
    workspace,
)
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.process import ProcessId, end_group, group_members, start
from mlcontrol.sandbox.relay import Relays
from mlcontrol.sandbox.traffic import HourlyLog, LateLabels, drifted
from mlcontrol.store.workspace import read_workspace

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(SLEEPER, tmp_path / "child.log")
    yield process
    process.kill()
    process.wait()


def test_a_child_is_ended_with_its_group_even_when_stopped(child: subprocess.Popen[bytes]) -> None:
    os.kill(child.pid, signal.SIGSTOP)
    end_group(ProcessId.of(child.pid))
    assert not group_members(child.pid)


def test_a_process_with_the_same_id_but_another_start_is_left_alone(child: subprocess.Popen[bytes]) -> None:
    own = ProcessId.of(child.pid)
    end_group(ProcessId(own.pid, own.started + 1))
    assert own.alive()


def test_the_keeper_ends_children_when_its_input_closes(child: subprocess.Popen[bytes]) -> None:
    own = ProcessId.of(child.pid)
    keeper = subprocess.run(
        [sys.executable, "-m", "mlcontrol.sandbox.keeper"],
        input=f"{own.pid} {own.started}\n".encode(),
        timeout=120,
        check=True,
    )
    assert keeper.returncode == 0
    assert not own.alive()


def test_ports_are_kept_when_free_and_changed_when_taken() -> None:
    first = ports.choose({}, "triton")
    assert len(set(first.values())) == len(ports.names("triton"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first["triton"]))
        taken.listen()
        again = ports.choose(first, "triton")
    assert again["triton"] != first["triton"]
    assert {name: port for name, port in again.items() if name != "triton"} == {
        name: port for name, port in first.items() if name != "triton"
    }


def test_a_relay_forwards_closes_and_opens_again() -> None:
    relays, [front, back] = Relays(), list(ports.choose({}, "triton").values())[:2]
    with socket.create_server(("127.0.0.1", back)) as server:
        threading.Thread(target=echo, args=(server, 2), daemon=True).start()
        relays.open(front, back)
        assert say(front, b"one") == b"one"
        relays.close(front)
        with pytest.raises(ConnectionRefusedError):
            say(front, b"two")
        relays.open(front, back)
        assert say(front, b"three") == b"three"
    relays.end()


def echo(server: socket.socket, times: int) -> None:
    for _ in range(times):
        connection, _ = server.accept()
        with connection:
            connection.sendall(connection.recv(100))


def say(port: int, words: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(100)


def test_drift_scales_shifts_and_stays_in_range() -> None:
    assert drifted(10.0, {"scale": 1.5, "add": 1.0}) == 16.0
    assert drifted([0.0, 15.0], {"add": 3.0, "max": 16.0}) == [3.0, 16.0]
    assert drifted("G", None) == "G"


def test_old_hours_of_a_log_are_removed_and_young_ones_kept(tmp_path: Path) -> None:
    log, now = HourlyLog(tmp_path), datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
    for hours in (30, 25, 20, 0):
        log.append(now - timedelta(hours=hours), {"hours": hours})
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["20261122T15", "20261123T11"]


def test_labels_on_their_way_survive_a_restart(tmp_path: Path) -> None:
    pending = tmp_path / "pending.json"
    jsonfile.write(pending, [[0.0, "due", "Ideal"], [4e9, "later", "Good"]])
    labels = LateLabels(HourlyLog(tmp_path / "labels"), pending)
    labels.deliver()
    [file] = (tmp_path / "labels").iterdir()
    assert '"request_id":"due"' in file.read_text()
    labels.keep()
    assert jsonfile.read(pending) == [[4e9, "later", "Good"]]


def test_first_maps_route_the_champion_and_later_ones_are_kept(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "env")
    layout.fleet.mkdir()
    router.write_first_maps(layout)
    assert router.saved(layout, router.VERSIONS)["digits-stable"] == "2"
    router.save(layout, router.VERSIONS, {"digits-stable": "3"})
    router.write_first_maps(layout)
    assert router.saved(layout, router.VERSIONS) == {"digits-stable": "3"}


def test_the_workspace_follows_new_ports_and_keeps_edits(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "env")
    layout.fleet.mkdir()
    first = dict.fromkeys(ports.names("triton"), 20_001)
    workspace.write(layout, first, model_server.TRITON)
    layout.workspace.write_text(layout.workspace.read_text().replace("Digit reader", "Our reader"))
    before = layout.workspace.read_text()
    workspace.write(layout, first, model_server.TRITON)
    assert layout.workspace.read_text() == before
    workspace.write(layout, {**first, "mlflow": 20_002}, model_server.TRITON)
    assert layout.workspace.read_text() == before.replace('"http://127.0.0.1:20001"', '"http://127.0.0.1:20002"', 1)


def test_a_new_fleet_in_an_old_place_has_a_store_of_its_own(tmp_path: Path) -> None:
    """Else the audit log of the one before, whose last root is kept elsewhere, would seem to be cut off."""
    layout = Layout(tmp_path, tmp_path / "env")
    layout.fleet.mkdir()
    stores = set()
    for _ in range(2):
        workspace.write(layout, dict.fromkeys(ports.names("triton"), 20_001), model_server.TRITON)
        stores.add(read_workspace(layout.workspace).store)
        layout.workspace.unlink()
    assert len(stores) == 2
    assert all(store.startswith("sqlite:///panel-") for store in stores)


def test_a_fault_ends_at_its_time_on_request_and_is_begun_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def begin(_stage: faults.Stage, options: dict[str, str]) -> faults.Undo:
        if options.get("refuse"):
            raise RuntimeError("no")
        if options.get("slow"):
            time.sleep(0.05)  # a model that loads
        seen.append("begun")
        return lambda: seen.append("undone")

    monkeypatch.setitem(board.BY_NAME, "quake", faults.Fault("quake", "It shakes.", "", 600.0, begin))
    relays = Relays()
    stage, faultboard = faults.Stage(Layout(tmp_path, tmp_path), {}, relays, model_server.TRITON, 0), board.FaultBoard()
    wish = {"quake": {"id": "1", "duration_s": None, "options": {}}}
    assert faultboard.follow(wish, stage)
    assert not faultboard.follow(wish, stage)
    faultboard.follow({}, stage)
    assert seen == ["begun", "undone"]
    faultboard.follow({"quake": {"id": "2", "duration_s": 1e-9, "options": {}}}, stage)
    assert [entry["state"] for entry in faultboard.as_record()] == ["ended"]
    faultboard.follow({"quake": {"id": "4", "duration_s": 0.04, "options": {"slow": "yes"}}}, stage)
    assert [entry["state"] for entry in faultboard.as_record()] == ["active"]  # its time begins when it is there
    faultboard.follow({"quake": {"id": "3", "options": {"refuse": "yes"}}}, stage)
    assert [(entry["state"], entry["message"]) for entry in faultboard.as_record()] == [("failed", "no")]
    relays.end()


def test_a_record_without_its_supervisor_counts_as_stopped(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    layout.fleet.mkdir()
    own = ProcessId.of(os.getpid())
    record = {
        "state": "running",
        "message": "",
        "ports": {},
        "processes": [],
        "faults": [],
        "traffic_rate_per_s": 8.0,
        "supervisor": {"pid": own.pid, "started": own.started},
    }
    jsonfile.write(layout.record, record)
    assert fleet.status(tmp_path).state == "running"
    jsonfile.write(layout.record, {**record, "supervisor": {"pid": own.pid, "started": own.started + 1}})
    assert fleet.status(tmp_path).state == "stopped"


def test_nothing_can_be_asked_of_a_fleet_that_is_not_there(tmp_path: Path) -> None:
    assert fleet.status(tmp_path).state == "absent"
    with pytest.raises(fleet.SandboxError, match="not running"):
        fleet.set_traffic(tmp_path, 8)
    fleet.down(tmp_path)


def machine(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: tuple[str, str]) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: libc)


@pytest.mark.parametrize(
    ("hardware", "libc"),
    [
        ("riscv64", ("glibc", "2.36")),
        ("x86_64", ("glibc", "2.31")),
        ("x86_64", ("", "")),
        ("aarch64", ("glibc", "2.34")),
    ],
)
def test_mlserver_stands_in_where_triton_has_no_build(
    monkeypatch: pytest.MonkeyPatch, hardware: str, libc: tuple[str, str]
) -> None:
    machine(monkeypatch, "linux", hardware, libc)
    assert model_server.choose("") is model_server.MLSERVER
    with pytest.raises(interpreter.UnsupportedError, match=f"Triton cannot run here.*{hardware}.*MLServer stands in"):
        model_server.choose("triton")


def test_triton_serves_where_it_has_a_build_unless_mlserver_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "linux", "x86_64", ("glibc", "2.35"))
    assert model_server.choose("") is model_server.TRITON
    assert model_server.choose("mlserver") is model_server.MLSERVER
    with pytest.raises(interpreter.UnsupportedError, match="Choose triton or mlserver"):
        model_server.choose("torchserve")


def test_what_is_asked_for_by_name_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLCONTROL_SANDBOX_SERVING", "mlserver")
    assert model_server.wanted(None) == "mlserver"
    assert model_server.wanted("triton") == "triton"
    monkeypatch.delenv("MLCONTROL_SANDBOX_SERVING")
    assert model_server.wanted(None) == ""


def test_a_system_other_than_linux_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "darwin", "arm64", ("", ""))
    with pytest.raises(interpreter.UnsupportedError, match="cannot run here"):
        model_server.choose("mlserver")


def test_the_workspace_follows_the_model_server_and_keeps_edits(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "env")
    layout.fleet.mkdir()
    for server in (model_server.TRITON, model_server.MLSERVER, model_server.TRITON):
        workspace.write(layout, dict.fromkeys(ports.names(server.name), 20_001), server)
        document = tomlkit.parse(layout.workspace.read_text()).unwrap()
        other = {"triton": "mlserver", "mlserver": "triton"}[server.name]
        assert document["connections"][server.name]["adapter"] == server.name
        assert not {other, f"{other}-metrics"} & set(document["connections"])
        for service in document["services"].values():
            assert service["serving"] == [server.name]
            assert service["metrics"] == [f"{server.name}-metrics", "router-metrics"]
        if server is model_server.TRITON:
            layout.workspace.write_text(layout.workspace.read_text().replace("Digit reader", "Our reader"))
    assert "Our reader" in layout.workspace.read_text()


def test_a_version_that_mlserver_does_not_have_changes_nothing_on_the_disk(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "env")
    for version, name in ((1, mlserver_versions.SETTINGS), (2, mlserver_versions.HELD)):
        folder = layout.mlserver_repository / "digits" / str(version)
        folder.mkdir(parents=True)
        (folder / name).write_text("{}")
    with pytest.raises(RuntimeError, match=r"\[9\] are not in its repository"):
        mlserver_versions.set_versions(layout, 0, "digits", [2, 9])
    assert mlserver_versions.on_disk(layout, "digits") == {1: True, 2: False}


def test_the_path_has_the_router_where_the_environment_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = tmp_path / "env"
    env.mkdir()
    (env / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.11.2\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(interpreter.UnsupportedError, match="apt-get install haproxy"):
        servers.haproxy(Layout(tmp_path, env))
    (programs / "haproxy").write_text("#!/bin/sh\n")
    (programs / "haproxy").chmod(0o755)
    assert servers.haproxy(Layout(tmp_path, env)) == str(programs / "haproxy")


@pytest.mark.parametrize("name", ["requirements", "triton", "mlserver"])
def test_the_lock_pins_every_package_with_hashes(name: str) -> None:
    lines = environment.lock(name).read_text().splitlines()
    pins = [index for index, line in enumerate(lines) if "==" in line and not line.startswith((" ", "#"))]
    assert len(pins) >= {"requirements": 80, "triton": 1, "mlserver": 70}[name]
    assert all("--hash=sha256:" in lines[index + 1] for index in pins)


def test_both_environments_read_the_models_alike() -> None:
    """What the registry's environment writes, MLServer's reads: the same scikit-learn and skops."""

    def pinned(name: str) -> set[str]:
        return {
            line.split()[0]
            for line in environment.lock(name).read_text().splitlines()
            if line.startswith(("scikit-learn==", "skops=="))
        }

    assert len(pinned("mlserver")) == 2
    assert pinned("mlserver") == pinned("requirements")


def test_a_python_that_the_servers_cannot_use_is_replaced_by_one_that_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLCONTROL_SANDBOX_PYTHON", raising=False)
    monkeypatch.setattr(interpreter, "SUPPORTED", (f"{sys.version_info.major}.{sys.version_info.minor}",))
    assert interpreter.wanted().startswith(sys.base_prefix)
    monkeypatch.setattr(interpreter, "SUPPORTED", ())
    assert interpreter.wanted() == interpreter.FALLBACK
    monkeypatch.setenv("MLCONTROL_SANDBOX_PYTHON", "/opt/python")
    assert interpreter.wanted() == "/opt/python"


def test_a_missing_python_library_is_named_with_its_package(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("home = /nowhere/bin\nversion_info = 3.99.1\n")
    assert interpreter.version(tmp_path) == "3.99"
    with pytest.raises(interpreter.UnsupportedError, match=r"apt-get install libpython3\.99"):
        interpreter.library_folder(tmp_path)


def versions_with_models(repository: Path) -> Path:
    for version in "36":
        folder = repository / "diamond-cut" / version
        folder.mkdir(parents=True)
        (folder / overwritten.MODEL).write_text(f"model {version}")
    return repository / "diamond-cut"


def test_an_overwritten_version_is_put_back_once(tmp_path: Path) -> None:
    versions, loads = versions_with_models(tmp_path), []
    undo = overwritten.overwrite(versions, 3, 6, lambda: loads.append((versions / "3" / overwritten.MODEL).read_text()))
    undo()
    undo()
    assert loads == ["model 6", "model 3"]
    assert [path.name for path in (versions / "3").iterdir()] == [overwritten.MODEL]


def test_what_a_killed_supervisor_has_overwritten_is_put_back_before_the_next_start(tmp_path: Path) -> None:
    versions = versions_with_models(tmp_path)
    overwritten.overwrite(versions, 3, 6, lambda: None)
    overwritten.put_all_back(tmp_path)
    assert (versions / "3" / overwritten.MODEL).read_text() == "model 3"


def test_a_version_that_cannot_be_loaded_again_is_put_back_at_once(tmp_path: Path) -> None:
    versions = versions_with_models(tmp_path)

    def refused() -> None:
        raise RuntimeError("it does not load")

    with pytest.raises(RuntimeError, match="does not load"):
        overwritten.overwrite(versions, 3, 6, refused)
    assert (versions / "3" / overwritten.MODEL).read_text() == "model 3"

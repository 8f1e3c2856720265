"""The sandbox's public face: up, down, status, traffic, faults. Works without Qt; every function may be called from anywhere."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.sandbox import jsonfile, model_server
from mlcontrol.sandbox.faults import ALL, BY_NAME
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.process import ProcessId, reap, start_detached
from mlcontrol.sandbox.sweep import sweep

FAULTS = ALL
SERVING = tuple(model_server.BY_NAME)
UP = ("running", "degraded")
BUSY = ("installing", "seeding", "starting")


class SandboxError(ProblemError):
    """The sandbox could not do what was asked."""


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """``state``: "running" or "ended (CODE)"."""

    name: str
    pid: int
    state: str


@dataclass(frozen=True, slots=True)
class FaultStatus:
    """``state``: active, ended or failed (``message`` says why). ``ends_in_s``: 0 when over."""

    name: str
    state: str
    message: str
    ends_in_s: float


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """``state``: absent, installing, seeding, starting, running, degraded or stopped. ``workspace``: None until there is one."""

    state: str
    message: str = ""
    ports: dict[str, int] | None = None
    processes: tuple[ProcessStatus, ...] = ()
    workspace: Path | None = None
    traffic_rate_per_s: float = 0.0
    faults: tuple[FaultStatus, ...] = ()
    supervisor_pid: int = 0
    serving: str = ""  # the model server: triton or mlserver

    @property
    def is_up(self) -> bool:
        return self.state in UP


def silent(_line: str) -> None:
    """Progress that nobody wants to hear."""


def status(home: Path | None = None) -> FleetStatus:
    """What is true now: a record whose supervisor is gone counts as stopped."""
    layout = Layout.of(home)
    record = jsonfile.read(layout.record)
    if record is None:
        return FleetStatus("absent", "There is no sandbox yet.")
    workspace = layout.workspace if layout.workspace.is_file() else None
    if not supervisor_of(record).alive():
        message = (
            record["message"] if record["state"] == "stopped" else "The supervisor ended unexpectedly; `up` cleans up."
        )
        return FleetStatus("stopped", message, record["ports"], workspace=workspace)
    return FleetStatus(
        record["state"],
        record["message"],
        record["ports"],
        tuple(ProcessStatus(one["name"], one["pid"], one["state"]) for one in record["processes"]),
        workspace,
        record["traffic_rate_per_s"],
        tuple(
            FaultStatus(
                one["name"],
                one["state"],
                one["message"],
                max(0.0, one["until"] - time.time()) if one["state"] == "active" else 0.0,
            )
            for one in record["faults"]
        ),
        record["supervisor"]["pid"],
        record.get("serving", ""),
    )


def up(
    home: Path | None = None,
    progress: Callable[[str], None] = silent,
    timeout_s: float = 900.0,
    lives_with: int | None = None,
    serving: str | None = None,
) -> FleetStatus:
    """Starts the fleet, or joins one that runs or starts. Returns when it is up.

    ``serving``: "triton" or "mlserver"; without it what ``MLCONTROL_SANDBOX_SERVING`` names, else Triton where it has a build.

    ``lives_with``: a process id with whose end a fleet started here ends too; without it, it lives until `down`.
    Raises `SandboxError` with the reason. Ctrl-C and a time-out stop what this very call has started.
    """
    layout = Layout.of(home)
    now, asked = status(home), model_server.wanted(serving)
    if now.is_up:
        return same(now, asked)
    layout.logs.mkdir(parents=True, exist_ok=True)
    begun = (
        None
        if now.state in BUSY
        else start_detached(
            [
                sys.executable,
                "-m",
                "mlcontrol.sandbox.supervisor",
                "--home",
                str(layout.home),
                *(["--lives-with", str(lives_with)] if lives_with else []),
                *(["--serving", asked] if asked else []),
            ],
            layout.logs / "supervisor.log",
            {**os.environ, "MLCONTROL_SANDBOX_ENV": str(layout.env)},
        )
    )
    try:
        return same(follow(layout, begun, progress, time.monotonic() + timeout_s), asked)
    except (KeyboardInterrupt, SandboxError):
        if begun is not None:
            down(home)
        raise


def same(running: FleetStatus, asked: str) -> FleetStatus:
    """The running fleet, if it has the model server that was asked for. Raises `SandboxError`."""
    if asked in ("", running.serving):
        return running
    raise SandboxError(
        Problem(
            f"The sandbox runs already, with {running.serving}.",
            f"{asked} was asked for.",
            "Take it down first: mlcontrol sandbox down.",
            "usage",
        )
    )


def follow(layout: Layout, begun: ProcessId | None, progress: Callable[[str], None], deadline: float) -> FleetStatus:
    """Tells progress until the fleet is up. Raises `SandboxError` when it fails or the deadline passes."""
    told = 0
    fresh = begun is None  # until a supervisor of now has written, the files speak of an earlier run
    while time.monotonic() < deadline:
        record = jsonfile.read(layout.record) or {}
        fresh = fresh or (bool(record) and supervisor_of(record).alive())
        ended = begun is not None and not begun.alive()
        if fresh:
            lines = layout.progress.read_text().splitlines() if layout.progress.is_file() else []
            for line in lines[told:]:
                progress(line)
            told = len(lines)
            now = status(layout.home)
            if now.is_up:
                return now
        if (fresh or ended) and (not record or not supervisor_of(record).alive()):
            raise SandboxError(problem_in(layout, jsonfile.read(layout.record) or {}))
        time.sleep(0.1)
    raise SandboxError(
        Problem(
            "The sandbox is not up in time.",
            f"Last step: {status(layout.home).message}",
            f"See the logs in {layout.logs}, then try again.",
            "timeout",
        )
    )


def problem_in(layout: Layout, record: dict[str, Any]) -> Problem:
    said = record.get("problem")
    if said:
        return Problem(**said)
    return Problem("The sandbox did not start.", record.get("message", ""), f"See the logs in {layout.logs}.")


def down(home: Path | None = None) -> None:
    """Stops the fleet and waits until nothing of it runs; also cleans up after one that crashed. Does nothing if there is none."""
    layout = Layout.of(home)
    record = jsonfile.read(layout.record) or {}
    supervisor = supervisor_of(record)
    if supervisor.alive():
        os.kill(supervisor.pid, signal.SIGTERM)
        wait_until(lambda: not supervisor.alive(), 60.0)
        if supervisor.alive():
            os.kill(supervisor.pid, signal.SIGKILL)
    sweep(jsonfile.read(layout.record) or {})
    reap(supervisor.pid)


def set_traffic(home: Path | None, rate_per_s: float) -> None:
    """Requests per second and service from now on; 0 stops them. Raises `SandboxError` if the fleet is not up."""
    if not 0 <= rate_per_s <= 500:
        raise SandboxError(
            Problem(
                "The traffic rate was not changed.",
                f"{rate_per_s:g} is not between 0 and 500 a second.",
                "Choose a rate in that range.",
                "usage",
            )
        )
    with wishes(home) as wanted:
        wanted["traffic_rate_per_s"] = float(rate_per_s)
    wait_until(lambda: status(home).traffic_rate_per_s == rate_per_s, 5.0)


def play_fault(home: Path | None, name: str, duration_s: float | None = None, **options: Any) -> FaultStatus:
    """Begins a fault (again, if it is active) and returns once it is. Raises `SandboxError` if it cannot be done."""
    fault = BY_NAME.get(name)
    if fault is None:
        raise SandboxError(
            Problem(f"There is no fault named {name!r}.", "", f"Choose one of {', '.join(BY_NAME)}.", "usage")
        )
    unknown = sorted(set(options) - set(fault.options))
    if unknown:
        raise SandboxError(
            Problem(
                f"{name} has no option {', '.join(unknown)}.",
                "",
                f"It has: {', '.join(fault.options) or 'none'}.",
                "usage",
            )
        )
    wish = {"id": uuid.uuid4().hex, "duration_s": duration_s, "options": options}
    with wishes(home) as wanted:
        wanted.setdefault("faults", {})[name] = wish

    def seen() -> list[dict[str, Any]]:
        record = jsonfile.read(Layout.of(home).record) or {}
        return [one for one in record.get("faults", []) if one["id"] == wish["id"]]

    wait_until(lambda: bool(seen()), 330.0)  # a fault that deploys waits for the model to load
    begun = next(iter(seen()), None)
    if begun is None or begun["state"] == "failed":
        raise SandboxError(
            Problem(
                f"The fault {name} could not be played.",
                begun["message"] if begun else "No answer.",
                "See `mlcontrol sandbox status`.",
            )
        )
    return FaultStatus(name, begun["state"], begun["message"], max(0.0, begun["until"] - time.time()))


def clear_faults(home: Path | None = None) -> None:
    """Ends every active fault and returns once they are undone. Raises `SandboxError` if the fleet is not up."""
    with wishes(home) as wanted:
        wanted["faults"] = {}
    wait_until(lambda: all(fault.state != "active" for fault in status(home).faults), 330.0)


@contextmanager
def wishes(home: Path | None) -> Iterator[dict[str, Any]]:
    """The supervisor's orders, to be changed by one caller at a time."""
    if not status(home).is_up:
        raise SandboxError(
            Problem(
                "The sandbox is not running.", status(home).message, "Start it: mlcontrol sandbox up.", "unreachable"
            )
        )
    layout = Layout.of(home)
    with (layout.fleet / ".wishes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = jsonfile.read(layout.wishes) or {}
        yield wanted
        jsonfile.write(layout.wishes, wanted)


def supervisor_of(record: dict[str, Any]) -> ProcessId:
    named = record.get("supervisor") or {}
    return ProcessId(named.get("pid", 0), named.get("started", 0))


def wait_until(condition: Callable[[], bool], limit_s: float) -> None:
    """Returns when ``condition`` holds or the limit is over; the caller looks again."""
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)

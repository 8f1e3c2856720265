"""The process that owns the fleet: installs, seeds, starts, watches, plays faults, and ends everything on SIGTERM.

``python -m mlcontrol.sandbox.supervisor --home FOLDER``. One per home, held by a file lock. What it knows it writes to
``fleet.json``; what it should do it reads from ``wishes.json``. A process that dies is reported, never restarted in silence.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.sandbox import (
    environment,
    jsonfile,
    model_server,
    overwritten,
    ports,
    router,
    seedcache,
    servers,
    workspace,
)
from mlcontrol.sandbox.board import FaultBoard
from mlcontrol.sandbox.faults import Stage
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.process import ProcessId, end_group, start
from mlcontrol.sandbox.relay import Relays
from mlcontrol.sandbox.stopping import Stopped, Stopping
from mlcontrol.sandbox.sweep import KEEPER, sweep
from mlcontrol.sandbox.wire import answers

DEFAULT_RATE_PER_S = 4.0
TICK_S, SAVE_EVERY_S, START_LIMIT_S = 0.2, 5.0, 240.0


class Supervisor:
    """*Thread:* everything here runs on the main thread; faults and relays have threads of their own."""

    def __init__(self, layout: Layout, serving: str, lives_with: ProcessId | None, stopping: Stopping) -> None:
        """``serving``: the model server that was asked for; empty: this machine's."""
        self._layout = layout
        self._serving = serving
        self._server = model_server.TRITON
        self._lives_with = lives_with
        self._stopping = stopping
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._ids: dict[str, ProcessId] = {}
        self._keeper: subprocess.Popen[bytes] | None = None
        self._relays: Relays | None = None
        self._board = FaultBoard()
        self._stage: Stage | None = None
        self._record: dict[str, Any] = {
            "schema": "mlcontrol.sandbox/1",
            "state": "installing",
            "message": "",
            "problem": None,
            "serving": "",
            "ports": {},
            "supervisor": self._named(os.getpid()),
            "processes": [],
            "faults": [],
            "traffic_rate_per_s": DEFAULT_RATE_PER_S,
        }

    def run(self) -> None:
        """Until SIGTERM. Leaves nothing running and the record saying ``stopped``."""
        try:
            self._sweep()
            self._layout.progress.write_text("")
            self._choose()
            self._say("installing", "Checking the servers' environment")
            environment.ensure(self._layout, self._server.name, lambda line: self._say("installing", line))
            self._start_keeper()
            self._start_fleet()
            self._watch()
        except Stopped:
            self._record["message"] = "Stopped."
        except ProblemError as error:
            self._fail(error.problem)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            self._fail(
                Problem(what="The sandbox did not start.", why=str(error), next=f"See the logs in {self._layout.logs}.")
            )
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._stop()

    # Start

    def _sweep(self) -> None:
        """Ends what an earlier supervisor left behind, if it is what it was."""
        before = jsonfile.read(self._layout.record) or {}
        sweep(before)
        self._record["ports"] = before.get("ports") or {}
        self._record["traffic_rate_per_s"] = float(before.get("traffic_rate_per_s") or DEFAULT_RATE_PER_S)
        jsonfile.write(self._layout.wishes, {"traffic_rate_per_s": self._record["traffic_rate_per_s"], "faults": {}})

    def _choose(self) -> None:
        """The model server of this fleet, and the ports it needs."""
        self._server = model_server.choose(self._serving)
        self._record["serving"] = self._server.name
        self._record["ports"] = ports.choose(self._record["ports"], self._server.name)

    def _start_keeper(self) -> None:
        with self._stopping.held_back(), (self._layout.logs / "keeper.log").open("ab") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-m", "mlcontrol.sandbox.keeper"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self._ids[KEEPER] = ProcessId.of(self._keeper.pid)

    def _start_fleet(self) -> None:
        layout, chosen = self._layout, self._record["ports"]
        if not layout.seeded.is_file() and not seedcache.restore(layout):
            self._seed()
        self._say("starting", f"Starting the registry, the model server ({self._server.title}) and the router")
        router.write_first_maps(layout)
        overwritten.put_all_back(self._server.repository(layout))
        started = [self._server.start(layout, chosen), servers.router(layout, chosen, self._server.name)]
        if "mlflow" not in self._children:
            started.append(servers.mlflow(layout, chosen))
        for server in started:
            self._launch(server)
        self._relays = Relays()
        for name in (f"{self._server.name}_metrics", "router_metrics"):
            self._relays.open(chosen[name], chosen[f"{name}_inner"])
        self._await(started[0])
        self._say("starting", "Loading the models that were served")
        self._server.load_all(layout, chosen)
        for server in started[1:]:
            self._await(server)
        workspace.write(layout, chosen, self._server)
        self._order_traffic(None)
        self._launch(servers.traffic(layout, chosen))
        self._say("running", f"Running. Workspace: {layout.workspace}")

    def _seed(self) -> None:
        """Fills an empty registry by real training and logging over HTTP, once."""
        layout, chosen = self._layout, self._record["ports"]
        self._say("seeding", "Starting the registry")
        for name in ("artifacts", "triton", "mlserver", "golden", "heldout", "predictions", "labels", "router"):
            shutil.rmtree(layout.fleet / name, ignore_errors=True)
        for leftover in [*layout.fleet.glob("mlflow.db*"), layout.served]:
            leftover.unlink(missing_ok=True)
        registry = servers.mlflow(layout, chosen)
        self._launch(registry)
        self._await(registry)
        self._say("seeding", "Training and registering the models")
        seeding = servers.seeding(layout, chosen)
        log = servers.log_of(layout, seeding)
        log.write_bytes(b"")
        process = self._launch(seeding)
        told = 0
        while process.poll() is None:
            told = self._retell(log, told)
            time.sleep(TICK_S)
        self._retell(log, told)
        self._forget("seeding")
        if process.returncode:
            raise RuntimeError(f"Seeding ended with {process.returncode}: {tail(log)}")
        layout.seeded.write_text(seedcache.digest())
        seedcache.keep(layout)

    def _retell(self, log: Path, told: int) -> int:
        """Passes the seeding's complete step lines on as progress; returns how many lines it has seen."""
        lines = log.read_text(errors="replace").split("\n")[:-1]
        for line in lines[told:]:
            if ": registering version" in line:
                self._say("seeding", line)
        return len(lines)

    def _launch(self, server: servers.Server) -> subprocess.Popen[bytes]:
        with self._stopping.held_back():
            process = start(server.command, servers.log_of(self._layout, server), server.env, self._layout.fleet)
            self._children[server.name] = process
            self._ids[server.name] = ProcessId.of(process.pid)
            if self._keeper is not None and self._keeper.stdin is not None:
                self._keeper.stdin.write(f"{process.pid} {self._ids[server.name].started}\n".encode())
                self._keeper.stdin.flush()
        self._publish()
        return process

    def _await(self, server: servers.Server) -> None:
        if server.ready is None:
            return
        process, deadline = self._children[server.name], time.monotonic() + START_LIMIT_S
        while not answers(*server.ready):
            if process.poll() is not None or time.monotonic() > deadline:
                state = "ended" if process.poll() is not None else "is not ready"
                raise RuntimeError(f"{server.name} {state}: {tail(servers.log_of(self._layout, server))}")
            time.sleep(0.05)

    # Watch

    def _watch(self) -> None:
        chosen = self._record["ports"]
        assert self._relays is not None
        stage = Stage(self._layout, chosen, self._relays, self._server, self._children[self._server.name].pid)
        drift, saved_at = stage.drift, time.monotonic()
        self._stage = stage
        while True:
            time.sleep(TICK_S)
            if self._lives_with is not None and not self._lives_with.alive():
                raise Stopped
            wishes = jsonfile.read(self._layout.wishes) or {}
            rate = float(wishes.get("traffic_rate_per_s", self._record["traffic_rate_per_s"]))
            changed = self._board.follow(wishes.get("faults") or {}, stage)
            if rate != self._record["traffic_rate_per_s"] or stage.drift != drift:
                self._record["traffic_rate_per_s"], drift, changed = rate, stage.drift, True
                self._order_traffic(drift)
            if time.monotonic() - saved_at > SAVE_EVERY_S:
                self._save(stage)
                saved_at = time.monotonic()
            if self._notice_deaths() or changed:
                self._publish()

    def _order_traffic(self, drift: dict[str, str] | None) -> None:
        order = {"rate_per_s": self._record["traffic_rate_per_s"], "drift": drift}
        jsonfile.write(self._layout.fleet / "traffic.json", order)

    def _save(self, stage: Stage) -> None:
        """Keeps what is routed and loaded for the next start. A frozen or dead server keeps what was last known."""
        held_back, chosen = stage.held_back, self._record["ports"]
        try:
            router.persist(self._layout, chosen["router_admin"], held_back)
            if not held_back:
                jsonfile.write(self._layout.served, self._server.loaded(chosen))
        except OSError as error:
            print(f"{datetime.now(UTC):%H:%M:%S} what is served was not kept: {error}", file=sys.stderr, flush=True)  # noqa: T201

    def _notice_deaths(self) -> bool:
        """Records processes that ended by themselves. True if there is a new one."""
        dead = [name for name, process in self._children.items() if process.poll() is not None]
        if not dead or self._record["message"].startswith(told := f"Ended by itself: {', '.join(dead)}."):
            return False
        self._record.update(state="degraded", message=f"{told} `mlcontrol sandbox down` and `up` start afresh.")
        return True

    # Stop

    def _stop(self) -> None:
        if self._stage is not None:
            self._board.end_all()
            if self._children[self._server.name].poll() is None and self._children["router"].poll() is None:
                self._save(self._stage)
        for names in (["traffic", "seeding"], ["router", self._server.name, "mlflow"]):
            present = [name for name in names if name in self._children]
            with ThreadPoolExecutor(len(names)) as pool:
                list(pool.map(end_group, [self._ids[name] for name in present]))
            for name in present:
                with contextlib.suppress(subprocess.TimeoutExpired):  # the rest is ended all the same
                    self._children[name].wait(5.0)
        if self._relays is not None:
            self._relays.end()
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait(20.0)
        self._record.update(processes=[], faults=[], state="stopped")
        jsonfile.write(self._layout.record, self._record)

    def _forget(self, name: str) -> None:
        self._children.pop(name)
        self._ids.pop(name)

    # What others see

    def _fail(self, problem: Problem) -> None:
        self._record["problem"] = {"what": problem.what, "why": problem.why, "next": problem.next, "code": problem.code}
        self._record["message"] = problem.what

    def _say(self, state: str, line: str) -> None:
        self._record.update(state=state, message=line)
        with self._layout.progress.open("a") as file:
            file.write(line + "\n")
        self._publish()

    def _publish(self) -> None:
        self._record["processes"] = [
            {"name": name, "pid": one.pid, "started": one.started, "state": self._state_of(name)}
            for name, one in self._ids.items()
        ]
        self._record["faults"] = self._board.as_record()
        jsonfile.write(self._layout.record, self._record)

    def _state_of(self, name: str) -> str:
        process = self._children.get(name)
        code = process.poll() if process is not None else None
        return "running" if code is None else f"ended ({code})"

    @staticmethod
    def _named(pid: int) -> dict[str, int]:
        one = ProcessId.of(pid)
        return {"pid": one.pid, "started": one.started}


def tail(log: Path, characters: int = 600) -> str:
    """The last words of a log, on one line."""
    return " ".join(log.read_text(errors="replace")[-characters:].split())


def main() -> int:
    """Runs the fleet of a home, unless another supervisor already does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--lives-with", type=int, help="ends when this process has ended")
    parser.add_argument("--serving", default="", help="the model server; else this machine's")
    given = parser.parse_args()
    layout = Layout.of(given.home)
    layout.logs.mkdir(parents=True, exist_ok=True)
    stopping = Stopping()
    stopping.listen()
    with layout.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0  # another supervisor runs this fleet: there is nothing to do
        lives_with = ProcessId.of(given.lives_with) if given.lives_with else None
        Supervisor(layout, given.serving, lives_with, stopping).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

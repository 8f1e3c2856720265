"""Kills the engine, again and again, and judges what is left: `python -m tests.crash.harness --kills 20000`.

A kill is `SIGKILL` to a process that really runs the operation on a real store file, either around a durable or outside write
(mode "writes": before it, and after it) or on its entry into a system call that writes (mode "syscalls": by strace, at the n-th
call). Each is followed by a new process that settles and is judged. Processes are forked from this one: imports cost more than
all the rest. Beyond the points there are, kills come after random times (mode "anytime").
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlcontrol.core import audit as chain
from mlcontrol.core.audit import AuditRow
from tests.crash.far_world import FarWorld, running_target
from tests.crash.scenarios import SCENARIOS, Scenario, carry_out
from tests.crash.verdict import judge
from tests.services.rollout_world import Context

WRITING = ("pwrite64", "write", "fsync", "fdatasync", "sendto", "rename", "unlink", "ftruncate")
MODES = ("writes", "syscalls", "anytime")
_STORE_WRITES = {
    "audit": ("append",),
    "leases": ("acquire", "renew", "release"),
    "knowledge": ("mark_known_good", "lift", "quarantine", "record_seconds"),
}
PR_SET_PTRACER = 0x59616D61

Point = tuple[str, int]
"""Which kind of write (a system call, or "any"), and the how-manieth."""


class Harness:
    """``twin``: takes a guard out of the context, to see that this harness notices."""

    def __init__(self, folder: Path, port: int, twin: Callable[[Context], None] | None = None) -> None:
        self._folder = folder
        self._port = port
        self._twin = twin
        self._template = folder / "template"
        self._template.mkdir()
        _in_child(lambda: Context(FarWorld(port), self._template).store.close())
        self.kills = 0
        self.violations: list[str] = []

    def points(self, mode: str, scenario: Scenario) -> list[Point]:
        """Every place where this scenario can be killed in this mode, found by running it once undisturbed."""
        if mode == "anytime":
            return []
        with self._world(scenario) as folder:
            if mode == "writes":
                said = _in_child(lambda: self._act_counting(folder, scenario))
                return [("any", n) for n in range(1, int(said) + 1)]
            trace = folder / "trace"
            self._act(folder, scenario, ["-o", str(trace), "-e", "trace=" + ",".join(WRITING)])
            calls = re.findall(r"^(\w+)\(", trace.read_text(), re.MULTILINE)
            return [(call, n) for call in WRITING for n in range(1, calls.count(call) + 1)]

    def kill(self, name: str, mode: str, point: Point) -> None:
        """Run the scenario, kill it there, settle and judge."""
        scenario = SCENARIOS[name]
        with self._world(scenario) as folder:
            if mode == "syscalls":
                strace = [
                    "-o",
                    "/dev/null",
                    "-e",
                    f"trace={point[0]}",
                    "-e",
                    f"inject={point[0]}:signal=KILL:when={point[1]}",
                ]
                killed, acknowledged = self._act(folder, scenario, strace)
            else:
                killed, acknowledged = self._act(folder, scenario, None, point[1], mode)
            if not killed:
                return
            self.kills += 1
            said = _in_child(lambda: json.dumps(judge(folder, self._port, scenario, acknowledged)))
            try:
                self.violations += [f"{name}, {mode} {point}: {words}" for words in json.loads(said)]
            except ValueError:
                self.violations.append(f"{name}, {mode} {point}: the settling engine failed: {said}")

    @contextlib.contextmanager
    def _world(self, scenario: Scenario) -> Iterator[Path]:
        world = FarWorld(self._port)
        world.ask("reset", **scenario.given)
        world.close()
        folder = self._folder / "run"
        shutil.copytree(self._template, folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def _act(
        self, folder: Path, scenario: Scenario, strace: list[str] | None, at: int = 0, mode: str = ""
    ) -> tuple[bool, list[str]]:
        """Whether it was killed before its end, and the rows that were acknowledged to it by then."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _ends(
                lambda: self._in_acting_child(
                    folder, scenario, writing, strace is not None, at if mode == "writes" else 0
                )
            )
        os.close(writing)
        tracer = None if strace is None else _attach(child, strace)
        if mode == "anytime":
            time.sleep(at / 1000.0)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        with os.fdopen(reading) as said:
            acknowledged = said.read().split()
        _, status = os.waitpid(child, 0)
        if tracer is not None:
            tracer.wait(30)
        return os.WIFSIGNALED(status), acknowledged

    def _in_acting_child(self, folder: Path, scenario: Scenario, acknowledge: int, traced: bool, at: int) -> None:
        world = FarWorld(self._port)
        ctx = Context(world, folder)
        if self._twin is not None:
            self._twin(ctx)
        _watch(ctx, world, lambda seen: os.kill(os.getpid(), signal.SIGKILL) if seen == at else None, acknowledge)

        def ready() -> None:
            if traced:
                ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
                os.kill(os.getpid(), signal.SIGSTOP)

        carry_out(ctx, world, scenario, ready)

    def _act_counting(self, folder: Path, scenario: Scenario) -> str:
        world = FarWorld(self._port)
        ctx = Context(world, folder)
        seen = [0]
        _watch(ctx, world, lambda n: seen.__setitem__(0, n), None)
        carry_out(ctx, world, scenario, lambda: None)
        return str(seen[0])


def _watch(ctx: Context, world: FarWorld, tell: Callable[[int], Any], acknowledge: int | None) -> None:
    """``tell`` is called with a growing number before and after each write to the store and to the outside world."""
    seen = 0

    def point() -> None:
        nonlocal seen
        seen += 1
        tell(seen)

    def around(call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **named: Any) -> Any:
            point()
            result = call(*args, **named)
            if acknowledge is not None and hasattr(result, "hash"):
                os.write(acknowledge, result.hash.encode() + b"\n")
            point()
            return result

        return watched

    for part, names in _STORE_WRITES.items():
        for name in names:
            setattr(getattr(ctx.store, part), name, around(getattr(getattr(ctx.store, part), name)))
    world.around = lambda _when, _call: point()


def _attach(child: int, options: list[str]) -> subprocess.Popen[str]:
    """Have strace at the child, which has stopped itself, then let it go on."""
    os.waitpid(child, os.WUNTRACED)
    tracer = subprocess.Popen(["strace", "-p", str(child), *options], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    if "attached" not in said:
        raise RuntimeError(f"strace cannot look at its own child: {said}")
    os.kill(child, signal.SIGCONT)
    return tracer


def _in_child(work: Callable[[], Any]) -> str:
    """Run it in a fork; what it returns, as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _ends(lambda: os.write(writing, str(work() or "").encode()))
    os.close(writing)
    with os.fdopen(reading) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


def _ends(work: Callable[[], Any]) -> None:
    """Run it and end this process without going back up the stack that the fork inherited."""
    try:
        work()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - it must end here, whatever came
        traceback.print_exc()
        os._exit(1)


def journal_at_the_end(ctx: Context) -> None:
    """The broken twin: rows are kept in memory and written together with the outcome, after the effects."""
    write, kept = ctx.store.audit.append, []

    def append(actor: str, action: str, body: dict[str, Any], service: str = "", operation: str = "") -> AuditRow:
        row = chain.append(kept[-1][0] if kept else None, time.time(), actor, action, service, operation, body)
        kept.append((row, (actor, action, body, service, operation)))
        if action.endswith(".outcome"):
            for _, given in kept:
                write(*given)
        return row

    ctx.store.audit.append = append


TWINS = {"journal-at-the-end": journal_at_the_end}


def run(names: list[str], modes: list[str], kills: int | None, seed: int, twin: str = "") -> dict[str, Any]:
    """``kills`` `None`: every point once. More than there are points: the rest at random times."""
    started = time.monotonic()
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="mlc-crash-"))
    try:
        with running_target() as port:
            harness = Harness(folder, port, TWINS.get(twin))
            todo = [(n, mode, p) for n in names for mode in modes for p in harness.points(mode, SCENARIOS[n])]
            points = len(todo)
            if kills is not None:
                chance.shuffle(todo)
                todo = todo[:kills]
            for one in todo:
                harness.kill(*one)
            while kills is not None and "anytime" in modes and harness.kills < kills:
                harness.kill(chance.choice(names), "anytime", ("any", chance.randrange(5, 400)))
            return {
                "kills": harness.kills,
                "points": points,
                "violations": harness.violations,
                "seconds": round(time.monotonic() - started, 1),
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.harness", description=__doc__)
    parser.add_argument("--kills", type=int, help="how many; default: every point once")
    parser.add_argument("--scenario", action="append", choices=sorted(SCENARIOS))
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--twin", choices=sorted(TWINS), default="", help="take a guard out: violations must be found")
    args = parser.parse_args()
    report = run(args.scenario or list(SCENARIOS), args.mode or list(MODES), args.kills, args.seed, args.twin)
    print(json.dumps(report, indent=2))
    return 1 if report["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())

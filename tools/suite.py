"""`make test`: the whole suite, cheapest first, or one of its stages: lint, unit, real, window, bench.

A broken build ends with the first two stages, before any server is installed or started.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import machine

machine.require_python()  # before the import of anything that an older Python cannot read

import environment  # noqa: E402
from display import screen  # noqa: E402

STAGES = ("lint", "unit", "real", "window", "bench")
FLOOR = ("lint", "unit")
MARKERS = {
    "unit": "not real and not window and not bench",
    "real": "real and not window and not bench",
    "window": "window",
    "bench": "bench",
}
# Each process of the real stage has a whole fleet of its own, and mostly waits for it; files stay whole for what they share.
SIDE_BY_SIDE = {
    "unit": ("--numprocesses=auto", "--maxprocesses=4"),
    "real": ("--numprocesses=auto", "--maxprocesses=2", "--dist=loadfile"),
}
LINTERS = (
    ("ruff check", "ruff", "check", "."),
    ("import contracts", "lint-imports"),
    ("mypy", "mypy"),
)


@dataclass(frozen=True)
class Outcome:
    """One line of the summary."""

    name: str
    passed: bool
    took_s: float


def main() -> int:
    chosen = tuple(sys.argv[1:]) or STAGES
    if unknown := set(chosen) - set(STAGES):
        machine.stop(f"No such stage: {', '.join(sorted(unknown))}. There are: {', '.join(STAGES)}.")
    machine.install(machine.panel_lacks() + environment.lacks(), "The panel")
    python = environment.ensure(development=True)
    environment.trust_the_machine()  # the sandbox installs its servers with uv, too
    outcomes: list[Outcome] = []
    for stage in STAGES:
        if stage not in chosen:
            continue
        if stage not in FLOOR and not all(outcome.passed for outcome in outcomes if outcome.name in _floor_names()):
            machine.say("The floor is broken: nothing else is started.")
            break
        outcomes += _lint(python) if stage == "lint" else [_pytest(python, stage)]
    return _summary(outcomes)


def _lint(python: Path) -> list[Outcome]:
    return [_step(name, [str(python.parent / program), *rest], {}) for name, program, *rest in LINTERS]


def _pytest(python: Path, stage: str) -> Outcome:
    command = [str(python), "-m", "pytest", "-m", MARKERS[stage]]
    command += SIDE_BY_SIDE.get(stage, ())
    if stage == "unit":
        return _step(stage, command, {})
    machine.install(machine.sandbox_lacks() + machine.test_lacks(), f"The {stage} tests")
    # A test that the machine could not run is not a test that passed.
    demanding = {"MLCONTROL_TESTS_MUST_RUN": "1"}
    with screen() if stage == "window" else contextlib.nullcontext({}) as variables:
        return _step(stage, command, {**variables, **demanding})


def _step(name: str, command: list[str], variables: dict[str, str]) -> Outcome:
    machine.say(name)
    begun_s = time.monotonic()
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # Every engine that a test starts would compile the whole program again.
    result = subprocess.run(command, cwd=environment.ROOT, env={**inherited, **variables}, stdin=subprocess.DEVNULL)
    return Outcome(name, result.returncode == 0, time.monotonic() - begun_s)


def _floor_names() -> set[str]:
    return {name for name, *_ in LINTERS} | {"unit"}


def _summary(outcomes: list[Outcome]) -> int:
    passed = all(outcome.passed for outcome in outcomes)
    print(flush=True)
    for outcome in outcomes:
        print(f"  {'passed' if outcome.passed else 'FAILED':<8}{outcome.name:<18}{outcome.took_s:7.1f} s")
    print(f"==> {'All passed' if passed else 'FAILED'}", flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())

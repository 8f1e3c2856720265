"""Each scripted incident of the sandbox in the middle of a canary: what the panel does, and how long it takes.

    .venv/bin/python -m tests.performance.rollout_incidents [--only server-frozen ...] [--rate 20]

Starts a fleet of its own; takes some minutes. "returned" and "conflict" are ends of the rollout; "held" waits for a person.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox import fleet as sandbox
from mlcontrol.testing.fleet import START_LIMIT_S, RunningFleet, kept_servers
from tests.e2e.conftest import Watcher, stop_engine
from tests.e2e.staged import INCIDENTS, WHATEVER_THE_SPEED, begin, ended, strike


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of incidents; 'none': the good version alone")
    parser.add_argument("--rate", type=float, default=20.0, help="requests per second and service")
    parser.add_argument("--home", type=Path, help="a fleet that is up already, instead of one of its own")
    given = parser.parse_args()
    os.environ.update(kept_servers())
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        if given.home is None:
            sandbox.up(home, timeout_s=START_LIMIT_S, lives_with=os.getpid())
        try:
            _drill(RunningFleet(home), given.only, given.rate)
        finally:
            if given.home is None:
                sandbox.down(home)


def _drill(fleet: RunningFleet, only: list[str] | None, rate: float) -> None:
    sandbox.set_traffic(fleet.home, rate)
    for incident in (None, *INCIDENTS):
        name = "good version" if incident is None else incident.fault
        if only and name not in only:
            continue
        fleet.back_to_start()
        stop_engine(fleet.workspace)
        fleet.forget()
        watcher = Watcher(fleet.workspace)
        started = time.monotonic()
        try:
            if incident is None:
                done = ended(watcher, begin(watcher, "progression", "3", WHATEVER_THE_SPEED))
                print(
                    f"{name}: {done.phase.value} after {time.monotonic() - started:.1f} s: {done.summary}", flush=True
                )
                for at_s, words in done.log:
                    print(f"    {at_s - done.started_s:6.1f} s {words}")
                continue
            told = strike(fleet, watcher, incident)
            print(f"{name}: {told.words()}; load {os.getloadavg()[0]:.1f}", flush=True)
            for at_s, words in told.operation.log:
                print(f"    {at_s - told.operation.started_s:6.1f} s {words}")
            split = watcher.service(incident.service)
            print(f"    uses: {split.use.text}", flush=True)
            if told.held is not None:
                watcher.ask(m.Abort(request=new_request(), operation=told.operation.id, actor="test"))
                ended(watcher, told.operation.id)
        finally:
            watcher.close()
            stop_engine(fleet.workspace)
    fleet.back_to_start()


if __name__ == "__main__":
    main()

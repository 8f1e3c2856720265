"""Each scripted incident of the sandbox on the live fleet: seconds until somebody is paged, and what is said to have done it.

    .venv/bin/python -m tests.performance.incident_detection [--only version-swap ...] [--rate 4] [--calm 600]

Starts a fleet of its own; takes some minutes. ``--calm``: first so many seconds without any fault, in which every alert and every
"data changed" is a false alarm and is printed. The true cause of what the servers or the network do is "none of these".
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlcontrol.core.alerts.alert import Alert, AlertState
from mlcontrol.core.incidents.brief import Brief, SuspectLine
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox import fleet as sandbox
from mlcontrol.testing.fleet import START_LIMIT_S, RunningFleet, kept_servers
from tests.e2e.conftest import Watcher, stop_engine, until

LASTS_S = 400.0
BEFORE_S = 45.0  # so much calm before each, as a change is seen against what was before it
SETTLED_S = 30.0  # what is said so long after the page
PAGED_WITHIN_S = 300.0

Cause = Callable[[TimelineEvent], bool]


def routed_to(version: str) -> Cause:
    return lambda event: event.kind in (EventKind.ROUTE, EventKind.DEPLOY) and event.version_to == version


INCIDENTS: dict[str, tuple[str, Cause | None]] = {
    "error-burst": ("diamond-cut", routed_to("6")),
    "version-swap": ("digits", routed_to("1")),
    "input-drift": ("diamond-cut", lambda event: event.kind is EventKind.DATA and event.service == "diamond-cut"),
    "latency-rise": ("digits", None),
    "server-frozen": ("digits", None),
    "metrics-gone": ("digits", None),
}
"""Whose incident, and which event is the true cause; `None`: none of them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(INCIDENTS), help="names of incidents")
    parser.add_argument("--rate", type=float, default=4.0, help="requests per second and service")
    parser.add_argument("--calm", type=float, default=0.0, help="seconds without a fault first")
    given = parser.parse_args()
    os.environ.update(kept_servers())
    with tempfile.TemporaryDirectory() as folder:
        sandbox.up(Path(folder), timeout_s=START_LIMIT_S, lives_with=os.getpid())
        try:
            fleet = RunningFleet(Path(folder))
            sandbox.set_traffic(fleet.home, given.rate)
            if given.calm:
                calm(fleet, given.calm)
            for fault in given.only:
                detect(fleet, fault)
        finally:
            sandbox.down(Path(folder))


def keep_objectives(fleet: RunningFleet, fault: str) -> None:
    """With latency objectives that a busy machine keeps, so that what pages is the incident; but for the one about latency."""
    text = fleet.workspace.read_text()
    limit = 150 if fault == "latency-rise" else 5000
    fleet.workspace.write_text(re.sub(r"p99_ms = \d+", f"p99_ms = {limit}", text))


def settled(watcher: Watcher) -> None:
    until(
        "all is known", lambda: all(watcher.service(s).use.health is not Health.UNKNOWN for s in watcher.state.services)
    )  # type: ignore[union-attr]


def calm(fleet: RunningFleet, seconds: float) -> None:
    keep_objectives(fleet, "")
    watcher = Watcher(fleet.workspace)
    try:
        settled(watcher)
        began = time.time()
        time.sleep(seconds)
        state = watcher.state
        assert state is not None
        told = [f"{a.service} {a.rule}: {a.text}" for a in state.alerts.values() if a.fired_s is not None]
        told += [
            f"{e.title} ({e.service})" for e in state.events if e.kind is EventKind.DATA and e.at_s > began - seconds
        ]
        print(f"calm for {seconds:.0f} s: {len(told)} false alarms; load {os.getloadavg()[0]:.1f}", flush=True)
        for words in told:
            print(f"    {words}")
    finally:
        watcher.close()
        stop_engine(fleet.workspace)


def detect(fleet: RunningFleet, fault: str) -> None:
    service, cause = INCIDENTS[fault]
    fleet.back_to_start()
    stop_engine(fleet.workspace)
    fleet.forget()
    keep_objectives(fleet, fault)
    watcher = Watcher(fleet.workspace)
    try:
        settled(watcher)
        time.sleep(BEFORE_S)
        before = set(fired(watcher))
        sandbox.play_fault(fleet.home, fault, LASTS_S)
        struck = time.time()
        whose = (service,) if cause else (*watcher.state.services, *watcher.state.connections)  # type: ignore[union-attr]

        def page() -> Alert | None:
            return next((a for key, a in fired(watcher).items() if key not in before and a.service in whose), None)

        paged = until(f"{fault} pages somebody", page, PAGED_WITHIN_S)
        after_s = time.time() - struck
        about = paged.service if paged.service in watcher.state.services else service  # type: ignore[union-attr]
        at_once = ask(watcher, about)
        time.sleep(SETTLED_S)
        later = ask(watcher, about)
        print(f"{fault}: paged after {after_s:.1f} s by {paged.rule} of {paged.service}; load {os.getloadavg()[0]:.1f}")
        print(f"    {paged.text}")
        for when, brief in (("at the page", at_once), (f"{SETTLED_S:.0f} s later", later)):
            print(f"    {when}: {ranked(watcher, brief, cause)}; verdict: {brief.verdict}")
            print(f"        {' '.join((brief.story.what, brief.story.since))}", flush=True)
    finally:
        watcher.close()
        sandbox.clear_faults(fleet.home)
        stop_engine(fleet.workspace)
        fleet.back_to_start()


def ask(watcher: Watcher, service: str) -> Brief:
    found: Brief = watcher.ask(m.QueryIncident(request=new_request(), incident="", service=service)).brief
    return found


def fired(watcher: Watcher) -> dict[str, Alert]:
    assert watcher.state is not None
    return {a.id: a for a in watcher.state.alerts.values() if a.state is AlertState.FIRING and a.asks}


def ranked(watcher: Watcher, brief: Brief, cause: Cause | None) -> str:
    """Place and probability of the true cause among the suspects."""
    assert watcher.state is not None
    events = {event.id: event for event in watcher.state.events}

    def true(suspect: SuspectLine) -> bool:
        if cause is None or not suspect.event:
            return cause is None and not suspect.event
        return suspect.event in events and cause(events[suspect.event])

    for place, suspect in enumerate(brief.suspects, start=1):
        if true(suspect):
            return f"true cause {place} of {len(brief.suspects)} with {100 * suspect.probability:.0f} %"
    names = ", ".join(f"{s.title} {100 * s.probability:.0f} %" for s in brief.suspects)
    return f"true cause not among the suspects ({names})"


if __name__ == "__main__":
    main()

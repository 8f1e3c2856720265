"""Staged rollouts on the real fleet: a good version completes by itself, an incident in the middle never ends in more traffic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from mlcontrol.core.operation import Phase
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox import fleet as sandbox, router
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.conftest import Watcher, stop_engine, until
from tests.e2e.staged import INCIDENTS, WHATEVER_THE_SPEED, begin, ended, strike, wait_for_traffic
from tests.e2e.strategies import PLAYS, SERVICE, Road

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(1500)]

RATE = 15.0
BY_NAME = {incident.fault: incident for incident in INCIDENTS}


@pytest.fixture
def watcher(fleet: RunningFleet) -> Iterator[Watcher]:
    before = sandbox.status(fleet.home).traffic_rate_per_s
    sandbox.set_traffic(fleet.home, RATE)
    watching = Watcher(fleet.workspace)
    yield watching
    watching.close()
    stop_engine(fleet.workspace)
    sandbox.set_traffic(fleet.home, before)


def split(fleet: RunningFleet, service: str) -> tuple[str, str]:
    """The version of the stable road, and the canary's share, as the router itself says."""
    port = fleet.ports["router_admin"]
    versions = router.live(fleet.layout, port, router.VERSIONS)
    return versions[f"{service}-stable"], router.live(fleet.layout, port, router.SHARES)[service]


def test_a_good_version_walks_its_canary_by_itself_and_serves(fleet: RunningFleet, watcher: Watcher) -> None:
    done = ended(watcher, begin(watcher, "progression", "3", WHATEVER_THE_SPEED))
    assert done.phase is Phase.DONE, done.problem
    said = " ".join(words for _, words in done.log)
    for words in ("20 % judged fine", "50 % judged fine", "kept its promise through the bake time"):
        assert words in said
    judged = {step.id: step.detail for step in done.steps if step.id.startswith("judge-")}
    assert all("observed" in detail and "fine: errors" in detail for detail in judged.values())
    assert split(fleet, "progression") == ("3", "0")
    until("everything agrees", lambda: watcher.service("progression").intended.versions == ("3",))
    assert watcher.ask(m.VerifyAudit(request=new_request())).verdict.ok


def logged_at(fleet: RunningFleet, service: str) -> list[float]:
    """When each request of the log was sent, UTC seconds."""
    return [datetime.fromisoformat(str(entry["time"])).timestamp() for entry in fleet.predictions(service)]


def answered_by(fleet: RunningFleet, service: str, since: int) -> set[str]:
    """The versions that callers got, in the log from its entry ``since`` on."""
    return {str(entry["version"]) for entry in fleet.predictions(service)[since:] if entry["version"]}


def shares(fleet: RunningFleet) -> dict[str, int]:
    """Percent by version, as the router itself says."""
    port = fleet.ports["router_admin"]
    versions = router.live(fleet.layout, port, router.VERSIONS)
    canary = int(router.live(fleet.layout, port, router.SHARES)[SERVICE])
    found = {versions[f"{SERVICE}-stable"]: 100 - canary, versions[f"{SERVICE}-canary"]: canary}
    return found if canary else {versions[f"{SERVICE}-stable"]: 100}


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.__name__)
def test_each_strategy(play: Callable[[Road], None], fleet: RunningFleet, watcher: Watcher) -> None:
    play(Road(fleet, watcher, lambda: shares(fleet)))


def test_a_shadow_that_answers_differently_reaches_no_caller(fleet: RunningFleet, watcher: Watcher) -> None:
    """Version 3 of the regression answers other numbers on purpose: with the usual tolerance that is a no, with both answers."""
    wait_for_traffic(watcher, "progression")
    known = len(fleet.predictions("progression"))
    shadow = replace(WHATEVER_THE_SPEED, strategy="shadow", steps=(), bake_s=0.0, shadow_requests=40)
    refused = ended(watcher, begin(watcher, "progression", "3", shadow))
    assert refused.phase is Phase.REFUSED
    assert refused.problem is not None
    assert "answers differently than the old version" in refused.problem.what
    assert re.search(r"Most: \S+: [\d.e+-]+ before, [\d.e+-]+ now", refused.problem.why)
    assert answered_by(fleet, "progression", known) == {"2"}
    assert split(fleet, "progression") == ("2", "0")
    wanted = replace(shadow, shadow_tolerance=0.99)
    done = ended(watcher, begin(watcher, "progression", "3", wanted))
    assert done.phase is Phase.DONE, done.problem
    evidence = next(step.detail for step in done.steps if step.id == "shadow")
    counted = re.match(
        r"compared (\d+) of (\d+) inputs that came\b.*; \d+ answers differ \([\d.]+% to [\d.]+%\); most: ", evidence
    )
    assert counted, evidence
    step = next(step for step in done.steps if step.id == "shadow")
    assert step.started_s is not None
    assert step.ended_s is not None
    came = [at for at in logged_at(fleet, "progression") if step.started_s - 1.0 < at < step.ended_s]
    assert 30 <= int(counted[1]) <= int(counted[2]) <= len(came), (
        "what callers sent meanwhile, not a sample of the past"
    )


def test_a_burst_of_errors_in_the_tried_version_brings_the_traffic_back(fleet: RunningFleet, watcher: Watcher) -> None:
    told = strike(fleet, watcher, BY_NAME["error-burst"])
    assert told.operation.phase is Phase.RETURNED, told.words()
    assert told.operation.problem is not None
    assert told.operation.problem.code == "judged-worse"
    assert split(fleet, "diamond-cut") == ("2", "0")


def test_another_hand_in_the_middle_of_a_canary_ends_it_without_a_share_left(
    fleet: RunningFleet, watcher: Watcher
) -> None:
    told = strike(fleet, watcher, replace(BY_NAME["version-swap"], seconds=120.0))
    assert told.operation.phase in (Phase.RETURNED, Phase.CONFLICT), told.words()
    assert told.operation.problem is not None
    assert told.operation.problem.code == "conflict"
    stable, share = split(fleet, "progression")
    assert share == "0"
    assert (stable == "2") == (told.operation.phase is Phase.RETURNED), "a hand that moved it elsewhere is not fought"
    assert watcher.service("progression").intended.versions == ("2",)


def test_a_server_that_freezes_in_the_middle_of_a_canary_ends_it(fleet: RunningFleet, watcher: Watcher) -> None:
    told = strike(fleet, watcher, replace(BY_NAME["server-frozen"], seconds=20.0))
    assert told.operation.phase in (Phase.RETURNED, Phase.FAILED), told.words()
    assert split(fleet, "progression") == ("2", "0"), (
        "also where the old version cannot be proven, the traffic is back on it"
    )
    assert told.operation.problem is not None
    assert told.operation.problem.code in ("judged-worse", "unknown", "failed")

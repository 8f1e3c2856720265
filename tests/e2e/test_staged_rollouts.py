"""Staged rollouts on the real fleet: a good version completes by itself, an incident in the middle never ends in more traffic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mlcontrol.core.operation import Phase
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox import fleet as sandbox, router
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.conftest import Watcher, stop_engine, until
from tests.e2e.staged import INCIDENTS, WHATEVER_THE_SPEED, begin, ended, strike

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

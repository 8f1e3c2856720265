"""Every strategy with Envoy as the router: its stages and its way back, the split read from Envoy's own counters."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import tomlkit

from mlcontrol.core.operation import LiveStage, Operation, Phase
from mlcontrol.sandbox import fleet as sandbox, jsonfile, servers
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.process import ProcessId, end_group, start
from mlcontrol.testing.fleet import RunningFleet
from mlcontrol.testing.servers import RunningServer
from tests.e2e.conftest import Watcher, stop_engine, until
from tests.e2e.envoy_front import counted, envoy_before, let_fail, send_all, through, weights
from tests.e2e.staged import WHATEVER_THE_SPEED, begin, ended, in_stage
from tests.e2e.strategies import PLAYS, SERVICE, Road

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(1500)]

RATE = 15.0
ENOUGH = 60  # requests at a share of one in five: outside of 2 % to 50 % once in ten thousand runs at most


@dataclass(frozen=True, slots=True)
class Edge:
    server: RunningServer
    workspace: Path

    def split(self) -> dict[str, int]:
        """The weights that are not nothing, as Envoy has them."""
        return {version: weight for version, weight in weights(self.server, SERVICE).items() if weight}

    def back_to_start(self, fleet: RunningFleet) -> None:
        fleet.back_to_start()
        send_all(self.server, SERVICE, "2")


@contextmanager
def callers(fleet: RunningFleet, server: RunningServer, home: Path) -> Iterator[Path]:
    """The sandbox's users of the one service, calling through Envoy; the folder of their logs."""
    layout = Layout(home, fleet.layout.env)
    (layout.fleet / "heldout").mkdir(parents=True)
    for file in (fleet.layout.fleet / "heldout").glob(f"{SERVICE}*"):
        shutil.copy(file, layout.fleet / "heldout")
    jsonfile.write(layout.fleet / "traffic.json", {"rate_per_s": RATE})
    users = servers.traffic(layout, {"router": server.port})
    process = start(users.command, home / "traffic.log", users.env, home)
    try:
        yield layout.fleet
    finally:
        end_group(ProcessId.of(process.pid))
        process.wait()


@pytest.fixture
def edge(fleet: RunningFleet, tmp_path: Path) -> Iterator[Edge]:
    before = sandbox.status(fleet.home).traffic_rate_per_s
    sandbox.set_traffic(fleet.home, 0.0)  # nobody asks by the other road
    path = fleet.layout.fleet / "envoy.toml"
    try:
        with envoy_before(fleet, SERVICE, tmp_path) as server, callers(fleet, server, tmp_path / "users") as users:
            document = tomlkit.parse(fleet.workspace.read_text())
            through(server, document, SERVICE)
            document["services"][SERVICE]["metrics"] = ["triton-metrics"]  # type: ignore[index]
            log = document["connections"]["predictions"]  # type: ignore[index]
            log["url"] = (users / "predictions").as_uri()  # type: ignore[index]
            log["options"]["labels"] = (users / "labels").as_uri()  # type: ignore[index]
            path.write_text(tomlkit.dumps(document))
            yield Edge(server, path)
            stop_engine(path)
    finally:
        path.unlink(missing_ok=True)
        sandbox.set_traffic(fleet.home, before)


@pytest.fixture
def watcher(edge: Edge) -> Iterator[Watcher]:
    watching = Watcher(edge.workspace)
    yield watching
    watching.close()


def share_of_new(edge: Edge, since: dict[str, int]) -> float:
    """What version 3 really got of the requests since then, by Envoy's counters, once there are enough of them."""

    def grown() -> dict[str, int] | None:
        now = counted(edge.server, SERVICE)
        found = {version: now[version] - since[version] for version in now}
        return found if sum(found.values()) >= ENOUGH else None

    found = until("enough requests have passed", grown)
    return float(found["3"] / sum(found.values()))


def test_a_good_version_walks_its_canary_through_envoy_and_serves(edge: Edge, watcher: Watcher) -> None:
    operation = begin(watcher, SERVICE, "3", replace(WHATEVER_THE_SPEED, steps=(20.0,)))
    until("the share is sent", lambda: edge.split().get("3"))
    assert edge.split() == {"2": 80, "3": 20}
    assert 0.02 < share_of_new(edge, counted(edge.server, SERVICE)) < 0.5
    done = ended(watcher, operation)
    assert done.phase is Phase.DONE, done.problem
    judged = next(step.detail for step in done.steps if step.id == "judge-20")
    assert "observed" in judged
    assert edge.split() == {"3": 100}
    assert share_of_new(edge, counted(edge.server, SERVICE)) == 1.0


def test_each_other_strategy_goes_through_envoy_as_through_haproxy(
    fleet: RunningFleet, edge: Edge, watcher: Watcher
) -> None:
    """One after the other, for the price of one start."""
    for play in PLAYS:
        play(Road(fleet, watcher, edge.split))
        assert share_of_new(edge, counted(edge.server, SERVICE)) == 1.0, play.__name__
        edge.back_to_start(fleet)
        until("the first version answers again", lambda: watcher.service(SERVICE).used.versions == ("2",))


def test_a_version_that_begins_to_fail_is_sent_back_through_envoy(edge: Edge, watcher: Watcher) -> None:
    patient = replace(WHATEVER_THE_SPEED, min_s=900.0, max_s=1200.0)
    operation = begin(watcher, SERVICE, "3", patient)
    found: Operation = in_stage(watcher, operation)
    assert isinstance(found.live, LiveStage), found.problem

    def seen() -> float | None:
        op = watcher.operation(operation)
        return op.live.observed if op is not None and op.live is not None and op.live.requests >= 10 else None

    observed = until("the panel counts the split", seen)
    assert 0.02 < observed < 0.5, "of what Envoy counted, not of what was wished"
    let_fail(edge.server, "3", 60)
    back = ended(watcher, operation)
    assert back.phase is Phase.RETURNED, back.problem
    assert back.problem is not None
    assert back.problem.code == "judged-worse"
    assert edge.split() == {"2": 100}
    assert share_of_new(edge, counted(edge.server, SERVICE)) == 0.0
    assert next(s.detail for s in back.steps if s.id == "return-route") == "the router reads back: 100 % to v2"

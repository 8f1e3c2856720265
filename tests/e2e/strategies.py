"""What each strategy must do with a good version, whatever router carries it out: played by the tests of every router."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mlcontrol.core.operation import LiveStage, Phase
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox import repository
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.conftest import Watcher, until
from tests.e2e.staged import PATIENCE_S, WHATEVER_THE_SPEED, begin, ended

SERVICE = "progression"
ALL_NEW = {"3": 100}


@dataclass(frozen=True, slots=True)
class Road:
    """``split``: percent by version, those that have some, read from the router itself and not by the panel."""

    fleet: RunningFleet
    watcher: Watcher
    split: Callable[[], dict[str, int]]

    def loaded(self) -> set[int]:
        return set(repository.loaded(self.fleet.ports["triton"])[SERVICE])


def equal_steps_are_walked_one_by_one(road: Road) -> None:
    linear = replace(WHATEVER_THE_SPEED, strategy="linear", steps=(40.0, 80.0), bake_s=0.0)
    done = ended(road.watcher, begin(road.watcher, SERVICE, "3", linear))
    assert done.phase is Phase.DONE, done.problem
    assert [step.id for step in done.steps if step.id.startswith("split-")] == ["split-40", "split-80"]
    said = {step.id: step.detail for step in done.steps}
    assert [said[step] for step in ("split-40", "split-80")] == [
        "the router reads back: 40 % to v3",
        "the router reads back: 80 % to v3",
    ]
    assert all("observed" in said[step] for step in ("judge-40", "judge-80")), "by what was counted"
    assert road.split() == ALL_NEW


def blue_green_moves_everything_and_keeps_the_old_version_hot(road: Road) -> None:
    blue_green = replace(WHATEVER_THE_SPEED, strategy="blue-green", steps=(), bake_s=6.0)
    operation = begin(road.watcher, SERVICE, "3", blue_green)

    def baking() -> object:
        op = road.watcher.operation(operation)
        return op is not None and (op.phase.ended or (op.live is not None and op.live.bake))

    until("it bakes", baking, PATIENCE_S)
    assert road.split() == ALL_NEW
    assert {2, 3} <= road.loaded()
    done = ended(road.watcher, operation)
    assert done.phase is Phase.DONE, done.problem
    assert not [step.id for step in done.steps if step.id.startswith("split-")]
    assert any("kept its promise through the bake time" in words for _, words in done.log)


def an_a_b_test_runs_its_time_at_its_share_and_then_asks(road: Road) -> None:
    ab = replace(WHATEVER_THE_SPEED, strategy="ab", steps=(50.0,), max_s=20.0, bake_s=0.0)
    operation = begin(road.watcher, SERVICE, "3", ab)

    def asking() -> object:
        op = road.watcher.operation(operation)
        return op is not None and (op.phase.ended or (op.live is not None and op.live.state == "asking" and op.live))

    live = until("it asks", asking, PATIENCE_S)
    assert isinstance(live, LiveStage), road.watcher.operation(operation)
    assert road.split() == {"2": 50, "3": 50}
    assert live.observed is not None
    assert 0.25 < live.observed < 0.75, "of what the counters saw, not of what was wished"
    road.watcher.ask(m.PromoteStage(request=new_request(), operation=operation, actor="ann", reason="B it is"))
    done = ended(road.watcher, operation)
    assert done.phase is Phase.DONE, done.problem
    assert road.split() == ALL_NEW
    assert any("ann" in words for _, words in done.log)


PLAYS = (
    equal_steps_are_walked_one_by_one,
    blue_green_moves_everything_and_keeps_the_old_version_hot,
    an_a_b_test_runs_its_time_at_its_share_and_then_asks,
)

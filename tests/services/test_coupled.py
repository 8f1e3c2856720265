"""A version whose threshold and server go with it: moved together, put back together, settled after a crash."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.drill import DrillMode
from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.types import VersionSummary
from mlcontrol.ports.connection import Reachability
from mlcontrol.services import coupled
from mlcontrol.services.drills import DrillRoom
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import (
    SERVICE,
    UNREACHABLE,
    Context,
    PassingChecks,
    World,
    crash,
    fails,
    opened,
    settled,
)

WITHIN_S = 20.0
TAGS = {"3": {"coupled.threshold": "30"}, "2": {"coupled.threshold": "20"}, "1": {}}


@dataclass
class CoupledWorld(World):
    threshold: str | None = "20"
    server: str = "Triton 2.69.0"
    tags: dict[str, dict[str, str]] = field(default_factory=lambda: {v: dict(t) for v, t in TAGS.items()})

    def versions(self, model: str, deadline_s: float = 5.0) -> tuple[VersionSummary, ...]:
        return tuple(VersionSummary(v, tags=self.tags.get(v, {})) for v in ("3", "2", "1"))

    def resolve_alias(self, model: str, alias: str, deadline_s: float = 5.0) -> str | None:
        return self.threshold if model == "cut" else super().resolve_alias(model, alias)

    def set_alias(self, model: str, alias: str, version: str, deadline_s: float = 5.0) -> None:
        if model != "cut":
            super().set_alias(model, alias, version)
            return
        self._ask("set_threshold")
        self.threshold = version
        self._did("set_threshold", f"threshold {version}")

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        return Reachability(self.server, 1.0)


class Behind:
    """Another endpoint of the same world, replaced later."""

    def __init__(self, world: CoupledWorld) -> None:
        self._world, self.server = world, world.server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        return Reachability(self.server, 1.0)


@pytest.fixture
def world() -> CoupledWorld:
    return CoupledWorld()


def couple(ctx: Context, **parts: dict[str, str]) -> None:
    ctx.settings = replace(ctx.settings, services={"digits": replace(SERVICE, coupled=parts)})


@pytest.fixture
def ctx(world: CoupledWorld, tmp_path: Path) -> Iterator[Context]:
    with opened(world, tmp_path) as context:
        couple(context, threshold={"model": "cut"})
        yield context


@pytest.fixture
def rollouts(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rollouts]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    monkeypatch.setattr(coupled, "LOOK_S", 0.01)
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


def begin(ctx: Context, rollouts: Rollouts, plan: Plan, accept: bool = False) -> str:
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    rollouts.execute(operation, plan.hash, "test", "ann", accept)
    return operation


def run(ctx: Context, rollouts: Rollouts, kind: OperationKind, version: str, express: bool = False) -> Operation:
    operation = begin(ctx, rollouts, rollouts.make_plan(kind, "digits", version, express))
    assert ctx.ended.wait(WITHIN_S)
    return ctx.operations[operation]


def test_the_threshold_goes_with_the_version_there_and_back(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld
) -> None:
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    assert [step.id for step in plan.steps] == [
        "assume",
        "load",
        "golden",
        "route",
        "part-threshold",
        "verify",
        "alias",
    ]
    step = next(step for step in plan.steps if step.id == "part-threshold")
    assert step.detail == "champion of cut from 20 to 30, right beside the traffic"
    assert any("with the threshold of v2" in words for words in plan.warnings)
    assert run(ctx, rollouts, OperationKind.DEPLOY, "3").phase is Phase.DONE
    assert world.writes == ["load 2 3", "route 3", "threshold 30", "alias 3"]
    world.writes.clear()
    back = run(ctx, rollouts, OperationKind.ROLLBACK, "2", express=True)
    assert back.phase is Phase.DONE
    assert world.writes == ["route 2", "threshold 20", "alias 2"]


def test_a_deploy_that_fails_after_it_puts_the_threshold_back_before_the_proof(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld
) -> None:
    world.faults["set_alias"] = fails(UNREACHABLE)
    failed = run(ctx, rollouts, OperationKind.DEPLOY, "3")
    assert failed.phase is Phase.RETURNED, failed.problem
    assert world.writes == ["load 2 3", "route 3", "threshold 30", "route 2", "threshold 20", "load 1 2"]


def test_a_threshold_that_cannot_be_moved_takes_the_traffic_back(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld
) -> None:
    world.faults["set_threshold"] = fails(UNREACHABLE)
    failed = run(ctx, rollouts, OperationKind.DEPLOY, "3")
    assert failed.phase is Phase.RETURNED
    assert (world.stable, world.threshold) == ("2", "20")


def test_another_hand_on_the_threshold_is_a_conflict_and_is_left_alone(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld
) -> None:
    world.after["set_stable"] = lambda: setattr(world, "threshold", "77")
    failed = run(ctx, rollouts, OperationKind.DEPLOY, "3")
    assert failed.problem is not None
    assert "Somebody moved champion to v77 meanwhile" in failed.problem.what
    assert world.threshold == "77"


def test_a_threshold_that_moved_after_the_plan_voids_it(ctx: Context, rollouts: Rollouts, world: CoupledWorld) -> None:
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    world.threshold = "21"
    operation = begin(ctx, rollouts, plan)
    assert ctx.ended.wait(WITHIN_S)
    found = ctx.operations[operation]
    assert found.phase is Phase.REFUSED
    assert found.problem is not None
    assert "its threshold was 20, now it is 21" in found.problem.why
    assert world.writes == []


def test_what_nobody_wrote_down_stops_a_deploy_and_only_warns_on_the_way_back(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld
) -> None:
    world.tags["3"] = {}
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    assert any("Which threshold belongs to it is not known" in words for words in plan.unknown)
    with pytest.raises(ProblemError) as refused:
        begin(ctx, rollouts, plan)
    assert refused.value.problem.code == "unaccepted"
    back = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    assert back.unknown == ()
    assert any("Which threshold belongs to it is not known" in words for words in back.warnings)


def test_a_slip_in_the_workspace_stops_a_deploy_and_never_the_way_back(ctx: Context, rollouts: Rollouts) -> None:
    couple(ctx, threshold={"modle": "cut"})
    assert any("modle" in words for words in rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False).unknown)
    assert run(ctx, rollouts, OperationKind.ROLLBACK, "1", express=True).phase is Phase.DONE


def with_server(ctx: Context, world: CoupledWorld, command: str = "apt install triton={to}") -> None:
    couple(ctx, threshold={"model": "cut"}, server={"kind": "binary", "command": command})
    world.tags["3"]["coupled.server"] = "Triton 2.70.0"
    world.tags["2"]["coupled.server"] = world.tags["1"]["coupled.server"] = "Triton 2.69.0"
    world.tags["1"]["coupled.threshold"] = "10"


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def waits_for_a_person(ctx: Context, operation: str) -> None:
    """Until it has also said for whom."""
    eventually(
        lambda: any(
            step.id == "hand-server" and step.state is StepState.RUNNING and "is waited for" in step.detail
            for step in ctx.operations[operation].steps
        )
    )


def test_a_deploy_waits_for_the_new_binary_before_it_loads_anything(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld
) -> None:
    with_server(ctx, world)
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    step = next(step for step in plan.steps if step.id == "hand-server")
    assert step.detail.startswith("by hand: apt install triton=Triton 2.70.0; goes on when")
    operation = begin(ctx, rollouts, plan)
    waits_for_a_person(ctx, operation)
    assert world.writes == [], "it waits"
    world.server = "Triton 2.70.0"
    assert ctx.ended.wait(WITHIN_S)
    assert ctx.operations[operation].phase is Phase.DONE
    assert world.writes == ["load 2 3", "route 3", "threshold 30", "alias 3"]


def waits_in_a_rollback(ctx: Context, rollouts: Rollouts, world: CoupledWorld) -> str:
    with_server(ctx, world)
    world.server, world.threshold = "Triton 2.70.0", "30"
    world.alias = world.stable = "3"
    world.ready = ("2", "3")
    operation = begin(ctx, rollouts, rollouts.make_plan(OperationKind.ROLLBACK, "digits", "2", True))
    waits_for_a_person(ctx, operation)
    return operation


def test_a_rollback_brings_the_traffic_back_first_and_the_binary_last(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld
) -> None:
    operation = waits_in_a_rollback(ctx, rollouts, world)
    assert world.writes == ["route 2", "threshold 20", "alias 2", "load 2"], "all of it is done before anybody waits"
    assert "Now triton: Triton 2.70.0; Triton 2.69.0 is waited for." in ctx.operations[operation].steps[-1].detail
    world.server = "Triton 2.69.0"
    assert ctx.ended.wait(WITHIN_S)
    assert ctx.operations[operation].phase is Phase.DONE
    assert world.writes == ["route 2", "threshold 20", "alias 2", "load 2"]


NOBODY, ABORTED, SILENT = "nobody comes", "a person aborts", "the old server does not answer"


@pytest.mark.parametrize("how", [NOBODY, ABORTED, SILENT])
def test_a_rollback_whose_binary_is_not_put_back_keeps_the_callers_on_the_old_version(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == NOBODY:
        monkeypatch.setattr(coupled, "BY_HAND_S", 2.0)
    operation = waits_in_a_rollback(ctx, rollouts, world)
    if how == ABORTED:
        rollouts.abort(operation, "ann", "not today")
    elif how == SILENT:
        world.faults["infer"] = fails(UNREACHABLE)
        world.server = "Triton 2.69.0"
    assert ctx.ended.wait(WITHIN_S)
    ended = ctx.operations[operation]
    assert ended.phase is (Phase.ABORTED if how == ABORTED else Phase.FAILED)
    assert ended.summary == (
        "v2 took the traffic over, proven by its answers, and keeps it. Left undone: Replace its server."
    )
    said = {NOBODY: "was not replaced within an hour: triton: Triton 2.70.0", ABORTED: "ann aborted it: not today"}
    assert said.get(how, "v2 does not answer on the production road") in str(ended.problem)
    assert (world.stable, world.threshold, world.alias) == ("2", "20", "2")
    assert dict(ctx.store.knowledge.quarantined("digits")) == {"3": "test"}, (
        "what was left does not come back unnoticed"
    )
    assert ctx.events[-1].version_to == "2"


def test_twin_without_the_proof_on_the_old_server_a_silent_one_is_called_done(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coupled, "prove_answers", lambda *_: "not asked")
    operation = waits_in_a_rollback(ctx, rollouts, world)
    world.faults["infer"] = fails(UNREACHABLE)
    world.server = "Triton 2.69.0"
    assert ctx.ended.wait(WITHIN_S)
    assert ctx.operations[operation].phase is Phase.DONE


def test_half_of_the_endpoints_is_not_enough_and_is_told(ctx: Context, rollouts: Rollouts, world: CoupledWorld) -> None:
    with_server(ctx, world)
    ctx.settings = replace(
        ctx.settings, services={"digits": replace(ctx.settings.services["digits"], serving=("triton", "second"))}
    )
    behind = Behind(world)
    ctx.serving = lambda name: behind if name == "second" else world  # type: ignore[method-assign]
    operation = begin(ctx, rollouts, rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False))
    waits_for_a_person(ctx, operation)
    world.server = "Triton 2.70.0"
    half = "Now triton: Triton 2.70.0, second: Triton 2.69.0; Triton 2.70.0 is waited for."
    eventually(lambda: any(half in step.detail for step in ctx.operations[operation].steps))
    assert world.writes == []
    behind.server = "Triton 2.70.0"
    assert ctx.ended.wait(WITHIN_S)
    assert ctx.operations[operation].phase is Phase.DONE, ctx.operations[operation].problem


def test_who_is_waited_for_can_be_left_and_the_return_says_what_a_person_must_do(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld
) -> None:
    with_server(ctx, world)
    operation = begin(ctx, rollouts, rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False))
    waits_for_a_person(ctx, operation)
    rollouts.abort(operation, "ann", "not today")
    assert ctx.ended.wait(WITHIN_S)
    assert ctx.operations[operation].phase is Phase.ABORTED, "nothing was replaced yet"
    world.faults["infer"] = fails(UNREACHABLE)  # the golden set is not answered
    operation = begin(ctx, rollouts, rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False))
    waits_for_a_person(ctx, operation)
    world.server = "Triton 2.70.0"
    assert ctx.ended.wait(WITHIN_S)
    failed = ctx.operations[operation]
    assert failed.phase is Phase.FAILED
    assert "apt install triton=Triton 2.69.0" in str(failed.problem)


def test_a_drill_for_real_does_not_move_what_is_coupled(
    ctx: Context, rollouts: Rollouts, world: CoupledWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DrillRoom, "_require_quiet", lambda *_: None)
    run(ctx, rollouts, OperationKind.DEPLOY, "3")
    world.writes.clear()
    with pytest.raises(ProblemError, match="not drilled for real"):
        DrillRoom(ctx, PassingChecks()).run("digits", DrillMode.REAL, "ann", "")  # type: ignore[arg-type]
    assert world.writes == []


ROWS = 16


@pytest.mark.parametrize("kind", [OperationKind.DEPLOY, OperationKind.ROLLBACK])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("row", range(1, ROWS + 1))
def test_a_crash_at_any_row_leaves_version_and_threshold_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: OperationKind, when: str, row: int
) -> None:
    world = CoupledWorld()
    world.tags["1"] = {"coupled.threshold": "10"}
    version = "3" if kind is OperationKind.DEPLOY else "1"
    with opened(world, tmp_path) as ctx:
        couple(ctx, threshold={"model": "cut"})
        crash(ctx, kind, version, when, row, monkeypatch)
    with opened(world, tmp_path) as ctx:
        couple(ctx, threshold={"model": "cut"})
        settled(ctx)
        assert ctx.store.audit.open_operations() == ()
        assert ctx.store.audit.verify().ok
    assert (world.alias, world.stable, world.threshold) in (("2", "2", "20"), (version, version, f"{version}0"))
    moves = [write for write in world.writes if write.startswith("threshold")]
    assert all(a != b for a, b in pairwise(moves)), "nothing is done twice"


def test_twin_without_the_parts_after_the_traffic_a_crash_leaves_them_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard is that settling goes on right after the traffic, not at the proof."""
    apart: list[tuple[Any, ...]] = []
    for row in range(8, ROWS):
        world, folder = CoupledWorld(), tmp_path / str(row)
        folder.mkdir()
        world.tags["1"] = {"coupled.threshold": "10"}
        with opened(world, folder) as ctx:
            couple(ctx, threshold={"model": "cut"})
            crash(ctx, OperationKind.ROLLBACK, "1", "after", row, monkeypatch)
        with opened(world, folder) as ctx, pytest.MonkeyPatch.context() as without:
            without.setattr("mlcontrol.services.settling._after_route", lambda _forward: "verify")
            couple(ctx, threshold={"model": "cut"})
            settled(ctx)
        if (world.stable, world.threshold) == ("1", "20"):
            apart.append((row, world.facts))
    assert apart

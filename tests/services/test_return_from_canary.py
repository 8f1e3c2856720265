"""A return while a version is tried on a share of the traffic: that version is left, the one with the rest stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlcontrol.core.facts import Known, Route
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.types import Replica, ReplicaState, Stamp, WayBackState
from mlcontrol.core.wayback import on_trial, way_back
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import Context, PassingChecks, crash, opened, settled
from tests.services.staged_world import StagedWorld
from tests.services.test_staged_rollouts import WITHIN_S, begin, state, until


@pytest.fixture
def world() -> StagedWorld:
    return StagedWorld(per_look=10)


@pytest.fixture
def ctx(world: StagedWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.effects.LOAD_SETTLE_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.staging.QUICK_S", 0.02)
    with opened(world, tmp_path) as context:
        for version in ("1", "2"):
            context.store.knowledge.mark_known_good("digits", version)
        yield context


@pytest.mark.parametrize("named", [None, "2"], ids=("by default", "by name"))
def test_a_return_in_the_middle_of_a_canary_leaves_the_canary_and_not_the_version_before(
    ctx: Context, world: StagedWorld, named: str | None
) -> None:
    rollouts = Rollouts(ctx, PassingChecks())
    first = begin(ctx, rollouts)
    until(lambda: state(ctx, first) is not None)
    plan = rollouts.make_plan(OperationKind.ROLLBACK, "digits", named, True)
    assert (plan.from_version, plan.to_version) == ("3", "2")
    assert plan.blast.share == pytest.approx(0.1)
    rollouts.execute("back", plan.hash, "errors rose", "bob", True)
    rollouts.close()
    assert ctx.operations[first].phase is Phase.ABORTED
    assert ctx.operations["back"].phase is Phase.DONE
    assert (world.stable, world.canary) == ("2", None)
    assert ctx.store.knowledge.quarantined("digits") == {"3": "errors rose"}


def test_a_share_that_another_hand_gave_is_taken_back_and_its_version_quarantined(
    ctx: Context, world: StagedWorld
) -> None:
    world.canary, world.percent, world.ready = "3", 10.0, ("1", "2", "3")
    rollouts = Rollouts(ctx, PassingChecks())
    plan = rollouts.make_plan(OperationKind.ROLLBACK, "digits", None, True)
    ctx.ended.clear()
    rollouts.execute("back", plan.hash, "errors rose", "bob", True)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    assert (world.stable, world.canary) == ("2", None)
    assert set(ctx.store.knowledge.quarantined("digits")) == {"3"}


def test_an_older_version_with_a_share_is_no_trial(ctx: Context, world: StagedWorld) -> None:
    """As in a bisect: the newer one, with the rest of the traffic, is what one goes back from."""
    world.canary, world.percent = "1", 10.0
    rollouts = Rollouts(ctx, PassingChecks())
    plan = rollouts.make_plan(OperationKind.ROLLBACK, "digits", None, True)
    assert (plan.from_version, plan.to_version) == ("2", "1")
    rollouts.close()


def test_the_way_back_shown_during_a_canary_is_the_version_with_the_rest() -> None:
    at = Stamp(0.0, 0.0, 1)
    replicas = {"triton": Known(tuple(Replica("triton", v, ReplicaState.READY) for v in ("1", "2", "3")), at)}
    route = Route("2", "3", 10.0)
    back = way_back("2", ("2", "1"), {}, (), replicas, {}, 0.0, 5.0, ("1", "2"), trial=on_trial(route))
    assert (back.state, back.target) == (WayBackState.HOT, "2")
    assert "v3 is tried" in back.why
    assert on_trial(Route("2", "3", 0.0)) is None
    assert on_trial(Route("2", "1", 10.0)) is None


def test_the_reason_of_a_rollback_outlives_the_engine_that_began_it(
    ctx: Context, world: StagedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert crash(ctx, OperationKind.ROLLBACK, "1", "after", 9, monkeypatch), "killed when the traffic had moved"
    assert world.stable == "1"
    settled(ctx)
    assert ctx.operations["op"].phase is Phase.DONE
    assert ctx.store.knowledge.quarantined("digits") == {"2": "test"}

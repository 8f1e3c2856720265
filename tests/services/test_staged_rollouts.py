"""Rollouts in stages on a small world: what passes, what goes back, what waits, what a crash in a stage leaves."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlcontrol.core.data_report import VOLUME, place_words
from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.recorded import RecordedChange, event_of
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import EventKind, ServiceState, Signal, Stamp, TimelineEvent
from mlcontrol.ports.clock import SystemClock
from mlcontrol.ports.errors import Unreachable
from mlcontrol.services.data_events import over_event
from mlcontrol.services.permission import Permissions
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import Context, PassingChecks, fails, opened
from tests.services.staged_world import StagedWorld

WITHIN_S = 60.0
CANARY = RolloutSettings("canary", (10.0, 50.0), min_requests=20, min_s=0.0, error_tolerance=0.05)


@pytest.fixture
def world() -> StagedWorld:
    return StagedWorld()


@pytest.fixture
def ctx(world: StagedWorld, tmp_path: Path) -> Iterator[Context]:
    with opened(world, tmp_path) as context:
        yield context


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.effects.LOAD_SETTLE_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.staging.QUICK_S", 0.02)


@pytest.fixture
def rollouts(ctx: Context) -> Iterator[Rollouts]:
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


def begin(ctx: Context, rollouts: Rollouts, settings: RolloutSettings = CANARY, version: str = "3") -> str:
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", version, False, settings)
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    rollouts.execute(operation, plan.hash, "test", "ann", True)
    return operation


def end(ctx: Context, operation: str) -> Operation:
    assert ctx.ended.wait(WITHIN_S)
    return ctx.operations[operation]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def state(ctx: Context, operation: str) -> str | None:
    found = ctx.operations.get(operation)
    return None if found is None or found.live is None else found.live.state


def test_a_good_version_walks_its_stages_and_each_split_is_read_back(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    done = end(ctx, begin(ctx, rollouts))
    assert done.phase is Phase.DONE, done.problem
    assert world.writes == ["load 2 3", "split 10 3", "split 50 3", "route 3", "split off", "alias 3"]
    judged = [step for step in done.steps if step.id.startswith("judge-")]
    assert [step.state for step in judged] == [StepState.DONE, StepState.DONE]
    assert "10.0 % observed" in judged[0].detail
    assert any("errors judged fine at 10 %" in words for _, words in done.log)
    assert done.strategy == "canary 10, 50, 100 %"
    assert ctx.store.audit.verify().ok


def test_a_version_that_fails_goes_back_by_itself_with_the_reason(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    world.fails = {"3": 0.2}
    back = end(ctx, begin(ctx, rollouts))
    assert back.phase is Phase.RETURNED
    assert back.problem is not None
    assert back.problem.code == "judged-worse"
    assert ctx.store.knowledge.quarantined("digits") == {"3": back.problem.what}, "it does not come back unnoticed"
    assert world.writes[-2:] == ["split off", "load 1 2"]
    assert (world.stable, world.canary, world.alias) == ("2", None, "2")


DRIFT = TimelineEvent("d1", 0.0, EventKind.DATA, "The data changed: x in region south", "digits")
FEWER = over_event("digits", 0.0, (place_words(VOLUME, ""),), ())
SNAPSHOT = event_of(RecordedChange(EventKind.DATA, "features of today", "digits"), "airflow", 0.0)
GONE = Signal(text="no data", detail="The metrics refuse.", at=Stamp(1.0, 1.0, 1))


@pytest.mark.parametrize(
    ("use", "events", "code"),
    [
        (GONE, (), "unknown"),
        (Signal(), (DRIFT,), "data-changed"),
        (Signal(), (SNAPSHOT,), ""),
        (Signal(), (FEWER,), ""),
        (Signal(), (), ""),
    ],
    ids=["use is not seen", "the inputs change", "a pipeline records a snapshot", "fewer ask", "twin: neither"],
)
def test_what_the_service_itself_shows_ends_a_rollout_that_the_judge_finds_fine(
    ctx: Context, rollouts: Rollouts, world: StagedWorld, monkeypatch: pytest.MonkeyPatch, use: Signal,
    events: tuple[TimelineEvent, ...], code: str,
) -> None:  # fmt: skip
    shown = FleetState(ctx.settings)

    def strike() -> None:
        nonlocal shown
        told = tuple(replace(event, at_s=time.time()) for event in events)
        shown = FleetState(ctx.settings, {"digits": ServiceState("digits", use=use)}, events=told)

    monkeypatch.setattr(ctx, "state", lambda: replace(shown, operations=dict(ctx.operations)))

    class Leaping(SystemClock):
        """Ten seconds a look, once it has struck: nobody waits for them."""

        def utc_s(self) -> float:
            return super().utc_s() + (10.0 * world.looks if shown.services else 0.0)

    monkeypatch.setattr(ctx, "clock", Leaping())
    world.at_look[3] = strike
    done = end(ctx, begin(ctx, rollouts, replace(CANARY, min_s=1000.0, no_data_s=5.0) if code else CANARY))
    assert (done.phase is Phase.RETURNED, done.problem.code if done.problem else "") == (bool(code), code)
    if code:
        assert (world.stable, world.canary) == ("2", None)


def test_errors_that_begin_in_the_second_stage_are_met_there(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    world.after["set_canary"] = lambda: world.fails.update({"3": 0.5} if world.percent == 50.0 else {})
    back = end(ctx, begin(ctx, rollouts))
    assert back.phase is Phase.RETURNED
    assert "split 50 3" in world.writes
    assert "route 3" not in world.writes


def test_no_data_never_promotes_and_goes_back(ctx: Context, rollouts: Rollouts, world: StagedWorld) -> None:
    world.faults["counters"] = fails(Unreachable(Problem("Connection refused.")))
    settings = replace(CANARY, no_data_s=5.0)
    operation = begin(ctx, rollouts, settings)
    back = end(ctx, operation)
    assert back.phase is Phase.RETURNED
    assert back.problem is not None
    assert back.problem.code == "unknown"
    assert "split 50 3" not in world.writes


def test_going_on_without_data_needs_two_people_and_a_reason_and_is_on_record(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    """Fault 47: no metric of the canary: unknown blocks, and who goes on all the same answers for it in the audit log."""
    world.faults["counters"] = fails(Unreachable(Problem("Connection refused.")))
    operation = begin(ctx, rollouts, replace(CANARY, steps=(10.0,), no_data_s=60.0, on_no_data="hold"))
    until(lambda: state(ctx, operation) is not None and ctx.operations[operation].live.judgement is not None)  # type: ignore[union-attr]
    time.sleep(0.2)
    assert "route 3" not in world.writes
    with pytest.raises(ProblemError, match="needs a reason"):
        rollouts.promote(operation, "ann", " ")
    plan_hash, why = ctx.operations[operation].plan_hash, "the exporter is down, the logs are clean"
    permissions = Permissions(ctx)
    permissions.approve("digits", plan_hash, "ann", "mine")
    with pytest.raises(ProblemError, match="second person") as alone:
        rollouts.promote(operation, "ann", why)
    assert f"mlcontrol approve digits {plan_hash}" in alone.value.problem.next
    permissions.approve("digits", plan_hash, "bob", "I have read the logs")
    rollouts.promote(operation, "ann", why)
    done = end(ctx, operation)
    assert done.phase is Phase.DONE
    rows = [row for row in ctx.store.audit.of_operation(operation) if "the logs are clean" in row.body]
    assert rows
    assert rows[0].actor == "ann"
    assert "bob agreed" in rows[0].body
    assert ctx.store.audit.verify().ok


def test_twin_an_approval_of_before_it_began_would_pass_for_a_second_person(
    ctx: Context, rollouts: Rollouts, world: StagedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who approved the plan approved one whose judge sees something."""
    world.faults["counters"] = fails(Unreachable(Problem("Connection refused.")))
    settings = replace(CANARY, steps=(10.0,), no_data_s=60.0, on_no_data="hold")
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False, settings)
    Permissions(ctx).approve("digits", plan.hash, "bob", "go")
    operation = begin(ctx, rollouts, settings)
    until(lambda: state(ctx, operation) is not None)
    with pytest.raises(ProblemError, match="second person"):
        rollouts.promote(operation, "ann", "the logs are clean")
    monkeypatch.setattr("mlcontrol.services.operation_run.OperationRun.begun_s", 0.0)
    rollouts.promote(operation, "ann", "the logs are clean")
    assert end(ctx, operation).phase is Phase.DONE


def test_the_broken_twin_that_takes_no_data_for_fine_promotes(
    ctx: Context, rollouts: Rollouts, world: StagedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlcontrol.core.judge.verdict import Judgement

    world.faults["counters"] = fails(Unreachable(Problem("Connection refused.")))
    monkeypatch.setattr(Judgement, "unknown", property(lambda _self: ()))
    monkeypatch.setattr(Judgement, "undecided", property(lambda _self: ()))
    monkeypatch.setattr("mlcontrol.core.judge.judge._silent", lambda _buckets, _at: 0.0)
    monkeypatch.setattr("mlcontrol.core.stage.Stage.ready", lambda _self, _now: True)
    assert end(ctx, begin(ctx, rollouts)).phase is Phase.DONE


def test_hold_keeps_the_share_and_promote_needs_a_reason_where_nothing_is_decided(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    world.per_look = 10  # too little to decide
    operation = begin(ctx, rollouts)
    until(lambda: state(ctx, operation) == "observing")
    rollouts.hold(operation, "ann", True)
    until(lambda: state(ctx, operation) == "held")
    assert world.percent == 10.0
    with pytest.raises(ProblemError, match="needs a reason"):
        rollouts.promote(operation, "ann", "")
    rollouts.promote(operation, "ann", "seen enough")
    until(lambda: world.percent == 50.0)
    rollouts.promote(operation, "ann", "seen enough") if state(ctx, operation) else None
    until(lambda: state(ctx, operation) is not None and ctx.operations[operation].live.percent == 50.0)  # type: ignore[union-attr]
    rollouts.abort(operation, "ann", "enough")
    ended = end(ctx, operation)
    assert ended.phase in (Phase.ABORTED, Phase.DONE)
    assert any("seen enough" in words for _, words in ended.log)


def test_ask_waits_for_a_person(ctx: Context, rollouts: Rollouts, world: StagedWorld) -> None:
    operation = begin(ctx, rollouts, replace(CANARY, steps=(10.0,), advance="ask"))
    until(lambda: state(ctx, operation) == "asking")
    assert world.percent == 10.0
    rollouts.promote(operation, "ann", "")
    assert end(ctx, operation).phase is Phase.DONE


def test_an_abort_in_a_stage_goes_back_at_once(ctx: Context, rollouts: Rollouts, world: StagedWorld) -> None:
    world.per_look = 10
    operation = begin(ctx, rollouts)
    until(lambda: state(ctx, operation) is not None)
    rollouts.abort(operation, "ann", "wrong version")
    aborted = end(ctx, operation)
    assert aborted.phase is Phase.ABORTED
    assert (world.stable, world.canary) == ("2", None)


def test_a_rollback_takes_over_a_stage(ctx: Context, rollouts: Rollouts, world: StagedWorld) -> None:
    world.per_look = 10
    first = begin(ctx, rollouts)
    until(lambda: state(ctx, first) is not None)
    back = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    rollouts.execute("back", back.hash, "test", "bob", True)
    rollouts.close()
    assert ctx.operations[first].phase is Phase.ABORTED
    assert ctx.operations["back"].phase is Phase.DONE
    assert (world.stable, world.canary) == ("1", None)


def test_another_hand_on_the_split_ends_the_stage(ctx: Context, rollouts: Rollouts, world: StagedWorld) -> None:
    world.per_look = 10
    operation = begin(ctx, rollouts)
    until(lambda: state(ctx, operation) is not None)
    world.percent = 90.0
    ended = end(ctx, operation)
    assert ended.phase is Phase.RETURNED
    assert ended.problem is not None
    assert ended.problem.code == "conflict"
    assert (world.stable, world.canary) == ("2", None)


def test_a_hand_that_moves_the_rest_of_the_traffic_is_not_fought_and_the_own_share_is_taken_back(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    world.per_look = 10
    operation = begin(ctx, rollouts)
    until(lambda: state(ctx, operation) is not None)
    world.stable = "1"
    ended = end(ctx, operation)
    assert ended.phase is Phase.CONFLICT
    assert (world.stable, world.canary, world.percent) == ("1", None, 0.0)
    assert ended.problem is not None
    assert "no share goes to v3" in ended.problem.why


def test_blue_green_bakes_with_the_old_version_hot(ctx: Context, rollouts: Rollouts, world: StagedWorld) -> None:
    bake = RolloutSettings("blue-green", bake_s=0.5, error_tolerance=0.05)
    good = end(ctx, begin(ctx, rollouts, bake))
    assert good.phase is Phase.DONE
    assert good.steps[-1].id == "bake"
    assert world.ready == ("2", "3")


def test_a_bake_that_breaks_the_objective_goes_back_and_takes_the_alias_along(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    world.fails = {"3": 0.6}
    back = end(ctx, begin(ctx, rollouts, RolloutSettings("blue-green", bake_s=30.0)))
    assert back.phase is Phase.RETURNED
    assert (world.stable, world.alias) == ("2", "2")


@pytest.mark.parametrize("settings", [CANARY, RolloutSettings("blue-green", bake_s=30.0)])
def test_an_engine_that_ends_in_a_stage_leaves_it_and_the_next_one_settles_it(
    tmp_path: Path, settings: RolloutSettings
) -> None:
    world = StagedWorld(per_look=10)
    with opened(world, tmp_path) as ctx:
        rollouts = Rollouts(ctx, PassingChecks())
        operation = begin(ctx, rollouts, settings)
        until(lambda: state(ctx, operation) is not None)
        rollouts.close()
        assert ctx.store.audit.open_operations() == (operation,)
    with opened(world, tmp_path) as ctx:
        rollouts = Rollouts(ctx, PassingChecks())
        rollouts.settle()
        if settings.strategy == "canary":
            assert end(ctx, operation).phase is Phase.RETURNED
            assert (world.stable, world.canary) == ("2", None)
        else:
            until(lambda: state(ctx, operation) is not None)
            assert world.stable == "3", "it had proven itself: the bake goes on"
        rollouts.close()


def test_a_plan_says_what_each_step_can_see_and_its_hash_binds_the_strategy(ctx: Context, rollouts: Rollouts) -> None:
    staged = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False, CANARY)
    plain = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    assert staged.hash != plain.hash
    assert [sight.percent for sight in staged.sees] == [10.0, 50.0]
    assert staged.blast.share == pytest.approx(0.1)
    assert any("traffic" in sentence for sentence in staged.unknown), "nobody polls here"


def test_a_service_without_a_router_cannot_be_rolled_out_in_stages(ctx: Context, rollouts: Rollouts) -> None:
    service = replace(ctx.settings.services["digits"], routing="", route="")
    ctx.settings = replace(ctx.settings, services={"digits": service})
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False, CANARY)
    assert any("in stages" in sentence for sentence in plan.blocked_by)

"""What happens to a rollout from outside: the clock is set, a freeze begins, a person clicks twice or aborts at the last moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.freeze import Freeze
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.types import Stamp
from mlcontrol.ports.clock import Clock, SystemClock
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import UNREACHABLE, Context, PassingChecks, fails, opened
from tests.services.staged_world import StagedWorld
from tests.services.test_staged_rollouts import CANARY, begin, end, state, until

THREE_DAYS_S = 3 * 86400.0
FRIDAY = Freeze("friday", "nobody is here", starts="2020-01-01T00:00:00+00:00")


class SetClock(SystemClock):
    """A wall clock that somebody sets."""

    by_s = 0.0

    def utc_s(self) -> float:
        return super().utc_s() + self.by_s

    def stamp(self) -> Stamp:
        found = super().stamp()
        return replace(found, utc_s=found.utc_s + self.by_s)


@pytest.fixture
def world() -> StagedWorld:
    return StagedWorld()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def ctx(world: StagedWorld, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.effects.LOAD_SETTLE_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.staging.QUICK_S", 0.02)
    with opened(world, tmp_path) as context:
        context.clock = clock
        yield context


@pytest.fixture
def rollouts(ctx: Context) -> Iterator[Rollouts]:
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


def looked_on(world: StagedWorld, looks: int) -> None:
    """So many more looks of the judge."""
    wanted = world.looks + looks
    until(lambda: world.looks >= wanted)


BAKE = RolloutSettings("blue-green", bake_s=600.0, error_tolerance=0.05)


def test_a_clock_set_forward_does_not_end_a_bake(
    ctx: Context, rollouts: Rollouts, world: StagedWorld, clock: SetClock
) -> None:
    """Fault 18: ten minutes of keeping the old version hot are ten minutes, whatever the wall says."""
    operation = begin(ctx, rollouts, BAKE)
    until(lambda: state(ctx, operation) is not None)
    clock.by_s = THREE_DAYS_S
    looked_on(world, 5)
    assert not ctx.operations[operation].phase.ended


class OfTheWall:
    """The broken twin's clock."""

    def __init__(self, clock: Clock) -> None:
        self.utc_s = clock.utc_s


def test_twin_by_the_wall_clock_the_bake_would_be_over(
    ctx: Context, rollouts: Rollouts, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.services.watching.SteadyClock", OfTheWall)
    operation = begin(ctx, rollouts, BAKE)
    until(lambda: state(ctx, operation) is not None)
    clock.by_s = THREE_DAYS_S
    assert end(ctx, operation).phase is Phase.DONE


def test_a_clock_set_back_does_not_hide_that_there_is_no_data(
    ctx: Context, rollouts: Rollouts, world: StagedWorld, clock: SetClock
) -> None:
    """Rule 1: the last counters would look as if they came from the future, so never old."""
    world.per_look = 10
    operation = begin(ctx, rollouts, replace(CANARY, no_data_s=5.0))
    until(lambda: state(ctx, operation) is not None)
    clock.by_s = -THREE_DAYS_S
    world.faults["counters"] = fails(UNREACHABLE)
    ended = end(ctx, operation)
    assert ended.phase is Phase.RETURNED
    assert ended.problem is not None
    assert "no data" in ended.problem.what


def freeze(ctx: Context, *freezes: Freeze) -> None:
    ctx.settings = replace(ctx.settings, freezes={one.id: one for one in freezes})


def test_a_freeze_that_begins_in_the_middle_keeps_more_traffic_from_moving_until_it_ends(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    world.per_look = 10
    operation = begin(ctx, rollouts)
    until(lambda: state(ctx, operation) is not None)
    freeze(ctx, FRIDAY)
    looked_on(world, 2)
    world.per_look = 4000
    until(lambda: (live := ctx.operations[operation].live) is not None and "friday" in live.waits_for)
    looked_on(world, 5)
    assert (world.stable, world.percent) == ("2", 10.0)
    freeze(ctx)
    assert end(ctx, operation).phase is Phase.DONE
    said = [words for _, words in ctx.operations[operation].log]
    assert any(words.startswith("no more traffic moves") and "friday" in words for words in said)


def test_against_a_freeze_that_began_meanwhile_a_person_goes_on_with_a_reason_and_it_is_on_record(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    world.per_look = 10
    operation = begin(ctx, rollouts)
    until(lambda: state(ctx, operation) is not None)
    freeze(ctx, FRIDAY)
    looked_on(world, 2)
    world.per_look = 4000
    until(lambda: (live := ctx.operations[operation].live) is not None and "friday" in live.waits_for)
    with pytest.raises(ProblemError, match="needs a reason"):
        rollouts.promote(operation, "ann", "", "judge-10")
    rollouts.promote(operation, "ann", "the fix must be out tonight", "judge-10")
    until(lambda: world.percent == 50.0)
    rollouts.abort(operation, "ann", "seen enough")
    said = [words for _, words in end(ctx, operation).log]
    assert any("although Freeze “friday”" in words and "must be out tonight" in words for words in said)


def test_twin_that_asks_for_freezes_only_at_the_beginning_goes_on_into_one(
    ctx: Context, rollouts: Rollouts, world: StagedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.services.staging.StageRunner._frozen", lambda _self: "")
    world.per_look = 10
    operation = begin(ctx, rollouts)
    until(lambda: state(ctx, operation) is not None)
    freeze(ctx, FRIDAY)
    world.per_look = 4000
    assert end(ctx, operation).phase is Phase.DONE


def test_a_freeze_that_was_broken_at_the_beginning_does_not_stop_every_stage(ctx: Context, rollouts: Rollouts) -> None:
    freeze(ctx, FRIDAY)
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False, CANARY)
    rollouts.execute("op", plan.hash, "the old one leaks", "ann", True, break_glass=True)
    assert end(ctx, "op").phase is Phase.DONE


def test_going_on_is_meant_for_one_stage_and_a_second_click_does_not_leave_the_next(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    world.per_look = 10
    operation = begin(ctx, rollouts)
    until(lambda: state(ctx, operation) is not None)
    rollouts.promote(operation, "ann", "seen enough", "judge-10")
    until(lambda: (live := ctx.operations[operation].live) is not None and live.step == "judge-50")
    with pytest.raises(ProblemError, match="has been left already"):
        rollouts.promote(operation, "bob", "seen enough", "judge-10")
    looked_on(world, 3)
    assert world.percent == 50.0


def test_an_abort_asked_for_during_the_last_step_is_met(ctx: Context, rollouts: Rollouts, world: StagedWorld) -> None:
    """It was in time: the operation still ran, and the caller was told that it stops."""
    asked = threading.Event()

    def abort() -> None:
        if not asked.is_set():
            asked.set()
            rollouts.abort("op", "ann", "wrong version")

    world.after["set_alias"] = abort
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    rollouts.execute("op", plan.hash, "test", "ann", True)
    assert end(ctx, "op").phase is Phase.ABORTED
    assert (world.stable, world.alias, world.ready) == ("2", "2", ("1", "2"))


def test_an_abort_that_comes_too_late_is_refused_and_not_swallowed(
    ctx: Context, rollouts: Rollouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    append = ctx.store.audit.append

    def outcome(*args: Any, **named: Any) -> Any:
        if str(args[1]).endswith(".outcome"):
            with pytest.raises(ProblemError) as refused:
                rollouts.abort("op", "ann", "wrong version")
            heard.append(refused.value.problem.code)
        return append(*args, **named)

    monkeypatch.setattr(ctx.store.audit, "append", outcome)
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    rollouts.execute("op", plan.hash, "test", "ann", True)
    assert end(ctx, "op").phase is Phase.DONE
    assert heard == ["not-found"]


def test_a_fail_that_holds_a_bake_outlives_the_engine(
    world: StagedWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Latched is latched: the next engine's evidence begins anew, and would find nothing to say."""
    monkeypatch.setattr("mlcontrol.services.staging.QUICK_S", 0.02)
    settings = RolloutSettings("blue-green", bake_s=30.0, error_tolerance=0.05, on_worse="hold")
    world.fails = {"3": 0.6}
    with opened(world, tmp_path) as ctx:
        rollouts = Rollouts(ctx, PassingChecks())
        operation = begin(ctx, rollouts, settings)
        until(lambda: (live := ctx.operations[operation].live) is not None and bool(live.failed))
        until(lambda: any("held as planned" in words for _, words in ctx.operations[operation].log))
        rollouts.close()
    world.fails = {}
    with opened(world, tmp_path) as ctx:
        rollouts = Rollouts(ctx, PassingChecks())
        rollouts.settle()
        until(lambda: state(ctx, operation) is not None)
        live = ctx.operations[operation].live
        assert live is not None
        assert (live.state, live.failed) == ("held", ("objectives",))
        rollouts.clear(operation, "objectives", "ann", "it was the load test")
        until(lambda: (now := ctx.operations[operation].live) is not None and not now.failed)
        rollouts.close()

"""Two engines on one store: rollbacks take over, sleepers are fenced off, another hand's change is left alone."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.lease import LEASE_S
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.services import settling
from mlcontrol.services.rollouts import Rollouts
from mlcontrol.store.tables.leases import leases
from tests.services.rollout_world import Context, PassingChecks, World, opened

WITHIN_S = 30.0


class Desk:
    """One operator's engine."""

    def __init__(self, ctx: Context, name: str) -> None:
        self.ctx = ctx
        self.name = name
        self.rollouts = Rollouts(ctx, PassingChecks())

    def begin(self, kind: OperationKind = OperationKind.DEPLOY, version: str = "3") -> str:
        plan = self.rollouts.make_plan(kind, "digits", version, False)
        operation = uuid.uuid4().hex
        self.rollouts.execute(operation, plan.hash, "test", self.name, False)
        return operation

    def end(self, operation: str) -> Operation:
        """Once it has ended, in the eyes of this engine."""
        give_up_s = time.monotonic() + WITHIN_S
        while (found := self.ctx.operations.get(operation)) is None or not found.phase.ended:
            assert time.monotonic() < give_up_s, found
            time.sleep(0.01)
        return found


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def desks(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Desk, Desk]]:
    monkeypatch.setattr(settling, "RETRY_S", 0.2)
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    with opened(world, tmp_path) as one, opened(world, tmp_path) as two:
        both = Desk(one, "ann"), Desk(two, "bob")
        yield both
        for desk in both:
            desk.rollouts.close()


class Pause:
    """Holds an operation at one of its writes until it is let go."""

    def __init__(self, world: World, call: str) -> None:
        self.reached, self._go = threading.Event(), threading.Event()
        self._world, self._call = world, call
        world.faults[call] = self._wait

    def _wait(self) -> None:
        del self._world.faults[self._call]
        self.reached.set()
        assert self._go.wait(WITHIN_S)

    def end(self) -> None:
        self._go.set()


def lapse(ctx: Any) -> None:
    with ctx.store._database.write() as connection:
        connection.execute(leases.update().values(expires=leases.c.expires - 2 * LEASE_S))


def test_the_second_operator_is_told_at_once_by_whom_and_since_when(desks: tuple[Desk, Desk], world: World) -> None:
    """Fault 33; four at a time, as processes: `tests/crash/test_races.py`."""
    ann, bob = desks
    pause = Pause(world, "serve_versions")
    operation = ann.begin()
    assert pause.reached.wait(WITHIN_S)
    with pytest.raises(ProblemError) as told:
        bob.begin()
    assert "ann started a deploy of v3" in str(told.value.problem)
    pause.end()
    assert ann.end(operation).phase is Phase.DONE
    assert world.writes == ["load 2 3", "route 3", "alias 3"]


def test_twin_without_one_lease_for_the_target_both_act(
    desks: tuple[Desk, Desk], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.services.holding.targets", lambda ctx, _service: (f"of-{id(ctx)}",))
    monkeypatch.setattr("mlcontrol.services.settling.Settler.take_over", lambda *_: False)  # the second line
    ann, bob = desks
    pause = Pause(world, "serve_versions")
    first = ann.begin()
    assert pause.reached.wait(WITHIN_S)
    second = bob.begin(version="4")
    bob.end(second)
    pause.end()
    ann.end(first)
    assert {"load 2 3", "load 2 4"} <= set(world.writes)


def test_a_rollback_takes_over_from_another_engine(desks: tuple[Desk, Desk], world: World) -> None:
    ann, bob = desks
    pause = Pause(world, "infer")
    deploy = ann.begin()
    assert pause.reached.wait(WITHIN_S)
    threading.Timer(1.5, pause.end).start()
    rollback = bob.begin(OperationKind.ROLLBACK, "1")
    assert ann.end(deploy).phase is Phase.ABORTED
    assert "bob aborted it: a rollback takes over" in str(ann.ctx.operations[deploy].problem)
    assert bob.end(rollback).phase is Phase.DONE
    assert (world.alias, world.stable) == ("1", "1")


def test_another_way_back_takes_over_and_the_same_one_is_only_one(desks: tuple[Desk, Desk], world: World) -> None:
    """Two people at 3 a.m.: the second knows better where to go, or wants what is under way already."""
    ann, bob = desks
    world.stable = world.alias = "3"
    world.ready = ("1", "2", "3")
    pause = Pause(world, "infer")
    first = ann.begin(OperationKind.ROLLBACK, "2")
    assert pause.reached.wait(WITHIN_S)
    with pytest.raises(ProblemError, match="ann started a rollback of v2"):
        bob.begin(OperationKind.ROLLBACK, "2")
    threading.Timer(1.5, pause.end).start()
    other = bob.begin(OperationKind.ROLLBACK, "1")
    assert ann.end(first).phase in (Phase.ABORTED, Phase.DONE)
    assert bob.end(other).phase is Phase.DONE
    assert (world.alias, world.stable) == ("1", "1")


def test_nothing_automatic_takes_a_way_back_over(desks: tuple[Desk, Desk], world: World) -> None:
    ann, bob = desks
    world.stable = world.alias = "3"
    world.ready = ("1", "2", "3")
    settings = replace(bob.ctx.settings.services["digits"], automation={"rollback": "automatic"})
    bob.ctx.settings = replace(bob.ctx.settings, services={"digits": settings})
    pause = Pause(world, "infer")
    first = ann.begin(OperationKind.ROLLBACK, "2")
    assert pause.reached.wait(WITHIN_S)
    plan = bob.rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", False)
    with pytest.raises(ProblemError, match="ann started a rollback of v2"):
        bob.rollouts.execute(uuid.uuid4().hex, plan.hash, "errors rose", "panel", False, automatic=True)
    pause.end()
    assert ann.end(first).phase is Phase.DONE


def test_a_holder_that_slept_past_its_lease_writes_nothing_when_it_wakes(
    desks: tuple[Desk, Desk], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 34: SIGSTOP and a long sleep look like this: no heartbeat, then everything goes on where it stood."""
    ann, bob = desks
    monkeypatch.setattr("mlcontrol.services.holding.LOOK_EVERY_S", 1000.0)  # the sleeper's heart stands still
    pause = Pause(world, "serve_versions")
    slept = ann.begin()
    assert pause.reached.wait(WITHIN_S)
    lapse(ann.ctx)
    world.ready = ("1", "2")
    rollback = bob.begin(OperationKind.ROLLBACK, "1")
    assert bob.end(rollback).phase is Phase.DONE
    written = list(world.writes)
    pause.end()
    assert ann.end(slept).phase is Phase.ABORTED
    # The write it was in the middle of may come through; nothing after it does, and it says so.
    assert [w for w in world.writes if w not in written] in ([], ["load 2 3"])
    assert (world.alias, world.stable) == ("1", "1")
    assert any("overtaken" in event.detail and "bob" in event.detail for event in ann.ctx.events)
    outcomes = [row for row in ann.ctx.store.audit.of_operation(slept) if row.action.endswith(".outcome")]
    assert len(outcomes) == 1
    assert ann.ctx.store.audit.verify().ok


def test_twin_without_the_fence_the_sleeper_goes_on_writing_when_it_wakes(
    desks: tuple[Desk, Desk], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = desks
    monkeypatch.setattr("mlcontrol.services.holding.LOOK_EVERY_S", 1000.0)
    pause = Pause(world, "serve_versions")
    slept = ann.begin()
    assert pause.reached.wait(WITHIN_S)
    lapse(ann.ctx)
    world.ready = ("1", "2")
    rollback = bob.begin(OperationKind.ROLLBACK, "1")
    bob.end(rollback)
    monkeypatch.setattr("mlcontrol.services.holding.Holding.check", lambda _self: None)
    monkeypatch.setattr("mlcontrol.services.effects.Effects._require_own_route", lambda _self: world.split("digits"))
    pause.end()
    ann.end(slept)
    assert "route 3" in world.writes


def test_a_deploy_does_not_build_on_what_another_engine_left_open(
    desks: tuple[Desk, Desk], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = desks
    monkeypatch.setattr("mlcontrol.services.holding.LOOK_EVERY_S", 1000.0)
    pause = Pause(world, "set_alias")
    left = ann.begin()
    assert pause.reached.wait(WITHIN_S)
    lapse(ann.ctx)
    with pytest.raises(ProblemError) as told:
        bob.begin(version="4")
    assert "was interrupted and is not settled" in told.value.problem.what
    # Its traffic had moved and was proven, so it is brought to its end, not repeated.
    assert bob.end(left).phase is Phase.DONE
    pause.end()
    ann.rollouts.close()
    assert [w for w in world.writes if w.startswith("route")] == ["route 3"]


def test_a_settler_leaves_alone_what_another_engine_carries_out(desks: tuple[Desk, Desk], world: World) -> None:
    ann, bob = desks
    pause = Pause(world, "serve_versions")
    operation = ann.begin()
    assert pause.reached.wait(WITHIN_S)
    bob.rollouts.settle()
    assert bob.ctx.operations[operation].phase is Phase.RUNNING
    pause.end()
    assert ann.end(operation).phase is Phase.DONE
    assert world.writes == ["load 2 3", "route 3", "alias 3"]


def test_an_alias_moved_by_another_hand_between_plan_and_apply_voids_the_plan(
    desks: tuple[Desk, Desk], world: World
) -> None:
    """Fault 35."""
    ann, _ = desks
    plan = ann.rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    world.alias = "5"
    ann.rollouts.execute("op", plan.hash, "test", "ann", False)
    done = ann.end("op")
    assert done.phase is Phase.REFUSED
    assert done.problem is not None
    assert "v5" in done.problem.why or "5" in done.problem.why
    assert world.writes == []


def test_twin_without_reading_first_the_void_plan_would_be_carried_out(
    desks: tuple[Desk, Desk], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.services.effects.Effects._assume", lambda _self: "taken on trust")
    ann, _ = desks
    plan = ann.rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    world.alias = "5"
    ann.rollouts.execute("op", plan.hash, "test", "ann", False)
    ann.end("op")
    assert "route 3" in world.writes


def test_traffic_moved_by_another_hand_between_write_and_verify_is_a_conflict(
    desks: tuple[Desk, Desk], world: World
) -> None:
    """Fault 36: not DONE, and not fought over either."""
    ann, _ = desks

    def steal() -> None:
        del world.after["set_stable"]
        world.stable, world.ready = "5", ("2", "3", "5")

    world.after["set_stable"] = steal
    operation = ann.begin()
    done = ann.end(operation)
    assert done.phase is Phase.CONFLICT
    assert world.stable == "5"
    assert [w for w in world.writes if w.startswith("route")] == ["route 3"]
    assert ann.ctx.events[-1].severity == "critical"


def test_without_looking_first_the_return_fights_the_other_hand(
    desks: tuple[Desk, Desk], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken twin of the test above."""
    monkeypatch.setattr("mlcontrol.services.effects.Effects._require_own_route", lambda _self: world.split("digits"))
    ann, _ = desks

    def steal() -> None:
        del world.after["set_stable"]
        world.stable, world.ready = "5", ("2", "3", "5")

    world.after["set_stable"] = steal
    done = ann.end(ann.begin())
    assert done.phase is not Phase.CONFLICT
    assert world.stable == "2"

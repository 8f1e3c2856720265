"""Faults 37 to 44 of a guarded change: what timed out, what only seemed to work, what works in part, what cannot go back.

The others of their kind: two operators, sleepers and other hands in `test_together.py`; a gone artifact and void approvals in
`test_guards_by_people.py`; no data for the judge in `tests/core/judge`; models that cannot be read in `tests/adapters/signatures`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import Replica, ReplicaState, VersionSummary
from mlcontrol.ports.errors import Rejected
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import SERVICE, TIMED_OUT, Context, PassingChecks, World, fails, opened

WITHIN_S = 30.0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ctx(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.effects.LOAD_SETTLE_S", 0.3)
    with opened(world, tmp_path) as context:
        yield context


def deploy(ctx: Context, version: str = "3") -> Operation:
    rollouts = Rollouts(ctx, PassingChecks())
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", version, False)
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    rollouts.execute(operation, plan.hash, "test", "ann", False)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    return ctx.operations[operation]


def done_but_timed_out(world: World, call: str) -> None:
    """The effect happens and its answer is lost."""
    world.after[call] = fails(TIMED_OUT)


def test_a_write_that_timed_out_but_happened_is_settled_by_reading(ctx: Context, world: World) -> None:
    """Fault 37: no second write before the read."""
    done_but_timed_out(world, "set_alias")
    assert deploy(ctx).phase is Phase.DONE
    assert [w for w in world.writes if w.startswith("alias")] == ["alias 3"]


def test_twin_a_write_repeated_without_reading_would_be_doubled(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken twin of the read-back: blind repetition is what the test above would notice."""
    set_alias = world.set_alias

    def blindly(*args: Any) -> None:
        try:
            set_alias(*args)
        except type(TIMED_OUT):
            set_alias(*args)

    done_but_timed_out(world, "set_alias")
    monkeypatch.setattr(world, "set_alias", blindly)
    deploy(ctx)
    assert [w for w in world.writes if w.startswith("alias")][:2] == ["alias 3", "alias 3"]


@pytest.mark.parametrize("call", ["set_alias", "set_stable"])
def test_a_write_that_was_accepted_and_did_not_happen_is_no_success(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Fault 38."""
    monkeypatch.setattr(world, call, lambda *_: None)
    done = deploy(ctx)
    assert done.phase is not Phase.DONE
    assert done.problem is not None
    assert (world.alias, world.stable) == ("2", "2")


class Half:
    """One endpoint of several, with a version list of its own."""

    def __init__(self, world: World, name: str, refuses: tuple[str, ...] = ()) -> None:
        self._world, self.name, self._refuses = world, name, refuses
        self.ready: tuple[str, ...] = ("1", "2")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def replicas(self, model: str, deadline_s: float = 5.0) -> tuple[Replica, ...]:
        return tuple(Replica(self.name, v, ReplicaState.READY) for v in self.ready)

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 5.0) -> None:
        if set(versions) & set(self._refuses):
            raise Rejected(Problem(f"'{self.name}' refused to load.", "its disk is full"))
        self.ready = versions
        self._world.writes.append(f"{self.name}: load {' '.join(versions)}")


def test_a_deploy_that_fails_at_one_of_several_endpoints_names_them_and_undoes_the_others(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 39."""
    halves = {name: Half(world, name, ("3",) if name == "edge-b" else ()) for name in ("edge-a", "edge-b", "edge-c")}
    ctx.settings = replace(ctx.settings, services={"digits": replace(SERVICE, serving=tuple(halves))})
    monkeypatch.setattr(ctx, "serving", lambda name: halves[name])
    done = deploy(ctx)
    assert done.phase is Phase.REFUSED
    assert done.problem is not None
    assert "1 of 3 endpoints" in done.problem.what
    assert "edge-a" in done.problem.what
    assert "Not on edge-b, edge-c" in done.problem.why
    assert "its disk is full" in done.problem.why
    assert {half.ready for half in halves.values()} == {("1", "2")}
    assert world.writes == ["edge-a: load 2 3", "edge-a: load 1 2"]


def test_files_changed_under_the_same_version_are_refused_with_both_digests(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 41."""
    checked, found = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    versions = tuple(VersionSummary(v, digest=checked) for v in ("3", "2", "1"))
    monkeypatch.setattr(world, "versions", lambda *_: versions)
    world.digest = lambda *_: found  # type: ignore[attr-defined]
    done = deploy(ctx)
    assert done.phase is Phase.REFUSED
    assert done.problem is not None
    assert checked[:15] in done.problem.why
    assert found[:15] in done.problem.why
    assert world.writes == []


def test_a_rollback_that_fails_is_loud_tells_the_truth_and_how_to_go_on_by_hand(ctx: Context, world: World) -> None:
    """Fault 42: no loop, the traffic's true state, commands to paste."""
    world.answering = "9"  # nobody can prove anything any more
    world.by_hand = lambda *to: (f"curl -X POST router/{to[-1]}",)  # type: ignore[attr-defined]
    done = deploy(ctx)
    assert done.phase is Phase.FAILED
    assert "v2 should answer" in done.summary
    assert "Traffic goes to v2" in done.summary
    assert done.problem is not None
    assert "curl -X POST router/2" in done.problem.next
    event = ctx.events[-1]
    assert event.severity == "critical"
    assert "curl -X POST router/2" in event.detail
    assert [w for w in world.writes if w.startswith("route")] == ["route 3", "route 2"], "no loop"


@pytest.mark.parametrize("crash", [MemoryError, RuntimeError("a hang that was cut off")])
def test_a_checker_that_crashes_blocks(ctx: Context, world: World, crash: Exception) -> None:
    """Fault 43: its crash is never a pass: there is no plan, so nothing can be executed."""

    class Crashing(PassingChecks):
        def check(self, *_: Any) -> Any:
            raise crash

    rollouts = Rollouts(ctx, Crashing())
    with pytest.raises((MemoryError, RuntimeError)):
        rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    with pytest.raises(ProblemError) as refused:
        rollouts.execute("op", "sha256:" + "0" * 64, "test", "ann", True)
    assert refused.value.problem.code == "conflict"
    assert world.writes == []
    rollouts.close()


def test_what_was_undone_stays_on_record_step_by_step(ctx: Context, world: World) -> None:
    world.unloadable = {"3"}
    done = deploy(ctx)
    states = {step.id: step.state for step in done.steps}
    assert states["load"] is StepState.FAILED
    assert states["return-load"] is StepState.DONE
    assert states["route"] is StepState.SKIPPED

"""Guarded rollouts on a small world: what is refused, what is undone, what is written down first, what a crash leaves."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.compatibility.report import Direction, Evidence, Finding, Level, Report, Verdict
from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.state import FleetState
from mlcontrol.services.holding import targets
from mlcontrol.services.planning import rollback_targets
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import (
    TIMED_OUT,
    UNREACHABLE,
    Context,
    PassingChecks,
    World,
    crash,
    fails,
    opened,
)

WITHIN_S = 20.0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ctx(world: World, tmp_path: Path) -> Iterator[Context]:
    with opened(world, tmp_path) as context:
        yield context


@pytest.fixture
def rollouts(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rollouts]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.effects.LOAD_SETTLE_S", 0.3)
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


def run(
    ctx: Context,
    rollouts: Rollouts,
    kind: OperationKind = OperationKind.DEPLOY,
    version: str | None = "3",
    express: bool = False,
    **options: Any,
) -> Operation:
    """Plan, execute, wait for the end."""
    plan = rollouts.make_plan(kind, "digits", version, express)
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    rollouts.execute(operation, plan.hash, options.get("reason", "test"), "ann", options.get("accept_unknown", False))
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    return ctx.operations[operation]


def test_a_deploy_moves_traffic_then_the_registry_and_keeps_the_old_version_hot(
    ctx: Context, rollouts: Rollouts, world: World
) -> None:
    done = run(ctx, rollouts)
    assert done.phase is Phase.DONE
    assert world.facts == ("3", "3", ("2", "3"))
    assert world.writes == ["load 2 3", "route 3", "alias 3"]
    assert [v for v, _ in ctx.store.knowledge.known_good("digits")] == ["3", "2"]
    assert ctx.events[-1].version_to == "3"
    assert ctx.store.audit.verify().ok


def test_a_rollback_of_it_loads_nothing_and_quarantines_what_was_left(
    ctx: Context, rollouts: Rollouts, world: World
) -> None:
    run(ctx, rollouts)
    world.writes.clear()
    back = run(ctx, rollouts, OperationKind.ROLLBACK, None, express=True)
    assert back.phase is Phase.DONE
    assert world.writes == ["route 2", "alias 2"]
    assert dict(ctx.store.knowledge.quarantined("digits")) == {"3": "test"}


def test_while_a_rollback_is_not_done_what_it_leaves_is_no_way_back(
    ctx: Context, rollouts: Rollouts, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(ctx, rollouts)
    monkeypatch.setattr(ctx, "state", lambda: FleetState(ctx.settings, operations=dict(ctx.operations)))
    offered: list[tuple[str, ...]] = []
    world.after["set_stable"] = lambda: offered.append(rollback_targets(ctx, "digits", world.stable))  # type: ignore[arg-type]
    assert run(ctx, rollouts, OperationKind.ROLLBACK, None, express=True).phase is Phase.DONE
    assert offered == [("1",)], "twin: the store still holds v3 for the newest that served well"


def test_a_version_that_will_not_load_changes_nothing(ctx: Context, rollouts: Rollouts, world: World) -> None:
    world.unloadable = {"5"}
    refused = run(ctx, rollouts, version="5")
    assert refused.phase is Phase.REFUSED
    assert refused.problem is not None
    assert "refused to load v5" in refused.problem.what
    assert world.facts == ("2", "2", ("1", "2"))


def test_a_worse_version_is_unloaded_again(ctx: Context, rollouts: Rollouts, world: World) -> None:
    world.wrong = {"3"}
    refused = run(ctx, rollouts)
    assert refused.phase is Phase.REFUSED
    assert world.facts == ("2", "2", ("1", "2"))
    assert world.writes == ["load 2 3", "load 1 2"], "no traffic moved"


def test_quality_never_blocks_a_rollback(ctx: Context, rollouts: Rollouts, world: World) -> None:
    world.wrong = {"1"}
    assert run(ctx, rollouts, OperationKind.ROLLBACK, "1").phase is Phase.DONE
    assert world.stable == "1"


def test_it_goes_back_by_itself_when_another_version_answers(ctx: Context, rollouts: Rollouts, world: World) -> None:
    world.after["set_stable"] = lambda: setattr(world, "answering", "2" if world.stable == "3" else None)
    returned = run(ctx, rollouts)
    assert returned.phase is Phase.RETURNED
    assert returned.problem is not None
    assert "v2 answers" in returned.problem.what
    assert world.facts == ("2", "2", ("1", "2"))


def test_a_failed_way_back_is_loud_and_unloads_nothing(ctx: Context, rollouts: Rollouts, world: World) -> None:
    world.answering = "1"
    failed = run(ctx, rollouts)
    assert failed.phase is Phase.FAILED
    assert "Check by hand" in failed.summary
    assert world.ready == ("2", "3")
    assert ctx.events[-1].severity == "critical"


def test_a_plan_is_void_when_another_hand_moved_something(ctx: Context, rollouts: Rollouts, world: World) -> None:
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    world.alias = "1"
    ctx.ended.clear()
    rollouts.execute("op", plan.hash, "test", "ann", False)
    assert ctx.ended.wait(WITHIN_S)
    found = ctx.operations["op"]
    assert found.phase is Phase.REFUSED
    assert found.problem is not None
    assert found.problem.code == "conflict"
    assert world.writes == []


def test_an_alias_moved_meanwhile_is_a_conflict_and_is_left_alone(
    ctx: Context, rollouts: Rollouts, world: World
) -> None:
    world.after["set_stable"] = lambda: setattr(world, "alias", "4")
    returned = run(ctx, rollouts)
    assert returned.phase is Phase.RETURNED
    assert returned.problem is not None
    assert returned.problem.code == "conflict"
    assert world.alias == "4"
    assert world.stable == "2"


def test_a_timed_out_load_is_settled_by_reading(ctx: Context, rollouts: Rollouts, world: World) -> None:
    def slow_but_done() -> None:
        if "3" not in world.ready and world.stable == "2":
            world.ready = ("2", "3")
            raise TIMED_OUT

    world.faults["serve_versions"] = slow_but_done
    assert run(ctx, rollouts).phase is Phase.DONE


def test_a_load_that_timed_out_for_good_is_refused(ctx: Context, rollouts: Rollouts, world: World) -> None:
    world.faults["serve_versions"] = fails(TIMED_OUT)
    assert run(ctx, rollouts).phase in (Phase.REFUSED, Phase.FAILED)
    assert world.stable == "2"


@pytest.mark.parametrize("missing", ["reason", "plan", "golden", "store"])
def test_the_guard_before_the_first_effect(ctx: Context, rollouts: Rollouts, world: World, missing: str) -> None:
    ctx.has_golden = missing != "golden"
    ctx.view_only = "the disk is full" if missing == "store" else ""
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    with pytest.raises(ProblemError):
        rollouts.execute(
            "op", "?" if missing == "plan" else plan.hash, " " if missing == "reason" else "r", "ann", False
        )
    assert world.writes == []
    assert ctx.store.audit.count() == 0


def report(verdict: Verdict, direction: Direction, rule: str = "I6") -> Report:
    finding = Finding(rule, direction, verdict, "inputs.s5", "renamed", "it was renamed", "", Evidence(Level.DECLARED))
    return Report("3", "2", "triton", verdict, verdict, False, (finding,))


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.BLOCK, "blocked"), (Verdict.UNKNOWN, "unaccepted")])
def test_a_finding_keeps_the_deploy_from_starting(ctx: Context, world: World, verdict: Verdict, code: str) -> None:
    rollouts = Rollouts(ctx, PassingChecks(report(verdict, Direction.DEPLOY)))
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    with pytest.raises(ProblemError) as caught:
        rollouts.execute("op", plan.hash, "test", "ann", False)
    assert caught.value.problem.code == code
    assert world.writes == []


def test_twin_without_the_guard_the_blocked_deploy_would_run(
    ctx: Context, rollouts: Rollouts, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = Rollouts(ctx, PassingChecks(report(Verdict.BLOCK, Direction.DEPLOY)))
    monkeypatch.setattr(Rollouts, "_admit", lambda self, plan, *_asked: (plan, ()))
    assert run(ctx, blocked).phase is Phase.DONE
    assert world.stable == "3"


@pytest.mark.parametrize(("verdict", "rule"), [(Verdict.WARN, "S1"), (Verdict.BLOCK, "S4")])
def test_an_oversized_or_older_version_needs_somebody_who_answers_for_it(
    ctx: Context, rollouts: Rollouts, verdict: Verdict, rule: str
) -> None:
    oversized = Rollouts(ctx, PassingChecks(report(verdict, Direction.DEPLOY, rule)))
    with pytest.raises(ProblemError):
        run(ctx, oversized)
    assert run(ctx, oversized, accept_unknown=True).phase is Phase.DONE


def test_an_express_rollback_says_what_is_not_known_and_goes_all_the_same(ctx: Context, rollouts: Rollouts) -> None:
    back = Rollouts(ctx, PassingChecks(report(Verdict.UNKNOWN, Direction.ROLLBACK)))
    plan = back.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    assert plan.unknown == ()
    assert any(warning.startswith("Not known: I6") for warning in plan.warnings)
    assert run(ctx, back, OperationKind.ROLLBACK, "1", express=True).phase is Phase.DONE


def test_findings_of_the_other_direction_do_not_count(ctx: Context, world: World, rollouts: Rollouts) -> None:
    back = Rollouts(ctx, PassingChecks(report(Verdict.BLOCK, Direction.DEPLOY)))
    assert run(ctx, back, OperationKind.ROLLBACK, "1").phase is Phase.DONE


def test_the_same_operation_twice_is_one(ctx: Context, rollouts: Rollouts, world: World) -> None:
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    for _ in range(2):
        rollouts.execute("op", plan.hash, "test", "ann", False)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    assert world.writes == ["load 2 3", "route 3", "alias 3"]


def test_a_second_deploy_is_refused_and_a_rollback_takes_over(ctx: Context, rollouts: Rollouts, world: World) -> None:
    import threading

    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        go_on.wait(WITHIN_S)

    world.after["serve_versions"] = hold
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    rollouts.execute("first", plan.hash, "test", "ann", False)
    assert inside.wait(WITHIN_S)
    with pytest.raises(ProblemError, match="being changed right now"):
        rollouts.execute("second", plan.hash, "test", "bob", False)
    back = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    world.after.clear()
    threading.Timer(0.2, go_on.set).start()
    rollouts.execute("back", back.hash, "test", "bob", False)
    rollouts.close()
    assert ctx.operations["first"].phase is Phase.ABORTED
    assert ctx.operations["back"].phase is Phase.DONE
    assert world.stable == "1"


def test_another_way_back_takes_over_from_one_that_runs(ctx: Context, rollouts: Rollouts, world: World) -> None:
    import threading

    world.stable = world.alias = "3"
    world.ready = ("1", "2", "3")
    settings = replace(ctx.settings.services["digits"], automation={"rollback": "automatic"})
    ctx.settings = replace(ctx.settings, services={"digits": settings})
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        go_on.wait(WITHIN_S)

    world.after["set_stable"] = hold
    same = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "2", True)
    other = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    rollouts.execute("first", same.hash, "test", "ann", True)
    assert inside.wait(WITHIN_S)
    world.after.clear()
    with pytest.raises(ProblemError, match="being changed right now"):
        rollouts.execute("same", same.hash, "test", "bob", True)
    with pytest.raises(ProblemError, match="being changed right now"):
        rollouts.execute("by itself", other.hash, "test", "panel", True, automatic=True)
    threading.Timer(0.2, go_on.set).start()
    rollouts.execute("other", other.hash, "test", "bob", True)
    rollouts.close()
    assert ctx.operations["first"].phase is Phase.ABORTED
    assert ctx.operations["other"].phase is Phase.DONE
    assert world.stable == "1"


@pytest.mark.parametrize("left_open", [False, True], ids=("as it runs", "as it is settled"))
def test_whoever_hears_of_an_end_may_act_at_once(
    ctx: Context, rollouts: Rollouts, monkeypatch: pytest.MonkeyPatch, left_open: bool
) -> None:
    """The target is free before the end is told: no "is being changed right now" about what is over."""
    held: list[object] = []
    emit = ctx.emit

    def listening(*facts: Any) -> None:
        for fact in facts:
            if isinstance(fact, Operation) and fact.phase.ended:
                held.append((ctx.store.leases.holder(targets(ctx, "digits")), rollouts.running()))
        emit(*facts)

    if left_open:
        assert crash(ctx, OperationKind.DEPLOY, "3", "after", 3, monkeypatch)
    monkeypatch.setattr(ctx, "emit", listening)
    if left_open:
        rollouts.settle()
        assert ctx.ended.wait(WITHIN_S)
    else:
        run(ctx, rollouts)
    assert held == [(None, ())]


def test_each_effect_is_journaled_before_it_happens(ctx: Context, rollouts: Rollouts, world: World) -> None:
    seen: list[tuple[str, list[str]]] = []

    def note(effect: str) -> None:
        rows = [json.loads(row.body) for row in ctx.store.audit.of_operation("op") if row.action.endswith(".step")]
        seen.append((effect, [body["step"] for body in rows if body["state"] == "running"]))

    for call, effect in (("serve_versions", "load"), ("set_stable", "route"), ("set_alias", "alias")):
        world.faults[call] = lambda effect=effect: note(effect)
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    rollouts.execute("op", plan.hash, "test", "ann", False)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    assert [effect for effect, _ in seen] == ["load", "route", "alias"]
    assert all(effect in journaled for effect, journaled in seen)


def test_the_journal_cannot_be_written_so_nothing_happens(ctx: Context, rollouts: Rollouts, world: World) -> None:
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    ctx.store._database.close()

    def refuse(*args: Any, **named: Any) -> Any:
        raise ProblemError(replace(UNREACHABLE.problem, what="disk full"))

    ctx.store.audit.append = refuse
    with pytest.raises(ProblemError, match="disk full"):
        rollouts.execute("op", plan.hash, "test", "ann", False)
    assert world.writes == []


def test_steps_carry_their_evidence(ctx: Context, rollouts: Rollouts) -> None:
    done = run(ctx, rollouts)
    assert all(step.state is StepState.DONE and step.detail and step.ended_s for step in done.steps)

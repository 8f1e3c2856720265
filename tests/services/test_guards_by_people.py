"""Approvals, freezes, quarantine, automation, drills, the next safest target: on a small world and a real store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.compatibility.report import Direction, Evidence, Finding, Level, Report, Verdict
from mlcontrol.core.drill import DrillMode
from mlcontrol.core.freeze import Freeze
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import EventKind, ServiceState, TimelineEvent
from mlcontrol.services.drills import DrillRoom
from mlcontrol.services.permission import Permissions
from mlcontrol.services.planning import rollback_targets
from mlcontrol.services.rollouts import Rollouts
from mlcontrol.services.watch import Watch
from tests.services.rollout_world import SERVICE, Context, PassingChecks, World, opened

WITHIN_S = 30.0
ALWAYS = Freeze("sale", "black friday", starts="2000-01-01")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ctx(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    with opened(world, tmp_path) as context:
        yield context


@pytest.fixture
def rollouts(ctx: Context) -> Iterator[Rollouts]:
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


def configure(ctx: Context, *freezes: Freeze, **service: Any) -> None:
    ctx.settings = replace(
        ctx.settings,
        services={"digits": replace(SERVICE, **service)},
        freezes={freeze.id: freeze for freeze in freezes},
    )


def run(
    ctx: Context, rollouts: Rollouts, kind: OperationKind = OperationKind.DEPLOY, version: str | None = "3", **how: Any
) -> Operation:
    plan = rollouts.make_plan(kind, "digits", version, False)
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    rollouts.execute(operation, plan.hash, how.pop("reason", "errors rose"), "ann", False, **how)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    return ctx.operations[operation]


def refusal(ctx: Context, rollouts: Rollouts, **how: Any) -> str:
    with pytest.raises(ProblemError) as refused:
        run(ctx, rollouts, **how)
    return refused.value.problem.code


def test_a_freeze_binds_deploys_and_never_rollbacks(ctx: Context, rollouts: Rollouts, world: World) -> None:
    configure(ctx, ALWAYS)
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    assert any("black friday" in words for words in plan.warnings)
    assert refusal(ctx, rollouts) == "frozen"
    assert world.writes == []
    assert run(ctx, rollouts, OperationKind.ROLLBACK, "1").phase is Phase.DONE


def test_breaking_the_glass_is_loud_and_recorded_first(ctx: Context, rollouts: Rollouts) -> None:
    configure(ctx, ALWAYS, approval={"people": 1})
    assert run(ctx, rollouts, break_glass=True, reason="the old one leaks").phase is Phase.DONE
    actions = [row.action for row in reversed(ctx.store.audit.rows(None, 100))]
    assert actions.index("deploy.glass-broken") < actions.index("deploy.intent")
    event = next(event for event in ctx.events if "broke the glass" in event.title)
    assert "the old one leaks" in event.detail
    assert "black friday" in event.detail
    assert refusal(ctx, rollouts, version="4", break_glass=True, automatic=True) == "automation"


def test_an_approval_binds_the_hash_of_the_plan(ctx: Context, rollouts: Rollouts, world: World) -> None:
    """Fault 46: a plan made anew is another plan, unless it says the same of the same world."""
    configure(ctx, approval={"people": 1})
    permissions = Permissions(ctx)
    assert refusal(ctx, rollouts) == "approval"
    approved = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    permissions.approve("digits", approved.hash, "ann", "mine")
    assert refusal(ctx, rollouts) == "approval", "one's own yes is none"
    permissions.approve("digits", approved.hash, "bob", "looks fine")
    world.ready = ("2",)  # the world moved: the same wish makes another plan
    assert rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False).hash != approved.hash
    assert refusal(ctx, rollouts) == "approval"
    world.ready = ("1", "2")
    assert run(ctx, rollouts).phase is Phase.DONE


def test_an_edited_or_expired_approval_is_void(ctx: Context, rollouts: Rollouts) -> None:
    configure(ctx, approval={"people": 1, "valid_s": -1.0})
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    approval = Permissions(ctx).approve("digits", plan.hash, "bob", "fine")
    assert refusal(ctx, rollouts) == "approval", "expired"
    ctx.store.approvals.put(replace(approval, plan_hash="sha256:" + "0" * 64, expires_s=approval.at_s + 1000))
    assert refusal(ctx, rollouts) == "approval", "moved to another plan by hand"


def test_without_the_binding_an_old_approval_would_pass(
    ctx: Context, rollouts: Rollouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken twin: approvals that are not compared with the plan."""
    configure(ctx, approval={"people": 1})
    approval = Permissions(ctx).approve("digits", "sha256:" + "0" * 64, "bob", "something else")
    assert refusal(ctx, rollouts) == "approval"
    monkeypatch.setattr("mlcontrol.services.permission.standing", lambda *_: (approval,))
    assert run(ctx, rollouts).phase is Phase.DONE


def test_what_is_not_automatic_needs_a_person(ctx: Context, rollouts: Rollouts) -> None:
    assert refusal(ctx, rollouts, kind=OperationKind.ROLLBACK, version="1", automatic=True) == "automation"
    configure(ctx, automation={"rollback": "automatic"})
    assert run(ctx, rollouts, OperationKind.ROLLBACK, "1", automatic=True).phase is Phase.DONE


def test_what_was_rolled_back_stays_out_until_it_is_lifted_with_a_reason(ctx: Context, rollouts: Rollouts) -> None:
    assert run(ctx, rollouts, OperationKind.ROLLBACK, "1").phase is Phase.DONE
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "2", False)
    assert any(words.startswith("P2: v2 is in quarantine") and "errors rose" in words for words in plan.blocked_by)
    assert refusal(ctx, rollouts, version="2") == "blocked"
    permissions = Permissions(ctx)
    with pytest.raises(ProblemError):
        permissions.lift_quarantine("digits", "2", "bob", " ")
    permissions.lift_quarantine("digits", "2", "bob", "the feature is mended")
    assert run(ctx, rollouts, version="2").phase is Phase.DONE
    assert "quarantine.lifted" in [row.action for row in ctx.store.audit.rows(None, 100)]


class ChecksThatForbid(PassingChecks):
    """Returning to these versions is blocked."""

    def __init__(self, rule: str, *versions: str) -> None:
        super().__init__()
        self._rule, self._versions = rule, versions

    def check_return(self, service: str, target: str) -> Report:
        if target not in self._versions:
            return self.report
        evidence = Evidence(Level.PROBED)
        finding = Finding(
            rule=self._rule,
            direction=Direction.ROLLBACK,
            verdict=Verdict.BLOCK,
            subject=target,
            title="the artifact is there",
            why="its files are gone",
            remedy="restore them",
            evidence=evidence,
        )
        return replace(self.report, rollback=Verdict.BLOCK, findings=(finding,))


def test_the_next_safest_is_offered_when_the_first_target_cannot_take_over(ctx: Context, world: World) -> None:
    """Fault 40: the artifact of the first target is deleted; it is refused before any write."""
    world.stable = world.alias = "3"
    world.ready = ("1", "2", "3")
    rollouts = Rollouts(ctx, ChecksThatForbid("R16", "2"))
    plan = rollouts.make_plan(OperationKind.ROLLBACK, "digits", None, True)
    assert (plan.to_version, plan.blocked_by) == ("1", ())
    assert "v2 would come first, but cannot take over: R16: its files are gone" in plan.warnings[0]
    asked_for = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "2", True)
    assert asked_for.blocked_by
    with pytest.raises(ProblemError):
        rollouts.execute("op", asked_for.hash, "now", "ann", False)
    assert world.writes == []
    assert run(ctx, rollouts, OperationKind.ROLLBACK, None).to_version == "1"


def test_without_a_proven_version_the_way_back_is_what_carried_the_traffic_before(ctx: Context, world: World) -> None:
    """Somebody swaps the version in a fleet's first minute: back to what answered, not to the newest that was ever registered."""
    world.stable, world.ready = "5", ("2", "5")
    assert rollback_targets(ctx, "digits", "5")[0] == "4"  # the twin: nothing was seen
    moved = TimelineEvent("m", 10.0, EventKind.ROUTE, "Traffic goes to v5", "digits", version_from="2", version_to="5")
    ctx.store.timeline.append([moved])
    plan = Rollouts(ctx, PassingChecks()).make_plan(OperationKind.ROLLBACK, "digits", None, True)
    assert (plan.to_version, plan.blocked_by) == ("2", ())
    ctx.store.knowledge.quarantine("digits", "2", "errors", "ann")
    assert rollback_targets(ctx, "digits", "5")[0] == "4"


def watch(ctx: Context, checks: PassingChecks) -> Watch:
    return Watch(ctx, checks, DrillRoom(ctx, checks), lambda error, _where: pytest.fail(str(error)), lambda: None)


def test_the_watch_plans_the_return_before_it_is_needed(ctx: Context, world: World) -> None:
    world.stable = world.alias = "3"
    found = watch(ctx, ChecksThatForbid("I4", "1", "2")).plan_return("digits")
    assert found is not None
    assert (found.current, found.target, found.one_way) == ("3", "2", True)
    assert ctx.store.drills.last_return("digits") == found
    found = watch(ctx, ChecksThatForbid("R16", "1", "2")).plan_return("digits")
    assert found is not None
    assert (found.blocked != "", found.one_way) == (True, False)
    found = watch(ctx, ChecksThatForbid("R16", "2")).plan_return("digits")
    assert found is not None
    assert (found.target, found.blocked) == ("1", "")


def test_a_drill_on_a_shadow_moves_no_traffic_and_is_timed(ctx: Context, world: World) -> None:
    world.ready = ("2",)
    drill = DrillRoom(ctx, PassingChecks()).run("digits", DrillMode.SHADOW, "ann", "practice")
    assert drill.ok
    assert drill.total_s is not None
    assert world.writes == ["load 2 1", "load 2"]
    assert ctx.store.drills.of("digits") == (drill,)
    assert ctx.store.drills.last_passed_s("digits") == drill.at_s
    assert ctx.events[-1].title == "Drill of the way back to v1 passed"
    assert dict(ctx.store.knowledge.quarantined("digits")) == {}


def quiet(ctx: Context, monkeypatch: pytest.MonkeyPatch, per_s: float | None) -> None:
    state = FleetState(ctx.settings, services={"digits": ServiceState("digits", traffic_per_s=per_s)})
    monkeypatch.setattr(ctx, "state", lambda: state)


def test_a_drill_for_real_takes_the_traffic_there_and_back(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet(ctx, monkeypatch, 0.2)
    drill = DrillRoom(ctx, PassingChecks()).run("digits", DrillMode.REAL, "ann", "practice")
    assert drill.ok, drill.words
    assert [w for w in world.writes if not w.startswith("load")] == ["route 1", "route 2"]
    assert (world.alias, world.stable) == ("2", "2")
    assert dict(ctx.store.knowledge.quarantined("digits")) == {}, "a drill blames nobody"


@pytest.mark.parametrize("per_s", [None, 5.0])
def test_a_drill_for_real_waits_for_a_quiet_hour(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch, per_s: float | None
) -> None:
    quiet(ctx, monkeypatch, per_s)
    with pytest.raises(ProblemError) as refused:
        DrillRoom(ctx, PassingChecks()).run("digits", DrillMode.REAL, "ann", "practice")
    assert "no quiet hour" in refused.value.problem.what
    assert world.writes == []


def test_a_failed_drill_is_an_answer_and_leaves_the_traffic_where_it_was(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet(ctx, monkeypatch, 0.0)
    world.answering = "2"  # whatever the router is told
    drill = DrillRoom(ctx, PassingChecks()).run("digits", DrillMode.REAL, "ann", "practice")
    assert not drill.ok
    assert drill.total_s is None
    assert world.stable == "2"
    assert ctx.store.drills.last_passed_s("digits") is None


def test_scheduled_drills_are_held_when_due(ctx: Context) -> None:
    configure(ctx, drill={"every": "7d"})
    keeper = watch(ctx, PassingChecks())
    keeper.due_drills()
    assert [drill.ok for drill in ctx.store.drills.of("digits")] == [True]
    keeper._drilled_at = 0.0
    keeper.due_drills()
    assert len(ctx.store.drills.of("digits")) == 1, "not due again"


def test_another_engines_operation_is_told(ctx: Context, world: World, tmp_path: Path) -> None:
    keeper = watch(ctx, PassingChecks())
    keeper.neighbours()
    with opened(world, tmp_path) as other:
        rollouts = Rollouts(other, PassingChecks())
        plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
        rollouts.execute("op", plan.hash, "test", "bob", False)
        assert other.ended.wait(WITHIN_S)
        rollouts.close()
    keeper.neighbours()
    assert ctx.operations["op"].actor == "bob"
    assert ctx.operations["op"].phase is Phase.DONE

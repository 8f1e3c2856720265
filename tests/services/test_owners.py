"""The owner of a target is named before acting: in the plan, under the policy, and by what another hand does to our writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.core.compatibility.policy import Grant, Policy, Severity
from mlcontrol.core.compatibility.report import Verdict
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.owner import OwnerKind, PutBack, owner_words, put_back_event
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.types import EventKind, Health
from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.rollouts import TABLE
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import UNREACHABLE, Context, PassingChecks, World, opened
from tests.services.test_collector import Bench

STOPS = Severity("R17", Verdict.BLOCK)


@dataclass
class Tagged(World):
    """A world whose registry keeps tags."""

    tags: dict[str, str] = field(default_factory=dict)

    def annotations(self, name: str, deadline_s: float = 2.0) -> dict[str, str]:
        self._ask("annotations")
        return self.tags


@pytest.fixture
def world() -> Tagged:
    return Tagged()


@pytest.fixture
def ctx(world: Tagged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    with opened(world, tmp_path) as context:
        yield context


@pytest.fixture
def rollouts(ctx: Context) -> Iterator[Rollouts]:
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


def put_back(ctx: Context, times: int) -> None:
    now = ctx.clock.utc_s()
    backs = [PutBack("alias", "3", "2", now - 60 * i - 10, now - 60 * i - 6) for i in range(times)]
    ctx.store.timeline.append([put_back_event("digits", back, i) for i, back in enumerate(backs)])


def deploy_and_rollback(rollouts: Rollouts) -> tuple[Plan, Plan]:
    return (
        rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False),
        rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True),
    )


def r17(sentences: tuple[str, ...]) -> list[str]:
    return [sentence for sentence in sentences if sentence.startswith("R17: ")]


def test_without_a_sign_no_owner_is_found_and_that_is_what_is_said(rollouts: Rollouts) -> None:
    for plan in deploy_and_rollback(rollouts):
        assert (plan.owners, plan.owners_unread) == ((), ())
        assert owner_words(plan.owners) == "no owner found"
        assert not r17(plan.warnings)


def test_a_tag_names_its_owner_in_both_directions(rollouts: Rollouts, world: Tagged) -> None:
    world.tags = {"argocd.argoproj.io/instance": "digits-prod", "owner": "team vision"}
    deploy, rollback = deploy_and_rollback(rollouts)
    for plan in (deploy, rollback):
        assert "Argo CD application digits-prod" in r17(plan.warnings)[0]
        assert "pause its sync" in r17(plan.warnings)[0]
        assert {one.kind for one in plan.owners} == {OwnerKind.KEEPER, OwnerKind.OWNER}
        assert plan.blocked_by == ()
    assert "may be undone" in r17(rollback.warnings)[0]


def test_a_label_of_the_workspace_names_it_too(ctx: Context, rollouts: Rollouts) -> None:
    service = replace(ctx.settings.services["digits"], labels={"managed_by": "the platform team's operator"})
    ctx.settings = replace(ctx.settings, services={"digits": service})
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    assert "the platform team's operator" in r17(plan.warnings)[0]


def test_who_cannot_be_asked_is_named_and_stops_nothing(rollouts: Rollouts, world: Tagged) -> None:
    def fail() -> None:
        raise UNREACHABLE

    world.faults["annotations"] = fail
    plan = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    assert len(plan.owners_unread) == 3
    assert "Connection refused" in owner_words(plan.owners, plan.owners_unread)
    assert plan.blocked_by == ()


def test_a_shell_can_ask_for_the_owners_without_a_plan(ctx: Context, world: Tagged) -> None:
    world.tags = {"managed-by": "argocd"}
    desk: Any = SimpleNamespace(ctx=ctx)
    answer = TABLE[m.FindOwners][1](desk, m.FindOwners(request="r", service="digits", version="3"), lambda *_: None)
    assert isinstance(answer, m.OwnersAnswer)
    assert (answer.request, {owner.name for owner in answer.owners}, answer.unread) == ("r", {"argocd"}, ())


def test_a_sync_that_was_seen_is_named_by_what_it_does(ctx: Context, rollouts: Rollouts) -> None:
    put_back(ctx, 2)
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    (sentence,) = r17(plan.warnings)
    assert "v3 was put back to v2 4 s after the panel's write" in sentence
    assert "2 times" in sentence
    assert "an automatic sync" in sentence


@pytest.mark.parametrize("grants", [(), (Grant("R17", ("*",)),)])
def test_a_policy_makes_a_deploy_wait_for_somebodys_reason_never_a_rollback(
    ctx: Context, rollouts: Rollouts, world: Tagged, grants: tuple[Grant, ...]
) -> None:
    world.tags = {"managed-by": "argocd"}
    ctx.settings = replace(ctx.settings, policy=Policy((STOPS,), grants=grants))
    deploy, rollback = deploy_and_rollback(rollouts)
    assert len(r17(deploy.blocked_by)) == 3  # this world is registry, endpoint and router in one
    assert rollback.blocked_by == ()
    assert "may be undone" in r17(rollback.warnings)[0]
    assert bool(deploy.overridable) == bool(grants)
    with pytest.raises(ProblemError, match="may not be deployed"):
        rollouts.execute("op1", deploy.hash, "test", "ann", True)
    if grants:
        ctx.ended.clear()
        rollouts.execute("op2", deploy.hash, "test", "ann", False, overrides={"R17": "its sync is paused"})
        assert ctx.ended.wait(20)
        assert ctx.operations["op2"].phase is Phase.DONE
    ctx.ended.clear()
    rollback = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    rollouts.execute("op3", rollback.hash, "test", "ann", False)
    assert ctx.ended.wait(20)
    assert ctx.operations["op3"].phase is Phase.DONE


def test_every_write_that_was_read_back_is_remembered_with_what_was_there(ctx: Context, rollouts: Rollouts) -> None:
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    rollouts.execute("op", plan.hash, "test", "ann", False)
    assert ctx.ended.wait(20)
    assert ctx.written == [
        ("load triton", ("1", "2"), ("2", "3")),
        ("route", ("2", None, 0.0), ("3", None, 0.0)),
        ("alias", "2", "3"),
    ]


# What the collector makes of it: `Bench` is the collector, driven by hand.


def wrote(bench: Bench, what: str, before: object, now: object) -> None:
    bench.expectations.expect("digits", what, bench.clock.mono_s() + 30)
    bench.expectations.wrote("digits", what, before, now, bench.clock.stamp())  # type: ignore[arg-type]


def put_backs(bench: Bench) -> list[str]:
    return [event.title for event in bench.hub.state().events if event.id.startswith("put-back/")]


def test_an_alias_that_is_put_back_is_told_once_although_the_panel_expects_changes(bench: Bench) -> None:
    bench.poll()
    bench.world.alias = "3"
    wrote(bench, "alias", "2", "3")
    bench.poll(2)
    bench.world.alias = "2"
    bench.poll(2)
    bench.poll(2)
    assert put_backs(bench) == ["The registry's choice was put back from v3 to v2, 4 s after the panel's write"]
    assert len(bench.events(EventKind.ALIAS)) == 1  # and not once more as "seen from outside"
    assert bench.events(EventKind.ALIAS)[0].severity is Health.CRITICAL


def test_one_that_is_faster_than_the_polls_is_seen_all_the_same(bench: Bench) -> None:
    bench.poll()
    wrote(bench, "route", ("2", None, 0.0), ("3", None, 0.0))
    bench.poll(2)  # the router has it back already: both polls found v2
    assert put_backs(bench) == ["The traffic was put back from v3 to v2, 2 s after the panel's write"]


def test_the_panels_own_way_back_is_no_other_hand(bench: Bench) -> None:
    bench.poll()
    bench.world.alias = "3"
    wrote(bench, "alias", "2", "3")
    bench.poll(2)
    bench.world.alias = "2"
    wrote(bench, "alias", "3", "2")
    bench.poll(2)
    assert put_backs(bench) == []


@pytest.mark.parametrize("found", ["1", "3"])
def test_moved_on_or_kept_is_not_put_back(bench: Bench, found: str) -> None:
    bench.poll()
    bench.world.alias = found
    wrote(bench, "alias", "2", "3")
    bench.poll(2)
    assert put_backs(bench) == []


def test_a_server_that_did_not_answer_in_between_may_have_restarted(bench: Bench) -> None:
    bench.poll()
    bench.world.routed = "3"
    wrote(bench, "route", ("2", None, 0.0), ("3", None, 0.0))
    bench.poll(2)
    bench.world.frozen = {"router"}
    bench.poll(2)
    bench.world.frozen, bench.world.routed = set(), "2"
    bench.poll(2)
    assert put_backs(bench) == []


def test_what_is_changed_much_later_undoes_nothing(bench: Bench) -> None:
    bench.poll()
    bench.world.alias = "3"
    wrote(bench, "alias", "2", "3")
    bench.poll(2)
    bench.world.alias = "2"
    bench.poll(1000)
    assert put_backs(bench) == []
    assert len(bench.events(EventKind.ALIAS)) == 1


def test_a_quarantined_version_put_back_right_after_a_rollback_is_an_alert(bench: Bench) -> None:
    """Without what was written, the thirty seconds in which the panel expects changes of its own would hide it."""
    bench.world.alias = bench.world.routed = "3"
    bench.poll()
    bench.store.rolled_back["3"] = "errors rose."
    bench.world.alias = bench.world.routed = "2"
    wrote(bench, "alias", "3", "2")
    bench.poll(2)
    bench.world.alias = "3"
    bench.poll(2)
    assert ["v3 is back from quarantine" in event.title for event in bench.events(EventKind.ALERT)] == [True]


def test_twin_a_panel_that_remembers_no_write_takes_another_hand_for_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard is worth something: without it the same story is told to nobody."""
    monkeypatch.setattr(type(bench.expectations), "undone", lambda *_args: None)
    bench.poll()
    bench.world.alias = "3"
    wrote(bench, "alias", "2", "3")
    bench.poll(2)
    bench.world.alias = "2"
    bench.poll(2)
    assert put_backs(bench) == []
    assert bench.events(EventKind.ALIAS) == []


@pytest.fixture
def bench() -> Bench:
    return Bench()

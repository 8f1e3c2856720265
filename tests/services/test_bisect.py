"""A bisect in an incident: two close suspects, a small share back to the version before, a verdict, the split as it was found."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlcontrol.core.bisect import Found
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.ports.errors import Unreachable
from mlcontrol.services.incidents.bisecting import Bisecting
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.rollouts import Rollouts
from tests.services.burning_world import WITHIN_S, Burning, briefing, incidents
from tests.services.rollout_world import PassingChecks, fails
from tests.services.staged_world import StagedWorld

__all__ = ["briefing", "incidents"]

RESTORED = ["split 10 1", "split off"]


@pytest.fixture
def world() -> StagedWorld:
    """Version 2 has the traffic; version 1 is loaded beside it."""
    return StagedWorld(stable="2", alias="2", fails={"2": 0.2})


@pytest.fixture
def ctx(world: StagedWorld, tmp_path: Path) -> Iterator[Burning]:
    made = Burning(world, tmp_path)
    made.store.timeline.append(
        [TimelineEvent("c1", made.began_s - 35, EventKind.CONFIG, "timeout 2 s", "digits", actor="ops")]
    )
    yield made
    made.store.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlcontrol.services.staging.QUICK_S", 0.01)
    monkeypatch.setattr("mlcontrol.services.incidents.briefing.ANALYSED_FOR_S", 0.0)


@pytest.fixture
def rollouts(ctx: Burning) -> Iterator[Rollouts]:
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


@pytest.fixture
def bisecting(ctx: Burning, rollouts: Rollouts, briefing: Briefing) -> Bisecting:
    return Bisecting(ctx, rollouts, briefing.brief)


def begin(ctx: Burning, rollouts: Rollouts, bisecting: Bisecting, incident: str) -> str:
    plan = bisecting.plan(incident)
    assert (plan.kind, plan.from_version, plan.to_version) == (OperationKind.BISECT, "2", "1")
    operation = uuid.uuid4().hex
    rollouts.execute(operation, plan.hash, "v2 or the timeout", "ann", True)
    return operation


def ended(ctx: Burning, operation: str) -> Operation:
    assert ctx.ended.wait(WITHIN_S)
    return ctx.operations[operation]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_version_that_does_worse_is_named_and_the_split_is_as_it_was(
    ctx: Burning, world: StagedWorld, incidents: Incidents, rollouts: Rollouts, bisecting: Bisecting, briefing: Briefing
) -> None:
    one = incidents.declare("digits", "ann")
    before = briefing.brief(one.id)
    assert not before.separable
    assert before.bisect is not None
    assert (before.bisect.state, before.bisect.suspected, before.bisect.before) == ("possible", "2", "1")
    assert before.bisect.other == "timeout 2 s"
    done = ended(ctx, begin(ctx, rollouts, bisecting, one.id))
    assert (done.phase, done.found) == (Phase.DONE, Found.NAMED), (done.summary, done.problem)
    assert world.writes == RESTORED
    assert (world.stable, world.canary, world.alias, world.ready) == ("2", None, "2", ("1", "2"))
    ctx.store.timeline.append(ctx.events)
    after = briefing.brief(one.id)
    assert after.bisect is not None
    assert after.bisect.state == Found.NAMED
    assert after.suspects[0].title == "deploy of v2"
    assert after.separable
    assert after.suspects[0].probability > 0.9 > before.suspects[0].probability
    said = [line.text for line in after.log if line.text.startswith("bisect")]
    assert said[0] == "bisect of v2 against v1 begun: 10 % to the version before, compared, and back"
    assert "v2 does worse than v1 at the same moment" in said[1]
    assert ctx.store.audit.verify().ok
    with pytest.raises(ProblemError, match="has decided"):
        bisecting.plan(one.id)


def test_a_version_that_fails_as_the_one_before_is_cleared(
    ctx: Burning, world: StagedWorld, incidents: Incidents, rollouts: Rollouts, bisecting: Bisecting, briefing: Briefing
) -> None:
    world.fails = {"1": 0.2, "2": 0.2}
    one = incidents.declare("digits", "ann")
    done = ended(ctx, begin(ctx, rollouts, bisecting, one.id))
    assert (done.phase, done.found) == (Phase.DONE, Found.CLEARED), (done.summary, done.problem)
    assert world.writes == RESTORED
    assert briefing.brief(one.id).suspects[0].title == "timeout 2 s"


def test_inconclusive_is_a_verdict_and_may_be_tried_again(
    ctx: Burning, world: StagedWorld, incidents: Incidents, rollouts: Rollouts, bisecting: Bisecting,
    briefing: Briefing, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("mlcontrol.core.bisect.LONGEST_S", 0.3)
    world.per_look = 0
    one = incidents.declare("digits", "ann")
    done = ended(ctx, begin(ctx, rollouts, bisecting, one.id))
    assert (done.phase, done.found) == (Phase.DONE, Found.INCONCLUSIVE)
    assert done.summary.startswith("Inconclusive")
    assert world.writes == RESTORED
    brief = briefing.brief(one.id)
    assert brief.bisect is not None
    assert brief.bisect.state == Found.INCONCLUSIVE
    assert not brief.separable
    assert bisecting.plan(one.id).to_version == "1"


def test_twin_a_judge_that_takes_no_data_for_an_answer_would_clear_it(
    ctx: Burning, world: StagedWorld, incidents: Incidents, rollouts: Rollouts, bisecting: Bisecting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("mlcontrol.core.bisect.LONGEST_S", 0.3)
    monkeypatch.setattr("mlcontrol.core.judge.verdict.Judgement.allows_more", True)
    world.per_look = 0
    one = incidents.declare("digits", "ann")
    assert ended(ctx, begin(ctx, rollouts, bisecting, one.id)).found == Found.CLEARED


def test_cancelled_it_puts_the_split_back(
    ctx: Burning, world: StagedWorld, incidents: Incidents, rollouts: Rollouts, bisecting: Bisecting, briefing: Briefing
) -> None:
    world.per_look = 0
    one = incidents.declare("digits", "ann")
    operation = begin(ctx, rollouts, bisecting, one.id)
    until(lambda: world.looks > 3)
    running = briefing.brief(one.id).bisect
    assert running is not None
    assert (running.state, running.operation) == ("running", operation)
    rollouts.abort(operation, "ann", "not now")
    done = ended(ctx, operation)
    assert (done.phase, done.found) == (Phase.ABORTED, "")
    assert world.writes == RESTORED
    again = briefing.brief(one.id).bisect
    assert again is not None
    assert again.state == "possible"
    assert "Aborted" in again.words


def test_the_way_back_takes_over_from_a_bisect(
    ctx: Burning, world: StagedWorld, incidents: Incidents, rollouts: Rollouts, bisecting: Bisecting
) -> None:
    world.per_look = 0
    one = incidents.declare("digits", "ann")
    operation = begin(ctx, rollouts, bisecting, one.id)
    until(lambda: world.looks > 3)
    plan = rollouts.make_plan(OperationKind.ROLLBACK, "digits", None, True)
    rollouts.execute("back", plan.hash, "errors rose", "ann", True)
    until(lambda: "back" in ctx.operations and ctx.operations["back"].phase.ended)
    assert (ctx.operations[operation].phase, ctx.operations["back"].phase) == (Phase.ABORTED, Phase.DONE)
    assert (world.stable, world.canary, world.alias) == ("1", None, "1")


def test_a_share_that_another_hand_moves_decides_nothing(
    ctx: Burning, world: StagedWorld, incidents: Incidents, rollouts: Rollouts, bisecting: Bisecting
) -> None:
    world.per_look = 0
    world.at_look = {4: lambda: setattr(world, "stable", "3")}
    one = incidents.declare("digits", "ann")
    done = ended(ctx, begin(ctx, rollouts, bisecting, one.id))
    assert (done.phase, done.found) == (Phase.CONFLICT, "")
    assert (world.stable, world.canary) == ("3", None), (
        "what the other hand did stands; the bisect's share is taken back"
    )


def test_an_engine_that_ends_in_a_bisect_has_its_share_taken_back_by_the_next(
    ctx: Burning, world: StagedWorld, incidents: Incidents, rollouts: Rollouts, bisecting: Bisecting
) -> None:
    world.per_look = 0
    one = incidents.declare("digits", "ann")

    operation = begin(ctx, rollouts, bisecting, one.id)
    until(lambda: world.looks > 3)
    rollouts.close()
    assert world.percent == 10.0, "what an engine that ends leaves"
    later = Rollouts(ctx, PassingChecks())
    try:
        later.settle()
        until(lambda: operation not in ctx.store.audit.open_operations())
    finally:
        later.close()
    assert world.percent == 0.0
    assert ctx.operations[operation].phase is Phase.RETURNED


def test_nothing_is_bisected_where_one_suspect_stands_out_or_the_router_is_silent(
    ctx: Burning, world: StagedWorld, incidents: Incidents, bisecting: Bisecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = incidents.declare("digits", "ann")
    world.faults = {"split": fails(Unreachable(Problem("The router refuses.")))}
    with pytest.raises(ProblemError, match="The router refuses"):
        bisecting.plan(one.id)
    world.faults = {}
    monkeypatch.setattr("mlcontrol.services.incidents.bisecting.close_suspects", lambda *_: None)
    with pytest.raises(ProblemError, match="nothing to bisect"):
        bisecting.plan(one.id)
    assert world.writes == []

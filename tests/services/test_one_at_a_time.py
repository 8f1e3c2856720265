"""An endpoint that holds one version only: nothing can be tried beside, and the plan says so before it is done."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.ports.errors import Rejected
from mlcontrol.ports.routing import Split
from mlcontrol.ports.serving import ReaderRules, ServingCapabilities
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import SERVICE, Context, PassingChecks, World, opened

WITHIN_S = 20.0


ALONE = ServingCapabilities(False, True, ReaderRules("strict", "reject", "reject", True))


@dataclass
class OneAtATime(World):
    """As Ray Serve: no router in front, and a load replaces what was there."""

    ready: tuple[str, ...] = ("2",)
    capabilities: ServingCapabilities = ALONE

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 5.0) -> None:
        if len(versions) != 1:
            raise Rejected(Problem("It holds one version at a time."))
        super().serve_versions(model, versions)
        self.stable = versions[0]

    def split(self, route: str, deadline_s: float = 5.0) -> Split:
        raise AssertionError("there is no router to ask")


@pytest.fixture
def world() -> OneAtATime:
    return OneAtATime()


@pytest.fixture
def ctx(world: OneAtATime, tmp_path: Path) -> Iterator[Context]:
    with opened(world, tmp_path) as context:
        context.settings = replace(context.settings, services={"digits": replace(SERVICE, routing="", route="")})
        yield context


@pytest.fixture
def rollouts(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rollouts]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


def run(ctx: Context, rollouts: Rollouts, kind: OperationKind, version: str, accept: bool) -> Operation:
    plan = rollouts.make_plan(kind, "digits", version, kind is OperationKind.ROLLBACK)
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    rollouts.execute(operation, plan.hash, "test", "ann", accept)
    assert ctx.ended.wait(WITHIN_S)
    return ctx.operations[operation]


def test_a_deploy_needs_somebody_who_accepts_that_nothing_was_tried(
    ctx: Context, rollouts: Rollouts, world: OneAtATime
) -> None:
    with pytest.raises(ProblemError) as told:
        run(ctx, rollouts, OperationKind.DEPLOY, "3", accept=False)
    assert told.value.problem.code == "unaccepted"
    assert "cannot be asked beforehand, and callers wait while it starts" in told.value.problem.why
    done = run(ctx, rollouts, OperationKind.DEPLOY, "3", accept=True)
    assert done.phase is Phase.DONE, done.problem
    assert world.writes == ["load 3", "alias 3"]
    details = {step.id: step.detail for step in done.steps}
    assert "loaded when the traffic moves" in details["load"]
    assert "not asked beforehand" in details["golden"]
    assert "answered 5 of 5" in details["verify"]


def test_a_version_that_answers_wrongly_is_taken_back(ctx: Context, rollouts: Rollouts, world: OneAtATime) -> None:
    world.answering = "2"  # whatever was loaded
    failed = run(ctx, rollouts, OperationKind.DEPLOY, "3", accept=True)
    assert failed.phase in (Phase.RETURNED, Phase.FAILED)
    assert world.writes == ["load 3", "load 2"]


def test_a_version_that_does_not_start_ends_with_the_old_one(
    ctx: Context, rollouts: Rollouts, world: OneAtATime
) -> None:
    world.unloadable = {"3"}
    failed = run(ctx, rollouts, OperationKind.DEPLOY, "3", accept=True)
    assert failed.phase is Phase.RETURNED, failed.problem
    assert world.ready == ("2",)


def test_the_way_back_is_never_kept_by_it(ctx: Context, rollouts: Rollouts, world: OneAtATime) -> None:
    plan = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    assert any("holds one version at a time" in words for words in plan.warnings)
    assert run(ctx, rollouts, OperationKind.ROLLBACK, "1", accept=False).phase is Phase.DONE
    assert world.writes == ["load 1", "alias 1"]

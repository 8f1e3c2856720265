"""A change is started once, and on what is true when it starts: doubled requests, plans that a colleague's act has overtaken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.types import VersionSummary
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import Context, PassingChecks, opened
from tests.services.staged_world import StagedWorld
from tests.services.test_staged_rollouts import WITHIN_S, begin, state, until

CHECKED, FOUND = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@pytest.fixture
def world() -> StagedWorld:
    return StagedWorld(per_look=10, ready=("1", "2", "3"))


@pytest.fixture
def ctx(world: StagedWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.effects.LOAD_SETTLE_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.staging.QUICK_S", 0.02)
    with opened(world, tmp_path) as context:
        yield context


@pytest.fixture
def rollouts(ctx: Context) -> Iterator[Rollouts]:
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


@pytest.mark.parametrize("refused", [False, True], ids=("started", "refused"))
def test_a_request_that_is_sent_again_while_the_first_still_starts_is_the_same_one(
    ctx: Context, rollouts: Rollouts, refused: bool
) -> None:
    """Its answer was lost, and the caller did not wait: both hear the same, and one operation is journaled."""
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    together, heard = threading.Barrier(4), []

    def send() -> None:
        together.wait()
        try:
            rollouts.execute("op", plan.hash, "" if refused else "test", "ann", True)
            heard.append("")
        except ProblemError as error:
            heard.append(error.problem.code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        assert heard == ["refused"] * 4
        return
    assert heard == [""] * 4
    assert ctx.ended.wait(WITHIN_S)
    rows = [row.action for row in ctx.store.audit.of_operation("op")]
    assert rows.count("deploy.intent") == 1
    assert rows.count("deploy.outcome") == 1


def test_a_plan_made_before_its_version_was_rolled_back_does_not_bring_it_back(
    ctx: Context, rollouts: Rollouts, world: StagedWorld
) -> None:
    """Everything the plan assumed holds again; only the quarantine tells what happened in between."""
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    ctx.store.knowledge.quarantine("digits", "3", "errors rose", "bob")
    with pytest.raises(ProblemError, match="since this plan was made") as refused:
        rollouts.execute("op", plan.hash, "test", "ann", True)
    assert refused.value.problem.code == "blocked"
    assert "errors rose" in refused.value.problem.why
    assert world.writes == []


def test_twin_without_looking_again_the_quarantined_version_returns(
    ctx: Context, rollouts: Rollouts, world: StagedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    ctx.store.knowledge.quarantine("digits", "3", "errors rose", "bob")
    monkeypatch.setattr("mlcontrol.services.permission.Permissions.require_no_quarantine", lambda *_: None)
    rollouts.execute("op", plan.hash, "test", "ann", True)
    assert ctx.ended.wait(WITHIN_S)
    assert world.stable == "3"


def test_a_rollback_that_takes_over_reads_its_files_again_all_the_same(
    ctx: Context, rollouts: Rollouts, world: StagedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 41: what else has changed by the takeover is no reason to trust files that were not the ones checked."""
    versions = tuple(VersionSummary(v, digest=CHECKED) for v in ("3", "2", "1"))
    monkeypatch.setattr(world, "versions", lambda *_: versions)
    files = {"3": CHECKED, "2": CHECKED, "1": CHECKED}
    digest: Any = lambda _model, version: files[version]  # noqa: E731
    world.digest = digest  # type: ignore[attr-defined]
    first = begin(ctx, rollouts)
    until(lambda: state(ctx, first) is not None)
    back = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    files["1"] = FOUND
    rollouts.execute("back", back.hash, "errors rose", "bob", True)
    rollouts.close()
    done = ctx.operations["back"]
    assert done.phase is Phase.REFUSED
    assert done.problem is not None
    assert FOUND[:15] in done.problem.why
    assert world.stable == "2"

"""A golden query to which no answer came says nothing of the version: asked once more, then unknown, never wrong."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.cli.exit_codes import UNKNOWN, of_problem
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import AdapterError, ServerFailed
from mlcontrol.services import golden_run
from mlcontrol.services.golden_run import run_golden
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import ITEMS, TIMED_OUT, UNREACHABLE, Context, PassingChecks, World, opened

ALWAYS = 1_000


class Stalled(World):
    """``silent``: how many more times the item of this number gets no answer, if version 3 is asked."""

    def __init__(self, silent: dict[int, int], error: AdapterError = TIMED_OUT) -> None:
        super().__init__(ready=("1", "2", "3"))
        self.silent, self.error = silent, error
        self.asked: list[int] = []

    def infer(self, model: str, inputs: Any, version: str | None = None, deadline_s: float = 5.0) -> Any:
        item = inputs["x"][0][0]
        if version == "3":
            self.asked.append(item)
            if self.silent.get(item, 0):
                self.silent[item] -= 1
                raise self.error
        return super().infer(model, inputs, version, deadline_s)


class AtOnce(Stalled):
    """An endpoint whose adapter asks many at once: a stall meets all that are under way."""

    def infer_many(self, model: str, queries: Any, version: str, per_s: float, deadline_s: float) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, inputs in queries.items():
            try:
                found[name] = self.infer(model, inputs, version, deadline_s)
            except AdapterError as error:
                found[name] = error
        return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(golden_run, "MAX_PER_S", 2_000.0)
    return tmp_path


@pytest.mark.parametrize("world", [Stalled({0: 1}), AtOnce({0: 1, 1: 1, 2: 1, 3: 1})])
def test_who_was_silent_for_a_moment_is_asked_once_more_and_counts_as_it_answers(world: Stalled, folder: Path) -> None:
    with opened(world, folder) as ctx:
        found = run_golden(ctx, "digits", "3", None)
        assert (found.score.right, found.score.n, found.score.unknown) == (6, 6, ())
        assert found.problem("3") is None
        assert [one.version for one in ctx.store.golden_scores.generations("digits")] == ["3"]


@pytest.mark.parametrize(
    "world",
    [AtOnce({0: ALWAYS}), AtOnce({0: ALWAYS}, UNREACHABLE), Stalled({1: ALWAYS}), AtOnce(dict.fromkeys(range(5), 2))],
)
def test_lasting_silence_is_unknown_and_no_failure(world: Stalled, folder: Path) -> None:
    with opened(world, folder) as ctx:
        found = run_golden(ctx, "digits", "3", None)
        assert found.score.unknown
        assert found.score.critical_failed == ()
        assert ctx.store.golden_scores.generations("digits") == (), "half a set is no score"
        problem = found.problem("3")
    assert problem is not None
    assert (problem.code, of_problem(problem)) == ("unknown", UNKNOWN)
    assert "not answered, the first: " in problem.why


def test_a_failure_of_the_server_on_an_item_is_still_the_versions_own(folder: Path) -> None:
    world = AtOnce({0: ALWAYS}, ServerFailed(Problem("It raised.", code="server-failed")))
    with opened(world, folder) as ctx:
        problem = run_golden(ctx, "digits", "3", None).problem("3")
    assert problem is not None
    assert (problem.code, problem.what) == ("blocked", "v3 fails critical golden items: item-0.")
    assert world.asked.count(0) < 4, "what was answered with a failure is not asked again"


def test_what_is_known_to_be_wrong_stays_wrong_beside_silence(folder: Path) -> None:
    world = AtOnce({5: ALWAYS})
    world.wrong = {"3"}
    with opened(world, folder) as ctx:
        problem = run_golden(ctx, "digits", "3", None).problem("3")
    assert problem is not None
    assert problem.code == "blocked"
    assert "fails critical golden items: item-0" in problem.what


def deploy(ctx: Context, checks: PassingChecks) -> Operation:
    rollouts = Rollouts(ctx, checks)
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    try:
        plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
        rollouts.execute(operation, plan.hash, "test", "ann", False)
        assert ctx.ended.wait(20.0)
    finally:
        rollouts.close()
    return ctx.operations[operation]


def test_nothing_moves_on_what_is_not_known(folder: Path) -> None:
    world = AtOnce({2: ALWAYS})
    with opened(world, folder) as ctx:
        refused = deploy(ctx, PassingChecks())
    assert refused.phase is Phase.REFUSED
    assert refused.problem is not None
    assert refused.problem.what == "It is not known whether v3 answers the golden set as expected."
    assert world.stable == "2"


def test_twin_silence_taken_for_an_answer_is_called_a_failure_of_the_version(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_run, "_says_nothing", lambda _answer: False)
    with opened(AtOnce({0: ALWAYS}), folder) as ctx:
        problem = run_golden(ctx, "digits", "3", None).problem("3")
    assert problem is not None
    assert problem.what == "v3 fails critical golden items: item-0."
    assert len(ITEMS) == 6

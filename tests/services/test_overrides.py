"""Overriding a rule when a plan is run: the policy's names, the journal, and what happens without the guard."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.policy import Grant, Policy
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Report, Verdict
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.overriding import Remaining
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.signature import Field, Signature
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import SERVICE, Context, PassingChecks, World, opened

WITHIN_S = 30.0


def column(name: str) -> Field:
    return Field(name, "float64", (-1,), True, False, tensor=False)


class RealChecks(PassingChecks):
    """The real rules on two signatures, under the policy of the context."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def check(self, service: str, version: str, probe: bool, actor: str, tell: Any) -> Report:
        new, old = Signature("digits", "3", (column("x"), column("y"))), Signature("digits", "2", (column("x"),))
        score = (Field("score", "float64", (-1,)),)
        return compare(
            replace(new, outputs=score),
            replace(old, outputs=score),
            READERS["mlflow"],
            policy=self._ctx.settings.policy,
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ctx(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    with opened(world, tmp_path) as context:
        grant = Grant("I1", ("ann", "bob"))
        context.settings = replace(
            context.settings, services={"digits": replace(SERVICE)}, policy=Policy(grants=(grant,))
        )
        yield context


@pytest.fixture
def rollouts(ctx: Context) -> Iterator[Rollouts]:
    made = Rollouts(ctx, RealChecks(ctx))
    yield made
    made.close()


def start(ctx: Context, rollouts: Rollouts, actor: str, overrides: dict[str, str], **how: Any) -> str:
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    rollouts.execute(operation, plan.hash, "new features", actor, True, overrides=overrides, **how)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    return operation


def test_who_is_named_goes_on_and_it_is_journaled_before_anything_is_done(
    ctx: Context, rollouts: Rollouts, world: World
) -> None:
    operation = start(ctx, rollouts, "ann", {"I1": "callers send y since noon"})
    assert ctx.operations[operation].phase is Phase.DONE
    rows = list(reversed(ctx.store.audit.rows(None, 100)))
    actions = [row.action for row in rows]
    assert actions.index("deploy.rule-overridden") < actions.index("deploy.intent")
    told = rows[actions.index("deploy.rule-overridden")]
    body = json.loads(told.body)
    assert told.actor == "ann"
    assert (body["rule"], body["reason"]) == ("I1", "callers send y since noon")
    assert body["may_override"] == ["ann", "bob"]
    assert body["against"].startswith("I1: ")
    assert any("ann overrode I1 for v3" in event.title for event in ctx.events)


@pytest.mark.parametrize(
    ("actor", "overrides", "how", "code", "words"),
    [
        ("eve", {"I1": "I am in a hurry"}, {}, "override", "ann or bob"),
        ("ann", {"I1": " "}, {}, "refused", "reason"),
        ("ann", {"S1": "small"}, {}, "usage", "does not stop"),
        ("ann", {}, {}, "blocked", "By policy ann or bob may override I1"),
        ("ann", {"I1": "a robot"}, {"automatic": True}, "blocked", "I1"),
    ],
)
def test_whoever_else_is_refused_and_nothing_is_touched(
    ctx: Context, rollouts: Rollouts, world: World, actor: str, overrides: Any, how: Any, code: str, words: str
) -> None:
    with pytest.raises(ProblemError) as refused:
        start(ctx, rollouts, actor, overrides, **how)
    problem = refused.value.problem
    assert (problem.code, world.writes) == (code, [])
    assert words in f"{problem} {problem.why} {problem.next}"
    assert not [row for row in ctx.store.audit.rows(None, 100) if row.action.endswith("overridden")]


def test_without_the_guard_anybody_could_go_on(
    ctx: Context, rollouts: Rollouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken twin of the test above."""
    monkeypatch.setattr("mlcontrol.services.rollouts.remaining", lambda *_asked: Remaining((), ()))
    assert ctx.operations[start(ctx, rollouts, "eve", {"I1": "I am in a hurry"})].phase is Phase.DONE


def test_a_policy_that_cannot_be_read_leaves_the_plan_to_a_person(ctx: Context, world: World) -> None:
    ctx.settings = replace(ctx.settings, policy=Policy(problem="mend [policy]"))
    rollouts = Rollouts(ctx, PassingChecks(Report("3", "2", "mlflow", Verdict.UNKNOWN, Verdict.UNKNOWN, False, ())))
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    assert any("mend [policy]" in words for words in plan.unknown)
    with pytest.raises(ProblemError) as refused:
        rollouts.execute("op", plan.hash, "reason", "ann", False)
    assert (refused.value.problem.code, world.writes) == ("unaccepted", [])

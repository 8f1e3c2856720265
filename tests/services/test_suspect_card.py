"""The card of a suspected version: its judge record as the journal holds it, and its signature as the registry states it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mlcontrol.core.incidents.suspect_facts import canary_of
from mlcontrol.core.operation import Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.signature import Field, Signature
from mlcontrol.core.stage import PromoteAsked, advance_stage, begin_stage
from mlcontrol.core.strategy import Strategy
from mlcontrol.ports.errors import Unreachable
from mlcontrol.services.incidents.suspecting import suspect_facts
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import Context, PassingChecks, fails, opened
from tests.services.staged_world import StagedWorld
from tests.services.test_staged_rollouts import CANARY, begin, end

OLD = Signature("digits", inputs=(Field("carat", "float64"),), outputs=(Field("cut", "int64"),))
NEW = replace(OLD, inputs=(Field("carat", "float32"), Field("table", "float64")))
ALL_AT_ONCE = RolloutSettings("all-at-once")


@dataclass
class Registered(StagedWorld):
    signatures: dict[str, Signature] = field(default_factory=lambda: {"2": OLD, "3": NEW})

    def signature(self, model: str, version: str, deadline_s: float = 10.0) -> Signature:
        self._ask("signature")
        return self.signatures[version]


@pytest.fixture
def world() -> Registered:
    return Registered()


@pytest.fixture
def ctx(world: Registered, tmp_path: Path) -> Iterator[Context]:
    with opened(world, tmp_path) as context:
        yield context


@pytest.fixture
def rollouts(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rollouts]:
    monkeypatch.setattr("mlcontrol.services.staging.QUICK_S", 0.02)
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


def test_a_version_that_was_judged_is_told_with_its_evidence(ctx: Context, rollouts: Rollouts) -> None:
    operation = begin(ctx, rollouts, CANARY)
    assert end(ctx, operation).phase is Phase.DONE
    for named in (operation, None):
        facts = suspect_facts(ctx, "digits", "2", "3", named)
        assert (facts.canary.state, facts.canary.words) == ("fine", "Was judged fine (10 %, 50 %).")
        assert facts.canary.evidence[0].startswith("10 %: ")
        assert "answers, 10.0 % observed; fine: errors" in facts.canary.evidence[0]
    assert facts.signature == (("input carat", "float64", "float32: narrower"), ("input table", "none", "float64"))
    assert facts.signature_note == ""


def test_a_version_that_was_deployed_all_at_once_was_not_judged(ctx: Context, rollouts: Rollouts) -> None:
    assert end(ctx, begin(ctx, rollouts, ALL_AT_ONCE)).phase is Phase.DONE
    canary = suspect_facts(ctx, "digits", "2", "3", None).canary
    assert (canary.state, canary.words) == ("not-judged", "Was not judged: deployed all at once.")


def test_what_is_not_known_is_said_to_be_unknown(ctx: Context, world: Registered) -> None:
    """Moved by another hand, and a registry that refuses, or a version without a signature: nothing is said to be the same."""
    assert suspect_facts(ctx, "digits", "2", "3", None).canary.state == "unknown"
    world.signatures["3"] = replace(NEW, inputs=None)
    assert (
        suspect_facts(ctx, "digits", "2", "3", None).signature_note == "inputs not known: a version does not state them"
    )
    world.faults["signature"] = fails(Unreachable(Problem("The registry refuses.")))
    facts = suspect_facts(ctx, "digits", "2", "3", None)
    assert (facts.signature, facts.signature_note) == ((), "signatures not known: The registry refuses.")


def test_one_that_a_person_pushed_on_was_not_judged_fine() -> None:
    stage = advance_stage(begin_stage(10.0, Strategy(), 0.0), PromoteAsked("ann", "it is urgent", "bob"))
    steps = (Step("judge-10", "", StepState.DONE, "3 answers"), Step("route", "", StepState.DONE))
    pushed = Operation(
        "o", OperationKind.DEPLOY, "digits", "2", "3", "ann", "", "", Phase.DONE, steps, log=((1.0, stage.said),)
    )
    canary = canary_of(pushed)
    assert (canary.state, canary.evidence) == ("undecided", ("10 %: 3 answers",))
    assert "ann goes on although the first look: it is urgent" in canary.words
    assert canary_of(replace(pushed, log=())).state == "fine", "twin: without the record it would pass for judged"
    assert canary_of(replace(pushed, phase=Phase.ABORTED, log=())).state == "undecided"

"""`gate` and `stage`: what they say, and what they refuse, against the engine itself and against values of its answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlcontrol.cli.stage import running_on
from mlcontrol.core.judge.backtest import FalseAlarms, GateBacktest, Replayed
from mlcontrol.core.judge.backtest_words import backtest_words, heading
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.owner import Owner, OwnerKind
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.engine import messages as m
from tests.cli.conftest import Ran, ScriptedEngine, command

WORKSPACE = """\
version = 1
name = "small"
store = "sqlite:///panel.db"

[services.digits]
title = "Digits"
rollout = { strategy = "canary", steps = [10, 50] }
"""


@pytest.fixture
def workspace(tmp_path: Path, engine_inside: None) -> Path:
    path = tmp_path / "mlcontrol.toml"
    path.write_text(WORKSPACE)
    return path


def test_a_service_without_a_log_cannot_be_backtested_and_is_told_what_to_add(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = command(workspace, capsys, "gate", "digits", "--at", "1h")
    assert code != 0
    assert "Nothing of digits is recorded" in err
    assert command(workspace, capsys, "gate", "digits", "--at", "yesterday-ish")[0] == 3


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("hold",),
        ("resume",),
        ("promote", "--reason", "seen"),
        ("abort",),
        ("clear", "errors", "--reason", "noise"),
    ],
    ids=lambda words: words[0],
)
def test_nothing_can_be_said_to_a_rollout_that_does_not_run(
    workspace: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, _, err = command(workspace, capsys, "stage", words[0], "digits", *words[1:])
    assert code != 0
    assert "No rollout is running on digits" in err


def test_clearing_needs_a_reason_and_a_guard_that_exists(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(workspace, capsys, "stage", "clear", "digits", "errors")[0] == 3
    assert command(workspace, capsys, "stage", "clear", "digits", "moon", "--reason", "x")[0] == 3


def test_the_newest_running_operation_of_the_service_is_meant() -> None:
    def operation(name: str, service: str, started_s: float, phase: Phase) -> Operation:
        return Operation(name, OperationKind.DEPLOY, service, "2", "3", "ann", "why", "hash", phase, (), started_s)

    state = FleetState(WorkspaceSettings("w", "w.toml"))
    for one in (
        operation("old", "digits", 1.0, Phase.DONE),
        operation("mine", "digits", 2.0, Phase.RUNNING),
        operation("other", "prices", 3.0, Phase.RUNNING),
    ):
        state.operations[one.id] = one
    assert running_on(state, "digits").id == "mine"
    with pytest.raises(ProblemError, match="No rollout is running on moon"):
        running_on(state, "moon")


KEEPER = Owner("route digits of router", "Flux digits", OwnerKind.KEEPER, "note on the route: fluxcd = digits.")
RUNNING = Operation("op", OperationKind.DEPLOY, "digits", "2", "3", "ann", "why", "hash", Phase.RUNNING, (), 1.0)


@pytest.fixture
def rolling(engine: ScriptedEngine) -> ScriptedEngine:
    """A rollout runs; a router that did not answer could not be asked whose it is."""
    engine.state.operations["op"] = RUNNING
    engine.answers[m.FindOwners] = lambda c: m.OwnersAnswer(
        request=c.request, owners=(KEEPER,), unread=("champion of digits: no answer",)
    )
    for acts in (m.HoldStage, m.PromoteStage, m.Abort):
        engine.answers[acts] = lambda c: m.Done(request=c.request, text="told")
    return engine


def test_who_keeps_the_target_is_shown_with_the_running_rollout(
    rolling: ScriptedEngine, run: Callable[..., Ran]
) -> None:
    found = run("stage", "show", "digits")
    line = "owner: Flux digits (route digits of router); not asked: champion of digits: no answer"
    assert found.out.splitlines()[:2] == ["deploy of v3 on digits, by ann", line]
    (document,) = run("stage", "show", "digits", "--format", "json").documents
    assert document["schema"] == "mlcontrol.operation/1"
    assert document["owners"] == [
        {
            "place": "route digits of router",
            "name": "Flux digits",
            "kind": "keeper",
            "evidence": "note on the route: fluxcd = digits.",
            "at_s": None,
        }
    ]
    assert document["owners_unread"] == ["champion of digits: no answer"]
    assert (document["id"], document["to_version"]) == ("op", "3")


@pytest.mark.parametrize("what", ["resume", "promote"])
def test_who_keeps_the_target_is_named_before_anything_is_done(
    rolling: ScriptedEngine, run: Callable[..., Ran], what: str
) -> None:
    found = run("stage", what, "digits")
    assert found.code == 0
    assert found.err.splitlines()[0].startswith("owner: Flux digits")
    assert isinstance(rolling.asked[-2], m.FindOwners)


def test_an_engine_that_cannot_tell_the_owner_keeps_nobody_from_acting(
    rolling: ScriptedEngine, run: Callable[..., Ran]
) -> None:
    rolling.answers[m.FindOwners] = lambda _c: Problem("The engine did not answer within 5 s.", code="timeout")
    found = run("stage", "promote", "digits")
    assert found.code == 0
    assert "owner: no owner found; not asked: The engine did not answer within 5 s." in found.err
    assert isinstance(rolling.asked[-1], m.PromoteStage)


@pytest.mark.parametrize("what", ["hold", "abort"])
def test_who_stops_a_rollout_is_not_kept_waiting(rolling: ScriptedEngine, run: Callable[..., Ran], what: str) -> None:
    assert run("stage", what, "digits").code == 0
    assert m.FindOwners not in {type(command) for command in rolling.asked}


def test_a_finding_says_what_when_who_would_have_met_it_and_the_price() -> None:
    replayed = Replayed("stopped", 240.0, 10.0, "errors", "Errors worse: 20 % new, 1 % old", 120, 24)
    calm = FalseAlarms(24, 1, 6.0, 1 / 24, 0.007, 0.2, 30.0, (("errors", 1),))
    found = GateBacktest("digits", "canary 10, 50, 100 %", 0.0, "2", "3", replayed, 1200, 240, calm, ("Golden set",))
    words = backtest_words(found)
    assert heading(found, "noon") == "digits: v2 -> v3 at noon, as canary 10, 50, 100 %"
    assert "stopped after 4.0 min, at 10 %: Errors worse" in words[0]
    assert "120 requests, 24 of them failed; in truth it met 1200 in that time, 240 failed" in words[1]
    assert "1 of 24 rollouts" in words[2]
    assert "at 30 rollouts a month: 1.2 a month; by Errors 1" in words[2]
    assert words[3] == "not in a log, so not replayed: Golden set"
    unknown = backtest_words(GateBacktest("d", "c", 0.0, "2", "3", replayed, 1, 0, None))
    assert "false alarms: unknown" in unknown[2]

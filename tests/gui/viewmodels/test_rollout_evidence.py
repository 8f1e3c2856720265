"""The judgement of a stage in words: an answer first, what it waits for, and what going on without it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlcontrol.core.judge.policy import ERRORS, LATENCY, Role
from mlcontrol.core.judge.verdict import Judgement, Reading, Verdict
from mlcontrol.core.operation import LiveStage, Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.plan import Sight
from mlcontrol.gui.viewmodels.plan_sheet import sight_words
from mlcontrol.gui.viewmodels.rollout_evidence import judged

READINGS = (
    Reading(
        ERRORS,
        Role.REQUIRE,
        Verdict.INCONCLUSIVE,
        (0.0, -0.4),
        "0.21 % new, 0.19 % old",
        "",
        "1.1 × old",
        "0.8 to 1.6 ×",
    ),
    Reading(LATENCY, Role.WATCH, Verdict.FINE, (0.0, -1.0), decided_s=43_390.0, result="0.9 × old"),
)


def rollout(readings: tuple[Reading, ...] = READINGS, **stage: Any) -> Operation:
    live = LiveStage(
        "judge-10", 10.0, False, "observing", 100.0, 0.1, 0.098, 980, "", "Errors: not decided",
        Judgement(200.0, readings, 980, 0.098), left_s=240.0,
    )  # fmt: skip
    steps = tuple(
        Step(name, name, StepState.WAITING) for name in ("split-10", "judge-10", "split-50", "judge-50", "route")
    )
    return Operation(
        "op", OperationKind.DEPLOY, "digits", "2", "3", "ann", "better", "h", Phase.RUNNING, steps, 90.0,
        live=replace(live, **stage),
    )  # fmt: skip


def test_an_undecided_stage_says_where_it_leans_what_it_waits_for_and_how_long() -> None:
    words = judged(rollout(), 220.0)
    assert words is not None
    assert (words.answer, words.state) == ("Not decided yet", None)
    assert "leaning fine" in words.sentence
    assert "waits for Errors: not decided" in words.sentence
    assert "4 min" in words.sentence
    assert words.split == (("2", 0.902), ("3", 0.098))
    assert "wanted 90 / 10" in words.wished
    assert words.go == "Go on to 50 %"
    assert "reason" in words.go_refusal
    assert words.hold == "Hold at 10 %"


def test_each_guard_has_its_figures_and_when_it_decided() -> None:
    words = judged(rollout(), 220.0)
    assert words is not None
    errors, latency = words.rows
    assert (errors.result, errors.under, errors.advisory) == ("1.1 × old", "0.8 to 1.6 ×", False)
    assert (latency.glyph, latency.advisory) == ("done", True)
    assert latency.under == "decided 12:03:10"


def test_no_data_is_said_first_and_has_no_line() -> None:
    unknown = Reading(ERRORS, Role.REQUIRE, Verdict.UNKNOWN, (0.0, 0.2), note="the counters: not read for 20 s")
    words = judged(rollout((unknown,)), 220.0)
    assert words is not None
    assert (words.answer, words.state) == ("Not known", "unknown")
    assert words.rows[0].line == ()
    assert words.rows[0].under == "the counters: not read for 20 s"


def test_asking_needs_no_reason_and_holding_can_be_let_go() -> None:
    asking = judged(rollout(state="asking", waits_for="a person"), 220.0)
    assert asking is not None
    assert (asking.answer, asking.go_refusal) == ("Judged fine: go on?", "")
    held = judged(rollout(state="held", note="ann holds it at 10 %"), 220.0)
    assert held is not None
    assert (held.hold, held.held) == ("Let it go on", True)


def test_the_last_stage_goes_on_to_everything_and_an_ended_operation_is_not_judged() -> None:
    last = judged(rollout(step="judge-50", percent=50.0), 220.0)
    assert last is not None
    assert last.go == "Go on to 100 %"
    assert judged(replace(rollout(), phase=Phase.DONE), 220.0) is None
    assert judged(replace(rollout(), live=None), 220.0) is None


def test_what_a_step_sees_is_a_sentence() -> None:
    assert "doubled error rate in about 6 min" in sight_words(Sight(10.0, 5.0, 352.0, 115.0, 110.0))
    assert "not within a day" in sight_words(Sight(1.0, 0.01, None, None, None))
    assert "traffic is not known" in sight_words(Sight(1.0, None, None, None, None))

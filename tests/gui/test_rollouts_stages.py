"""The live board of a rollout in stages, by keyboard: evidence, hold, going on, planning another way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt

from mlcontrol.core.judge.policy import Role
from mlcontrol.core.judge.verdict import Judgement, Reading, Verdict as JudgeVerdict
from mlcontrol.core.operation import LiveStage, Operation, OperationKind, Step, StepState
from mlcontrol.engine import messages as m
from tests.gui.test_rollouts_page import answered, checked, operation, page, plan, press

__all__ = ["page"]


def staged(state: str = "observing", waits_for: str = "Errors: not decided") -> Operation:
    reading = Reading("errors", Role.REQUIRE, JudgeVerdict.INCONCLUSIVE, (0.0, -0.3, -0.5), "0.2 % new, 0.2 % old")
    live = LiveStage(
        "judge-10", 10.0, False, state, 10.0, 0.1, 0.1, 400, "", waits_for, Judgement(20.0, (reading,), 400, 0.1)
    )  # fmt: skip
    steps = (Step("judge-10", "Judge it at 10 %", StepState.RUNNING), Step("route", "Move the traffic"))
    return operation(kind=OperationKind.DEPLOY, from_version="2", to_version="3", steps=steps, live=live)


def test_a_stage_shows_its_evidence_and_is_held_and_left_by_keyboard(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    engine.say(m.OperationChanged(operation=staged()))
    page.open_operation("op1")
    qtbot.waitUntil(lambda: len(page.board.evidence.rows) == 1)
    assert not page.board.evidence.isHidden()
    assert page.board.ticks.isHidden() or not page.board.ticks.isVisible()
    press(qtbot, window, Qt.Key.Key_H)
    held = answered(engine, qtbot, m.HoldStage, lambda r: m.Done(request=r))
    assert (held.operation, held.hold, held.actor) == ("op1", True, "m.okafor")
    press(qtbot, window, Qt.Key.Key_S)
    assert not engine.sent(m.PromoteStage), "not decided: a reason is asked for first"
    page.board.reason.setText("seen enough")
    page.board.reason.returnPressed.emit()
    gone = answered(engine, qtbot, m.PromoteStage, lambda r: m.Done(request=r))
    assert gone.reason == "seen enough"


def test_a_stage_that_asks_is_answered_with_one_key(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    engine.say(m.OperationChanged(operation=staged("asking", "a person")))
    page.open_operation("op1")
    qtbot.waitUntil(lambda: page.controls.promote.reason == "" and page.controls.promote.isVisible())
    press(qtbot, window, Qt.Key.Key_S)
    assert answered(engine, qtbot, m.PromoteStage, lambda r: m.Done(request=r)).reason == ""


def test_a_latched_fail_is_cleared_by_one_key_and_only_with_a_reason(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    failed = replace(staged("held", "a person"), live=replace(staged("held", "a person").live, failed=("errors",)))  # type: ignore[type-var]
    engine.say(m.OperationChanged(operation=failed))
    page.open_operation("op1")
    qtbot.waitUntil(page.controls.clear.isVisible)
    press(qtbot, window, Qt.Key.Key_K)
    assert not engine.sent(m.ClearGuard), "the reason is asked for first"
    qtbot.waitUntil(page.board.reason.hasFocus)
    page.board.reason.setText("known noise of the nightly job")
    assert "clear it first" in page.controls.promote.reason, "no reason takes a fail along"
    page.board.reason.returnPressed.emit()
    cleared = answered(engine, qtbot, m.ClearGuard, lambda r: m.Done(request=r))
    assert (cleared.guard, cleared.reason, cleared.actor) == ("errors", "known noise of the nightly job", "m.okafor")
    assert not engine.sent(m.PromoteStage)


def planned(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    window.open_page("rollouts", "digits", version="2")
    checked(page, engine, qtbot)
    press(qtbot, window, Qt.Key.Key_Return)
    answered(
        engine,
        qtbot,
        m.MakePlan,
        lambda r: m.PlanAnswer(request=r, plan=plan(OperationKind.DEPLOY, "2"), plan_hash="sha256:h"),
    )
    qtbot.waitUntil(lambda: page.plan.plan is not None)


def test_a_plan_is_approved_for_somebody_else_with_a_reason(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    planned(window, page, engine, qtbot)
    press(qtbot, window, Qt.Key.Key_Y)
    assert not engine.sent(m.ApprovePlan)
    qtbot.waitUntil(page.plan.reason.hasFocus)
    page.plan.reason.setText("looked at it")
    page.controls.confirm.setFocus()
    press(qtbot, window, Qt.Key.Key_Y)
    given = answered(engine, qtbot, m.ApprovePlan, lambda r: m.Done(request=r))
    assert (given.plan_hash, given.reason, given.service) == ("sha256:h", "looked at it", "digits")


def test_the_glass_is_broken_only_when_chosen_and_says_so_before_it_starts(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    planned(window, page, engine, qtbot)
    page.plan.reason.setText("the queue is on fire")
    press(qtbot, window, Qt.Key.Key_B)
    qtbot.waitUntil(lambda: page.controls.confirm.words.startswith("Break the glass"))
    page.controls.confirm.confirmed.emit()
    assert answered(engine, qtbot, m.Execute, lambda r: m.Done(request=r)).break_glass


def test_without_that_key_no_glass_is_broken(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    planned(window, page, engine, qtbot)
    page.plan.reason.setText("better quality")
    page.controls.confirm.confirmed.emit()
    assert not answered(engine, qtbot, m.Execute, lambda r: m.Done(request=r)).break_glass


def test_a_quarantine_is_lifted_from_the_plan_it_blocks_and_the_plan_is_made_anew(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    planned(window, page, engine, qtbot)
    page.plan.reason.setText("the cause was mended")
    press(qtbot, window, Qt.Key.Key_U)
    lifted = answered(engine, qtbot, m.LiftQuarantine, lambda r: m.Done(request=r))
    assert (lifted.version, lifted.reason) == ("2", "the cause was mended")
    qtbot.waitUntil(lambda: len(engine.sent(m.MakePlan)) == 2)


def test_the_plan_can_be_made_another_way(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    window.open_page("rollouts", "digits", version="2")
    checked(page, engine, qtbot)
    press(qtbot, window, Qt.Key.Key_Return)
    answer = lambda r: m.PlanAnswer(request=r, plan=plan(OperationKind.DEPLOY, "2"), plan_hash="h")  # noqa: E731
    assert answered(engine, qtbot, m.MakePlan, answer).rollout is None
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    press(qtbot, window, Qt.Key.Key_2)
    again = answered(engine, qtbot, m.MakePlan, answer, count=2)
    assert again.rollout is not None
    assert again.rollout.strategy == "canary"


def test_a_plan_made_again_takes_reason_keys_though_the_cursor_was_in_the_reason(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    planned(window, page, engine, qtbot)
    page.plan.reason.setFocus()
    press(qtbot, window, Qt.Key.Key_Escape)
    press(qtbot, window, Qt.Key.Key_Return)
    answer = lambda r: m.PlanAnswer(request=r, plan=plan(OperationKind.DEPLOY, "2"), plan_hash="h")  # noqa: E731
    answered(engine, qtbot, m.MakePlan, answer, count=2)
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    press(qtbot, window, Qt.Key.Key_Q)
    assert page.plan.reason.text() == "better quality"

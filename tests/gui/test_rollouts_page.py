"""The rollouts page by keyboard, against an engine that answers what the test says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt

from mlcontrol.core.compatibility.present import document
from mlcontrol.core.compatibility.report import Direction, Evidence, Finding, Level, Report, Verdict
from mlcontrol.core.operation import Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.plan import Assumption, BlastRadius, Overridable, Plan, PlanStep
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import VersionFact
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.rollouts_controls import BOARD, CHECKS, OVERVIEW, PLAN, WHAT


def finding(verdict: Verdict, direction: Direction = Direction.DEPLOY) -> Finding:
    evidence = Evidence(Level.DECLARED, "absent", "float64 required")
    return Finding(
        "I4", direction, verdict, "inputs.s5", "s5 was renamed to ltg", "callers send s5", "accept s5 too", evidence
    )


def report(deploy: Verdict = Verdict.PASS, *findings: Finding) -> Report:
    return Report("digits/2", "digits/3", "triton", deploy, Verdict.PASS, False, findings, passed_rules=("O1",))


def plan(kind: OperationKind, version: str, **changes: Any) -> Plan:
    base = Plan(
        "digits", kind, "3", version, False, Assumption("3", ("3", "2"), "3", None, 0.0, None),
        (PlanStep("route", f"Send all traffic to v{version}", "", 0.5), PlanStep("verify", "Verify", "", 3.0)),
        BlastRadius(41.0, 1.0, (), None), None, 3.5, 0.0,
    )  # fmt: skip
    return replace(base, **changes)


def operation(phase: Phase = Phase.RUNNING, **changes: Any) -> Operation:
    steps = (Step("route", "Send all traffic to v2", StepState.RUNNING, "", 0.5, 10.0),)
    base = Operation(
        "op1", OperationKind.ROLLBACK, "digits", "3", "2", "m.okafor", "errors rose", "h", phase, steps, 10.0
    )
    return replace(base, **changes)


@pytest.fixture
def page(window: Any, qtbot: Any) -> Any:
    window.open_page("rollouts")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window.page


def checked(page: Any, engine: Any, qtbot: Any) -> None:
    """Until the sheet of v2 has its answer."""
    answered(
        engine,
        qtbot,
        m.CheckVersion,
        lambda r: m.CheckAnswer(request=r, service="digits", version="2", report=report()),
    )
    qtbot.waitUntil(lambda: page.checks.deploy.words[1] == "Yes")


def answered(engine: Any, qtbot: Any, kind: type, make: Any, count: int = 1) -> Any:
    """Wait for the command, answer it, hand it back."""
    qtbot.waitUntil(lambda: len(engine.sent(kind)) >= count)
    command = engine.sent(kind)[-1]
    engine.say(make(command.request))
    return command


def press(qtbot: Any, window: Any, key: Any) -> None:
    qtbot.keyClick(window.focusWidget() or window, key)


def test_a_rollback_takes_four_keys_and_one_confirmation(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    window.open_page("rollouts", "digits", rollback=True)
    asked = answered(
        engine,
        qtbot,
        m.MakePlan,
        lambda r: m.PlanAnswer(request=r, plan=plan(OperationKind.ROLLBACK, "2"), plan_hash="sha256:7"),
    )
    assert (asked.kind, asked.version) == (OperationKind.ROLLBACK, None)
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    assert page.controls.confirm.words == "Roll back to v2: say why first"
    press(qtbot, window, Qt.Key.Key_E)
    qtbot.waitUntil(lambda: page.controls.confirm.words == "Roll back to v2")
    press(qtbot, window, Qt.Key.Key_Return)
    run = answered(engine, qtbot, m.Execute, lambda r: m.Done(request=r))
    assert (run.plan_hash, run.reason, run.actor, run.accept_unknown) == ("sha256:7", "errors rose", "m.okafor", False)
    qtbot.waitUntil(lambda: page.stack.currentIndex() == BOARD)
    engine.say(m.OperationChanged(operation=operation(id=run.operation)))
    qtbot.waitUntil(lambda: len(page.board.steps.rows) == 1)
    assert not page.controls.abort.isHidden()
    assert page.controls.way_back.isHidden()


def test_a_deploy_goes_through_what_checks_and_plan_by_keyboard(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    window.open_page("rollouts", "digits", promote=True)
    assert page.stack.currentIndex() == WHAT
    page.what.versions.set_rows(page.what.versions.rows, select="2")
    press(qtbot, window, Qt.Key.Key_Return)
    assert page.stack.currentIndex() == CHECKS
    checked(page, engine, qtbot)
    press(qtbot, window, Qt.Key.Key_Return)
    asked = answered(
        engine,
        qtbot,
        m.MakePlan,
        lambda r: m.PlanAnswer(request=r, plan=plan(OperationKind.DEPLOY, "2"), plan_hash="h"),
    )
    assert asked.version == "2"
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    press(qtbot, window, Qt.Key.Key_Q)
    press(qtbot, window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(engine.sent(m.Execute)) == 1)
    assert engine.sent(m.Execute)[0].reason == "better quality"


def test_a_refused_version_says_why_and_what_to_change(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    window.open_page("rollouts", "digits", version="2")
    blocked = report(Verdict.BLOCK, finding(Verdict.BLOCK))
    answered(
        engine, qtbot, m.CheckVersion, lambda r: m.CheckAnswer(request=r, service="digits", version="2", report=blocked)
    )
    qtbot.waitUntil(lambda: page.checks.deploy.words[1] == "No")
    words = " ".join(text for row in page.checks.findings.rows for text, _tone in row.lines)
    assert "callers send s5" in words
    assert "To fix: accept s5 too" in words
    press(qtbot, window, Qt.Key.Key_Return)
    stopped = plan(OperationKind.DEPLOY, "2", blocked_by=("s5 was renamed to ltg",))
    answered(engine, qtbot, m.MakePlan, lambda r: m.PlanAnswer(request=r, plan=stopped, plan_hash="h"))
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    page.plan.give_reason("Q")
    assert page.controls.confirm.words.endswith("s5 was renamed to ltg")
    press(qtbot, window, Qt.Key.Key_Return)
    assert engine.sent(m.Execute) == []


def test_a_check_that_did_not_run_is_unknown_and_never_a_pass(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    window.open_page("rollouts", "digits", version="2")
    problem = Problem("The registry does not answer.", "No answer for 10 s.", "Try again.")
    answered(engine, qtbot, m.CheckVersion, lambda r: m.Refused(request=r, problem=problem))
    qtbot.waitUntil(lambda: page.checks.deploy.words[1] == "Not known")
    assert page.controls.go.reason


def test_the_answer_to_an_older_question_is_dropped(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    window.open_page("rollouts", "digits", version="1")
    first = engine.sent(m.CheckVersion)[-1]
    window.open_page("rollouts", "digits", version="2")
    engine.say(m.CheckAnswer(request=first.request, service="digits", version="1", report=report(Verdict.BLOCK)))
    answered(
        engine,
        qtbot,
        m.CheckVersion,
        lambda r: m.CheckAnswer(request=r, service="digits", version="2", report=report()),
        2,
    )
    qtbot.waitUntil(lambda: page.checks.report is not None)
    assert page.checks.deploy.words[1] == "Yes"


def test_the_probe_shows_its_progress_and_its_refusal(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    window.open_page("rollouts", "digits", version="2")
    answered(
        engine,
        qtbot,
        m.CheckVersion,
        lambda r: m.CheckAnswer(request=r, service="digits", version="2", report=report()),
    )
    qtbot.waitUntil(lambda: page.checks.report is not None)
    press(qtbot, window, Qt.Key.Key_P)
    probe = engine.sent(m.CheckVersion)[-1]
    assert probe.probe
    engine.say(m.Progress(request=probe.request, text="loading on triton", fraction=0.5))
    qtbot.waitUntil(lambda: "50%" in page.checks.probe_list.rows[0].lines[0][0])
    assert page.controls.probe.reason == "it runs"
    engine.say(m.Refused(request=probe.request, problem=Problem("v2 did not load.", "type is not trusted")))
    qtbot.waitUntil(lambda: page.checks.probe_list.rows[0].state == "critical")
    assert page.checks.report is not None


def test_an_unknown_plan_starts_only_with_a_reason_and_says_so(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    window.open_page("rollouts", "digits", rollback=True)
    doubtful = plan(OperationKind.ROLLBACK, "2", unknown=("No golden set is known.",))
    answered(engine, qtbot, m.MakePlan, lambda r: m.PlanAnswer(request=r, plan=doubtful, plan_hash="h"))
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    page.controls.confirm.press()
    assert engine.sent(m.Execute) == []
    page.plan.give_reason("E")
    page.controls.confirm.press()
    assert engine.sent(m.Execute)[0].accept_unknown


@pytest.mark.parametrize(("by", "may"), [(("m.okafor",), True), (("j.lee",), False)])
def test_a_stopped_plan_is_overridden_by_whom_the_policy_names(
    window: Any, page: Any, engine: Any, qtbot: Any, by: tuple[str, ...], may: bool
) -> None:
    window.open_page("rollouts", "digits", rollback=True)
    rule = Overridable("I4", "I4: callers send s5", by)
    stopped = plan(OperationKind.ROLLBACK, "2", blocked_by=(rule.sentence,), overridable=(rule,))
    answered(engine, qtbot, m.MakePlan, lambda r: m.PlanAnswer(request=r, plan=stopped, plan_hash="h"))
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    assert any(
        f"{by[0]} may override I4 with a reason." in words for row in page.plan.notes.rows for words, _ in row.lines
    )
    page.plan.give_reason("E")
    assert page.controls.override.isVisible() is may
    press(qtbot, window, Qt.Key.Key_V)
    strip = page.controls.confirm
    if not may:
        strip.press()
        assert (strip.words, engine.sent(m.Execute)) == ("Roll back to v2: I4: callers send s5", [])
        return
    assert strip.words == "Roll back to v2 against I4, hold 1 s"
    page.plan.reason.clear()
    assert strip.words.endswith("say why first")
    page.plan.reason.setText("callers changed back an hour ago")
    strip.confirmed.emit()  # held and counted down, as any guarded action
    sent = engine.sent(m.Execute)[0]
    assert (sent.overrides, sent.actor) == ({"I4": "callers changed back an hour ago"}, "m.okafor")


def test_a_void_plan_cannot_be_started_twice(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    window.open_page("rollouts", "digits", rollback=True)
    answered(
        engine,
        qtbot,
        m.MakePlan,
        lambda r: m.PlanAnswer(request=r, plan=plan(OperationKind.ROLLBACK, "2"), plan_hash="h"),
    )
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    page.plan.give_reason("E")
    page.controls.confirm.press()
    page.controls.confirm.press()
    assert len(engine.sent(m.Execute)) == 1
    problem = Problem("The alias was moved by someone else.", "", "Plan again.", "conflict")
    answered(engine, qtbot, m.Execute, lambda r: m.Refused(request=r, problem=problem))
    qtbot.waitUntil(lambda: page.plan.plan is None)
    assert page.stack.currentIndex() == PLAN
    assert page.controls.confirm.words == "Plan again"
    assert page.plan.steps.rows == ()
    page.controls.confirm.press()
    assert len(engine.sent(m.Execute)) == 1
    assert len(engine.sent(m.MakePlan)) == 2
    assert page.plan.reason.text() == "errors rose"


def test_in_production_enter_is_held_and_can_be_called_off(
    window: Any, page: Any, engine: Any, qtbot: Any, bridge: Any
) -> None:
    engine.say(m.ServiceChanged(service=replace(bridge.state.services["digits"], protected=True, seq=9)))
    qtbot.waitUntil(lambda: bridge.state.services["digits"].protected)
    window.open_page("rollouts", "digits", rollback=True)
    answered(
        engine,
        qtbot,
        m.MakePlan,
        lambda r: m.PlanAnswer(request=r, plan=plan(OperationKind.ROLLBACK, "2"), plan_hash="h"),
    )
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    page.plan.give_reason("E")
    press(qtbot, window, Qt.Key.Key_Return)
    assert engine.sent(m.Execute) == []
    strip = page.controls.confirm
    qtbot.keyPress(strip, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: strip.counting, timeout=3000)
    qtbot.keyRelease(strip, Qt.Key.Key_Return)
    assert "Roll back to v2 in" in strip.words
    press(qtbot, window, Qt.Key.Key_Escape)
    assert not strip.counting
    assert page.stack.currentIndex() == PLAN
    assert engine.sent(m.Execute) == []


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        (Phase.SETTLING, "Reading the real state"),
        (Phase.RETURNED, "The rollback failed: v3 keeps its traffic"),
        (Phase.FAILED, "Failed, and the way back failed too"),
        (Phase.UNRESOLVED, "Not resolved"),
    ],
)
def test_after_a_crash_the_board_says_what_was_settled(
    window: Any, page: Any, engine: Any, qtbot: Any, phase: Phase, words: str
) -> None:
    engine.say(m.OperationChanged(operation=operation(phase, ended_s=12.0 if phase.ended else None)))
    qtbot.waitUntil(lambda: len(page.overview.operations.rows) == 1)
    page.overview.operations.setFocus()
    page.open_operation("op1")
    assert page.board._headline.text().startswith(words)
    assert page.controls.abort.isHidden() == phase.ended


def test_what_goes_back_already_cannot_be_aborted_and_says_so(page: Any, engine: Any, qtbot: Any) -> None:
    engine.say(m.OperationChanged(operation=operation(Phase.RETURNING)))
    qtbot.waitUntil(lambda: bool(page.bridge.state.operations))
    page.open_operation("op1")
    assert page.board._headline.text() == "Going back to v3"
    assert "it is going back already" in page.controls.abort.words


def test_abort_is_held_and_goes_to_the_engine(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    engine.say(m.OperationChanged(operation=operation()))
    qtbot.waitUntil(lambda: len(page.overview.operations.rows) == 1)
    window.open_page("rollouts", "digits", operation="op1")
    page.controls.abort.press()
    page.controls.abort.release()
    assert engine.sent(m.Abort) == []
    page.controls.abort.press()
    qtbot.waitUntil(lambda: len(engine.sent(m.Abort)) == 1, timeout=3000)
    assert engine.sent(m.Abort)[0].operation == "op1"


def test_without_a_service_nothing_can_start_and_the_control_says_why(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    page.service_id = None
    page.show_step(OVERVIEW)
    assert page.controls.go.reason == "choose a service"
    assert page.controls.way_back.reason == "choose a service"


def test_checks_are_copied_as_markdown_and_as_json(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    from PySide6.QtGui import QGuiApplication

    window.open_page("rollouts", "digits", version="2")
    warned = report(Verdict.WARN, finding(Verdict.WARN))
    answered(
        engine, qtbot, m.CheckVersion, lambda r: m.CheckAnswer(request=r, service="digits", version="2", report=warned)
    )
    qtbot.waitUntil(lambda: page.checks.report is not None)
    press(qtbot, window, Qt.Key.Key_C)
    assert "**Deploy v2?** Yes, with 1 warning" in QGuiApplication.clipboard().text()
    press(qtbot, window, Qt.Key.Key_J)
    copied = json.loads(QGuiApplication.clipboard().text())
    assert copied == document(warned)
    assert (copied["schema"], copied["findings"][0]["rule"]) == ("mlcontrol.check/1", "I4")


def test_an_engine_lost_while_starting_is_not_taken_for_a_refusal(
    window: Any, page: Any, engine: Any, qtbot: Any, bridge: Any
) -> None:
    window.open_page("rollouts", "digits", rollback=True)
    answered(
        engine,
        qtbot,
        m.MakePlan,
        lambda r: m.PlanAnswer(request=r, plan=plan(OperationKind.ROLLBACK, "2"), plan_hash="h"),
    )
    qtbot.waitUntil(lambda: page.plan.plan is not None)
    page.plan.give_reason("E")
    page.controls.confirm.press()
    sent = engine.sent(m.Execute)[0]
    found = operation(Phase.SETTLING, id=sent.operation)
    engine.state = replace(bridge.state, operations={found.id: found})
    engine.on_lost(Problem("The engine ended.", "It was killed.", "It is being started again."))
    qtbot.waitUntil(lambda: page.stack.currentIndex() == BOARD, timeout=8000)
    assert page.board._headline.text() == "Reading the real state"


@pytest.mark.parametrize("name", ["rollouts", "timeline", "reviews", "audit", "connections", "alerts"])
def test_whatever_takes_the_focus_has_a_name(window: Any, qtbot: Any, name: str) -> None:
    from PySide6.QtWidgets import QAbstractButton, QLineEdit, QWidget

    window.open_page(name)
    nameless = [
        f"{type(widget).__name__} {widget.objectName()}"
        for widget in window.page.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not widget.objectName().startswith("qt_")
        and not isinstance(widget.parent(), QLineEdit)
        and not (widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text()))
    ]
    assert nameless == []


def test_versions_that_are_not_known_are_not_called_none(
    window: Any, page: Any, engine: Any, qtbot: Any, bridge: Any
) -> None:
    silent = replace(bridge.state.services["digits"], versions=(), intended=VersionFact(), seq=9)
    engine.say(m.ServiceChanged(service=silent))
    qtbot.waitUntil(lambda: not bridge.state.services["digits"].versions)
    window.open_page("rollouts", "digits", promote=True)
    assert page.what._empty._fact.text() == "The registry has not answered yet"
    assert page.controls.go.reason == "choose a version"

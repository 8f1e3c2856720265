"""The bisect on the incident page by keyboard: offered where two suspects are close, one confirmation, progress, a verdict."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from mlcontrol.core.bisect import Found, bisect_strategy
from mlcontrol.core.incidents.brief import Bisect, SuspectLine
from mlcontrol.core.judge.policy import ERRORS, Role
from mlcontrol.core.judge.verdict import Judgement, Reading, Verdict
from mlcontrol.core.operation import LiveStage, Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.problem import Problem
from mlcontrol.engine import messages as m
from tests.gui.conftest import FakeEngine
from tests.gui.test_incident_page import IncidentEngine, page, plan, press, sample_brief, told

__all__ = ["page", "press", "told"]

POSSIBLE = Bisect("possible", "3", "2", "timeout changed")
CLOSE = (
    SuspectLine("e2", "deploy v3", "40 s before the change", 0.48, 100.0, "2", "3"),
    SuspectLine("e1", "timeout changed", "35 s before the change", 0.42, 105.0),
    SuspectLine("", "None of these", "chance", 0.10),
)
TO_2 = replace(plan(), kind=OperationKind.BISECT, strategy=bisect_strategy("errors"))


def close_brief(bisect: Bisect | None = POSSIBLE, declared: bool = True) -> Any:
    words = "Cannot separate: deploy v3 or timeout changed."
    return sample_brief(declared, suspects=CLOSE, separable=False, verdict=words, bisect=bisect)


@pytest.fixture
def offered(told: IncidentEngine, engine: FakeEngine, page: Any, qtbot: Any) -> IncidentEngine:
    """The page with an offer on it, and an engine that answers what it asks."""
    plain = engine.send

    def send(command: Any) -> None:
        plain(command)
        if isinstance(command, m.PlanBisect):
            if isinstance(told.plan, Problem):
                engine.say(m.Refused(request=command.request, problem=told.plan))
            else:
                engine.say(m.PlanAnswer(request=command.request, plan=TO_2, plan_hash=TO_2.hash))
        elif isinstance(command, m.Abort):
            engine.say(m.Done(request=command.request))

    engine.send = send  # type: ignore[method-assign]
    told.brief = close_brief()
    qtbot.waitUntil(page.bisect.isVisible, timeout=5000)
    return told


def running(reading: Reading) -> Operation:
    now = time.time()
    steps = (
        Step("split-10", "Send 10 % to it", StepState.DONE, "the router reads back: 10 % to v2", 0.1, now - 9, now - 9),
        Step("judge-10", "Judge it at 10 %", StepState.RUNNING, started_s=now - 8),
        Step("return-route", "Move the traffic back"),
    )
    live = LiveStage(
        "judge-10", 10.0, False, "observing", now - 8, 0.1, 0.1, 300, "", "", Judgement(now, (reading,), 300, 0.9)
    )
    return Operation(
        "b1",
        OperationKind.BISECT,
        "digits",
        "3",
        "2",
        "m.okafor",
        "v3 or timeout changed",
        "sha256:0",
        Phase.RUNNING,
        steps,
        now - 10,
        seq=9,
        live=live,
    )


def test_b_and_enter_begin_it_and_its_progress_and_verdict_are_told(
    offered: IncidentEngine, page: Any, press: Any, engine: FakeEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    assert "v3, or “timeout changed”?" in page.bisect.sentence.text()
    press(Qt.Key.Key_B)
    qtbot.waitUntil(page.bisect.confirm.isVisible)
    assert engine.sent(m.Execute) == [], "planned, not begun"
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.Execute)))
    (sent,) = engine.sent(m.Execute)
    assert (sent.plan_hash, sent.reason, sent.actor) == (TO_2.hash, "v3 or timeout changed", "m.okafor")
    figures = "6.40 % new, 0.00 % old"
    reading = Reading(ERRORS, Role.REQUIRE, Verdict.INCONCLUSIVE, (0.1, 0.62), figures)
    engine.say(m.OperationChanged(operation=running(reading)))
    offered.brief = close_brief(Bisect("running", "3", "2", "", "b1"))
    qtbot.waitUntil(lambda: len(page.bisect.rows.rows) == 3, timeout=5000)
    split, comparing, evidence = page.bisect.rows.rows
    assert (split.state, split.lines[0][0]) == ("done", "the router reads back: 10 % to v2")
    assert (comparing.title, comparing.lines[0][0]) == ("Compare v3 with v2", "errors: 6.40 % v3, 0.00 % v2")
    assert evidence.title == "62 % of the evidence needed for: v3 does worse"
    assert page._buttons[_key("CANCEL_BISECT")].isVisible()
    offered.brief = close_brief(
        Bisect(Found.NAMED, "3", "2", "", "b1", "v3 does worse than v2: the version makes the difference.")
    )
    qtbot.waitUntil(lambda: page.bisect.note.text() == "the version is named", timeout=5000)
    assert page.bisect.rows.rows[0].title.startswith("v3 does worse")
    assert not page._buttons[_key("CANCEL_BISECT")].isVisible()


def test_shift_b_cancels_and_escape_begins_nothing(
    offered: IncidentEngine, page: Any, press: Any, engine: FakeEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    cancel = (Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    press(cancel)
    assert engine.sent(m.Abort) == [], "nothing runs"
    press(Qt.Key.Key_B)
    qtbot.waitUntil(page.bisect.confirm.isVisible)
    press(Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not page.bisect.confirm.isVisible())
    assert engine.sent(m.Execute) == []
    offered.brief = close_brief(Bisect("running", "3", "2", "", "b1"))
    qtbot.waitUntil(lambda: page.bisect.operation == "b1", timeout=5000)
    press(cancel)
    qtbot.waitUntil(lambda: bool(engine.sent(m.Abort)))
    assert engine.sent(m.Abort)[0].operation == "b1"


def test_the_way_back_leaves_the_offer_and_goes_on(
    offered: IncidentEngine, page: Any, press: Any, engine: FakeEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    press(Qt.Key.Key_B)
    qtbot.waitUntil(page.bisect.confirm.isVisible)
    press(Qt.Key.Key_R)
    qtbot.waitUntil(lambda: page.way_back.stage == "reason")
    assert not page.bisect.confirm.isVisible()
    press(Qt.Key.Key_E, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.Execute)))
    assert engine.sent(m.Execute)[0].reason == "errors rose"


def test_where_it_cannot_be_the_reason_is_told(
    offered: IncidentEngine, page: Any, press: Any, engine: FakeEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    offered.plan = Problem("v3 does not have the traffic now.", "It goes to v2.", "Look again.")
    press(Qt.Key.Key_B)
    qtbot.waitUntil(lambda: page.bisect.note.text() == "not possible")
    assert page.bisect.rows.rows[0].title == "v3 does not have the traffic now."
    press(Qt.Key.Key_Escape)
    offered.brief = close_brief(None)
    qtbot.waitUntil(lambda: not page.bisect.isVisible(), timeout=5000)
    asked = len(engine.sent(m.PlanBisect))
    press(Qt.Key.Key_B)
    assert len(engine.sent(m.PlanBisect)) == asked


def _key(name: str) -> Any:
    from mlcontrol.gui.pages import incident_actions as keys

    return getattr(keys, name)

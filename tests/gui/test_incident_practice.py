"""The practice sheet by keyboard: play something, see that it runs, score it, see the board."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mlcontrol.core.incidents.exercise import Exercise, Practice, Score
from mlcontrol.core.problem import Problem
from mlcontrol.engine import messages as m
from tests.gui.conftest import FakeEngine
from tests.gui.test_incident_page import IncidentEngine, page, press, told

__all__ = ["page", "press", "told"]

FAULTS = (("error-burst", "The diamond grader's version 6 is deployed."), ("server-frozen", "Nobody answers."))
SCORED = Score("error-burst", "m.okafor", 1_790_000_000.0, 12.0, 8.0, None, ("closed too early: it was reopened",), 52)


@pytest.fixture
def sheet(told: IncidentEngine, engine: FakeEngine, page: Any, press: Any, window: Any, qtbot: Any) -> Any:
    from PySide6.QtCore import Qt

    from mlcontrol.gui.pages.incident_practice import PracticeSheet

    plain = engine.send
    state = {"running": None, "scores": ()}

    def send(command: Any) -> None:
        plain(command)
        if isinstance(command, m.ScorePractice):
            state.update(running=None, scores=(SCORED,))
            engine.say(m.ScoreAnswer(request=command.request, score=SCORED))
        elif isinstance(command, (m.QueryPractice, m.StartPractice)):
            if isinstance(command, m.StartPractice):
                state["running"] = Exercise(command.fault or "error-burst", "m.okafor", time.time(), not command.fault)
            known = Practice("m.okafor", FAULTS, **state)  # type: ignore[arg-type]
            engine.say(m.PracticeAnswer(request=command.request, practice=known))

    engine.send = send  # type: ignore[method-assign]
    press((Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier))
    opened = window.findChild(PracticeSheet)
    qtbot.waitUntil(lambda: bool(opened.what.rows))
    return opened


def test_something_is_played_and_scored_by_keyboard(sheet: Any, press: Any, engine: FakeEngine, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    assert [row.title for row in sheet.what.rows] == ["Surprise me", "error-burst", "server-frozen"]
    assert sheet.board.rows[0].title == "No exercise has been scored yet"
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: sheet.what.rows[0].title == "Score it")
    assert engine.sent(m.StartPractice)[0].fault == ""
    assert sheet.words.text().startswith("Something has been played"), "a surprise stays one"
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "52 points" in sheet.board.rows[0].title)
    assert engine.sent(m.ScorePractice)[0].give_up is False
    assert [text for text, _tone in sheet.board.rows[0].lines] == [
        "noticed in 12 s, decided in 8 s, recovered not done", "closed too early: it was reopened"
    ]  # fmt: skip


def test_one_fault_is_chosen_and_given_up(sheet: Any, press: Any, engine: FakeEngine, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    press(Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: sheet.what.rows[0].title == "Score it")
    assert engine.sent(m.StartPractice)[0].fault == "server-frozen"
    press(Qt.Key.Key_Up, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.ScorePractice)))
    assert engine.sent(m.ScorePractice)[0].give_up is True


def test_a_refusal_is_told_and_a_real_workspace_offers_nothing(sheet: Any, qtbot: Any) -> None:
    sheet._on_answer(m.Refused(request="r", problem=Problem("Incident 31 is not over.", "", "Take the way back.")))
    assert sheet.words.text() == "Incident 31 is not over. Take the way back."
    sheet._show(Practice("m.okafor", FAULTS, why_not="This workspace is no sandbox."))
    assert sheet.what.rows == ()
    assert sheet.words.text() == "This workspace is no sandbox."

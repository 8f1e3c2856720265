"""Beside the overview: the gate backtest of a change of the past, and freezes; by keyboard, against a scripted engine."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt

from mlcontrol.core.drill import Drill, DrillMode
from mlcontrol.core.freeze import Freeze
from mlcontrol.core.judge.backtest import FalseAlarms, GateBacktest, Replayed
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.engine import messages as m
from tests.gui.test_rollouts_page import answered, press

NOW_S = time.time()
MOVE = TimelineEvent(
    "e1", NOW_S - 7200.0, EventKind.ROUTE, "Traffic goes to v3", "digits", version_from="2", version_to="3"
)
STOPPED = Replayed("stopped", 240.0, 10.0, "errors", "Errors worse: 20 % new, 1 % old", 120, 24)
FOUND = GateBacktest(
    "digits", "canary 1, 10, 50, 100 %", MOVE.at_s, "2", "3", STOPPED, 1200, 240,
    FalseAlarms(24, 0, 6.0, 0.0, 0.0, 0.14, 30.0), ("Golden set",),
)  # fmt: skip


@pytest.fixture
def page(window: Any, qtbot: Any) -> Any:
    window.open_page("rollouts", None)
    window.page.service_id = "digits"
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window.page


@pytest.fixture
def past(window: Any, page: Any, engine: Any, qtbot: Any) -> Any:
    """The gate backtest, opened on one recorded change."""
    press(qtbot, window, Qt.Key.Key_T)
    asked = answered(engine, qtbot, m.QueryTimeline, lambda r: m.TimelineAnswer(request=r, events=(MOVE,)))
    assert asked.service == "digits"
    answered(engine, qtbot, m.FindIncidents, lambda r: m.IncidentsAnswer(request=r, incidents=()))
    qtbot.waitUntil(lambda: len(page.past.changes.rows) == 1)
    return page.past


def test_a_change_of_the_past_is_replayed_with_progress_and_says_what_when_and_the_price(
    window: Any, past: Any, engine: Any, qtbot: Any
) -> None:
    press(qtbot, window, Qt.Key.Key_3)
    press(qtbot, window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.BacktestGate)))
    asked = engine.sent(m.BacktestGate)[0]
    assert (asked.service, asked.at_s, asked.rollout.strategy) == ("digits", MOVE.at_s, "linear")
    engine.say(m.Progress(request=asked.request, text="Calm time: 3 replays", fraction=0.3))
    qtbot.waitUntil(lambda: "Calm time: 3 replays · 30%" in past.findings.rows[0].lines[0][0])
    assert past.go.reason == "it runs"
    engine.say(m.GateBacktestAnswer(request=asked.request, backtest=FOUND))
    qtbot.waitUntil(lambda: past.findings.rows[0].title == "Stopped")
    said = " ".join(words for row in past.findings.rows for words, _ in row.lines)
    for words in ("stopped after 4.0 min", "Errors worse", "0 of 24 rollouts", "30 rollouts a month", "Golden set"):
        assert words in said


def test_a_running_replay_is_given_up_by_escape_and_its_late_answer_is_dropped(
    window: Any, page: Any, past: Any, engine: Any, qtbot: Any
) -> None:
    press(qtbot, window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.BacktestGate)))
    asked = engine.sent(m.BacktestGate)[0]
    assert asked.rollout.strategy == "canary", "the service's own plan has no guard to replay"
    press(qtbot, window, Qt.Key.Key_Escape)
    assert engine.sent(m.StopBacktest)[0].of == asked.request
    assert past.isVisible()
    engine.say(m.GateBacktestAnswer(request=asked.request, backtest=FOUND))
    qtbot.wait(20)
    assert past.findings.rows[0].title == "The replay was stopped"
    press(qtbot, window, Qt.Key.Key_Escape)
    assert not past.isVisible()
    assert page.overview.operations.isVisibleTo(page.overview) or page.overview.sides.currentIndex() == 0


def test_what_cannot_be_replayed_says_why(window: Any, past: Any, engine: Any, qtbot: Any) -> None:
    press(qtbot, window, Qt.Key.Key_Return)
    problem = Problem("The log holds too little before that moment: 3 answers.", "A replay needs at least 50.")
    answered(engine, qtbot, m.BacktestGate, lambda r: m.Refused(request=r, problem=problem))
    qtbot.waitUntil(lambda: past.findings.rows[0].title == problem.what)
    assert past.go.reason == ""


def test_a_freeze_is_added_and_lifted_by_keyboard_each_with_a_reason(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    press(qtbot, window, Qt.Key.Key_W)
    freezes = page.freezes
    qtbot.waitUntil(freezes.isVisible)
    press(qtbot, window, Qt.Key.Key_W)
    assert freezes.scope.hasFocus()
    assert freezes.scope.text() == "digits"
    freezes.until.setText("2h")
    qtbot.keyClick(freezes.until, Qt.Key.Key_Return)
    assert not engine.sent(m.AddFreeze), "why is asked for first"
    assert freezes.reason.hasFocus()
    freezes.reason.setText("black friday")
    qtbot.keyClick(freezes.reason, Qt.Key.Key_Return)
    asked = answered(engine, qtbot, m.AddFreeze, lambda r: m.Done(request=r))
    assert (asked.freeze.services, asked.freeze.reason, asked.actor) == (("digits",), "black friday", "m.okafor")
    assert asked.freeze.ends
    settings = replace(window.bridge.state.settings, freezes={asked.freeze.id: asked.freeze})
    engine.say(m.SettingsChanged(settings=settings))
    qtbot.waitUntil(lambda: len(freezes.freezes.rows) == 1)
    assert freezes.freezes.rows[0].state == "warning"
    freezes.freezes.set_rows(freezes.freezes.rows, select=asked.freeze.id)
    freezes.draw()
    press(qtbot, window, Qt.Key.Key_Delete)
    assert not engine.sent(m.LiftFreeze)
    freezes.reason.setText("over early")
    freezes.freezes.setFocus()
    press(qtbot, window, Qt.Key.Key_Delete)
    lifted = answered(engine, qtbot, m.LiftFreeze, lambda r: m.Done(request=r))
    assert (lifted.freeze, lifted.reason) == (asked.freeze.id, "over early")


def test_a_freeze_that_makes_no_sense_is_not_sent(window: Any, page: Any, engine: Any, qtbot: Any) -> None:
    page.freezes.begin()
    page.freezes.reason.setText("sale")
    for scope, until, why in (
        ("moon", "", "no service"),
        ("digits", "soon", "no time"),
        ("digits", "2001-01-01", "past"),
    ):
        page.freezes.scope.setText(scope)
        page.freezes.until.setText(until)
        page.freezes.put()
        assert why in page.freezes.said.text()
    assert not engine.sent(m.AddFreeze)


def test_the_service_s_own_judged_plan_is_the_one_that_is_replayed(
    window: Any, page: Any, engine: Any, qtbot: Any, past: Any
) -> None:
    settings = window.bridge.state.settings
    own = RolloutSettings("canary", (5.0, 25.0))
    services = {**settings.services, "digits": replace(settings.services["digits"], rollout=own)}
    engine.say(m.SettingsChanged(settings=replace(settings, services=services, freezes={"x": Freeze("x")})))
    qtbot.waitUntil(lambda: window.bridge.state.settings.services["digits"].rollout == own)
    past.draw()
    past.run()
    assert engine.sent(m.BacktestGate)[0].rollout == own


def test_drills_are_listed_with_their_parts_and_trend_and_one_more_is_walked_by_key(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    def of(seconds: float, ok: bool = True) -> Drill:
        return Drill("digits", NOW_S - 60.0, DrillMode.SHADOW, "2", ok, 0.1, 0.2, 0.3 if ok else None, seconds)

    press(qtbot, window, Qt.Key.Key_M)
    answered(
        engine, qtbot, m.QueryDrills, lambda r: m.DrillsAnswer(request=r, service="digits", drills=(of(1.0), of(1.0)))
    )
    drills = page.drills
    qtbot.waitUntil(lambda: len(drills.drills.rows) == 2)
    assert "detect 0.10 s, decide 0.20 s, act 0.30 s, verify 1.00 s" in drills.drills.rows[0].lines[0][0]
    assert drills.trend.text() == "Trend: 1.6 s, as the 1.6 s of the 1 before"
    press(qtbot, window, Qt.Key.Key_M)
    asked = answered(engine, qtbot, m.RunDrill, lambda r: m.DrillAnswer(request=r, drill=of(9.0, ok=False)))
    assert (asked.service, asked.mode, asked.actor) == ("digits", DrillMode.SHADOW, "m.okafor")
    answered(
        engine,
        qtbot,
        m.QueryDrills,
        lambda r: m.DrillsAnswer(request=r, service="digits", drills=(of(9.0, ok=False), of(1.0))),
        2,
    )
    qtbot.waitUntil(lambda: drills.drills.rows[0].state == "critical")
    assert "act ?" in drills.drills.rows[0].lines[0][0]
    assert drills.walk.reason == ""

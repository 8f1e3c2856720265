"""The incident page beyond the way back: silences, recovery by itself, words for others, roles, what would have caught it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from mlcontrol.core.alerts.alert import Alert, AlertState, Silence
from mlcontrol.core.incidents.incident import EntryKind
from mlcontrol.core.types import Health
from mlcontrol.engine import messages as m
from tests.gui.conftest import FakeEngine
from tests.gui.test_incident_page import IncidentEngine, page, press, sample_brief, states, told

__all__ = ["page", "press", "told"]


def test_before_the_engine_answers_the_last_known_state_is_told(
    page: Any, window: Any, engine: FakeEngine, told: IncidentEngine, qtbot: Any
) -> None:
    """The other services have no brief yet: the page says what is known of them, how it knows, and offers no figure of its own."""
    engine.send = lambda command: engine.commands.append(command)  # type: ignore[method-assign]  # it is busy
    window.open_page("incident", service="progression", alert="RMSE high")
    assert page.brief is None
    assert page.head.sentences[0].startswith("Progression: The error is 8 % above the objective")
    assert page.title == "RMSE high"
    assert "asking the engine" in page.head._age.text()
    assert page.way_back.title.text() == "Way back: v2"


def test_what_is_silenced_is_seen_and_one_key_lifts_it(page: Any, press: Any, engine: FakeEngine, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    now = time.time()
    ours = Alert("a1", "digits", "use", AlertState.FIRING, Health.CRITICAL, "errors 6.4 %", now - 90, now - 90)
    theirs = replace(ours, id="pager:f", rule="HighErrors", source="pager", fingerprint="f", silenced_by=("s9",))
    silence = Silence("s9", "", "HighErrors", now + 1700, "a.lind", "known", now, "pager")
    engine.say(m.AlertsChanged(alerts=(ours, theirs), silences=(silence,)))
    qtbot.waitUntil(lambda: page.alerts.isVisible() and len(page.alerts.rows.rows) == 2, timeout=5000)
    first, second = page.alerts.rows.rows
    assert (first.title, first.state) == ("use", "critical")
    assert second.title == "HighErrors"
    assert second.quiet
    assert any("by a.lind: known" in text for text, _tone in second.lines)
    press(Qt.Key.Key_I)
    qtbot.waitUntil(lambda: page.incident_id != "")
    press(Qt.Key.Key_S)
    qtbot.keyClicks(page.log.line, "known, we are on it")
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.SilenceIncident)))
    (sent,) = engine.sent(m.SilenceIncident)
    assert (sent.incident, sent.for_s, sent.reason) == ("incident-31", 1800.0, "known, we are on it")
    press(Qt.Key.Key_S)
    qtbot.keyClicks(page.log.line, "4h rolling back")
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(engine.sent(m.SilenceIncident)) == 2)
    longer = engine.sent(m.SilenceIncident)[-1]
    assert (longer.for_s, longer.reason) == (14_400.0, "rolling back")
    press((Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier))
    qtbot.waitUntil(lambda: bool(engine.sent(m.LiftSilences)))


def test_what_ended_by_itself_is_said_and_then_proven(
    page: Any, press: Any, told: IncidentEngine, engine: FakeEngine, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    press(Qt.Key.Key_I)
    qtbot.waitUntil(lambda: page.incident_id != "")
    press(Qt.Key.Key_F)
    assert page.log.line.text() == "the cause is gone"
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.WriteIncident)))
    assert engine.sent(m.WriteIncident)[0].kind is EntryKind.RECOVERY_CHECKED
    told.brief = sample_brief(green=2, operation="")
    qtbot.waitUntil(
        lambda: bool(engine.sent(m.RefreshNow)), timeout=5000
    )  # what was silent is asked at once, not in its turn
    qtbot.waitUntil(lambda: states(page).count("done") == 2, timeout=5000)
    assert page.way_back.title.text() == "Is it over?"


def test_words_for_others_are_read_before_they_are_copied(
    page: Any, press: Any, told: IncidentEngine, window: Any, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QGuiApplication

    from mlcontrol.gui.pages.incident_texts import TextsSheet

    told.brief = sample_brief(
        messages=(("Status channel", "[We are working on it] digits"), ("Colleagues", "v3 fails"))
    )
    qtbot.waitUntil(lambda: page.brief is not None and bool(page.brief.messages), timeout=5000)
    press((Qt.Key.Key_H, Qt.KeyboardModifier.ShiftModifier))
    sheet = window.findChild(TextsSheet)
    assert [name for name, _text in sheet.texts] == ["Status channel", "Colleagues", "Handoff", "Commands by hand"]
    assert sheet.preview.text() == "[We are working on it] digits"
    press(Qt.Key.Key_Down)
    assert sheet.preview.text() == "v3 fails"
    press(Qt.Key.Key_3)
    assert QGuiApplication.clipboard().text() == "Incident 31"


def test_v_adds_the_next_of_what_would_have_caught_it(page: Any, press: Any, engine: FakeEngine, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    press(Qt.Key.Key_I)
    qtbot.waitUntil(lambda: page.incident_id != "")
    press(Qt.Key.Key_V)
    qtbot.waitUntil(lambda: bool(engine.sent(m.AddPrevention)))
    (sent,) = engine.sent(m.AddPrevention)
    assert (sent.incident, sent.prevention, sent.actor) == ("incident-31", "alert-errors", "m.okafor")


def test_a_role_is_given_by_name(page: Any, press: Any, engine: FakeEngine, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    press(Qt.Key.Key_I)
    qtbot.waitUntil(lambda: page.incident_id != "")
    press(Qt.Key.Key_P)
    qtbot.keyClicks(page.log.line, "communications a.lind")
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(engine.sent(m.WriteIncident)))
    assert engine.sent(m.WriteIncident)[0].data == {"role": "communications", "person": "a.lind"}

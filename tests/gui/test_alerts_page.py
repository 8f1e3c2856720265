"""The alerts page: worst first, taken and silenced through the engine, and never a green nothing before the engine has spoken."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt

from mlcontrol.core.alerts.alert import Alert, AlertState, Notification, Silence
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import Freshness, Health, ServiceState, Signal, Stamp
from mlcontrol.engine import messages as m
from mlcontrol.gui.viewmodels.alert_rows import alert_rows, unheard_words
from mlcontrol.gui.viewmodels.status_facts import alerts_fact


def alert(service: str, rule: str, severity: Health, ago_s: float, state: AlertState = AlertState.FIRING) -> Alert:
    since_s = time.time() - ago_s
    over = time.time() - 5 if state is AlertState.RESOLVED else None
    return Alert(
        f"{service}/{rule}@1",
        service,
        rule,
        state,
        severity,
        f"{rule} of {service} is wrong",
        since_s,
        since_s,
        resolved_s=over,
    )


SOME = (
    alert("digits", "use", Health.WARNING, 60),
    alert("diamonds", "presence", Health.CRITICAL, 600),
    alert("eta", "accuracy", Health.CRITICAL, 30, AlertState.RESOLVED),
)


@pytest.fixture
def page(window: Any, engine: Any, qtbot: Any) -> Any:
    window.open_page("alerts")
    engine.say(m.AlertsChanged(alerts=SOME, silences=()))
    qtbot.waitUntil(lambda: len(window.page.model.rows) == 3)
    return window.page


def test_open_before_over_and_critical_before_warning(page: Any) -> None:
    assert [(row.alert.service, row.state) for row in page.model.rows] == [
        ("diamonds", "firing"),
        ("digits", "firing"),
        ("eta", "over"),
    ]
    assert page.subtitle == "2 firing"
    assert page.current().alert.service == "diamonds"
    assert ("says", "presence of diamonds is wrong") in page._facts.facts()


def test_taking_one_goes_through_the_engine_and_comes_back_as_state(page: Any, engine: Any, qtbot: Any) -> None:
    page.acknowledge()
    command = engine.sent(m.AcknowledgeAlert)[-1]
    assert command.alert == "diamonds/presence@1"
    engine.say(m.AlertsChanged(alerts=(replace(SOME[1], acknowledged_by="ann"),), silences=()))
    qtbot.waitUntil(lambda: page.current().state == "taken by ann")
    assert page.take.reason == "it is taken"


def test_a_silence_needs_a_reason_and_ends(page: Any, engine: Any, qtbot: Any) -> None:
    page.silence(3600.0)
    assert not engine.sent(m.SilenceAlerts)
    assert any("write the reason first" in text for text in page.window().toasts.texts)
    page.reason.setText("planned work")
    page.silence(3600.0)
    command = engine.sent(m.SilenceAlerts)[-1]
    assert (command.service, command.rule, command.for_s, command.reason) == (
        "diamonds",
        "presence",
        3600.0,
        "planned work",
    )
    held = Silence("s1", "diamonds", "presence", time.time() + 3600, "ann", "planned work", time.time() - 1)
    engine.say(m.AlertsChanged(alerts=(), silences=(held,)))
    qtbot.waitUntil(lambda: page.current().state == "silenced")
    page.end_silence()
    assert engine.sent(m.EndSilence)[-1].silence == "s1"


def test_another_systems_alert_has_its_source_and_is_silenced_there(page: Any, engine: Any, qtbot: Any) -> None:
    theirs = replace(
        alert("digits", "HighErrors", Health.CRITICAL, 5),
        id="pager:f1@1",
        source="pager",
        fingerprint="f1",
        labels=(("alertname", "HighErrors"), ("severity", "critical")),
    )
    quiet = replace(theirs, id="pager:f2@1", fingerprint="f2", rule="Watchdog", severity=Health.OK)
    engine.say(m.AlertsChanged(alerts=(theirs, quiet), silences=()))
    qtbot.waitUntil(lambda: len(page.model.rows) == 5)
    assert page.subtitle == "3 firing", "what only informs is no alert to act on"
    rules = [row.alert.rule for row in page.model.rows]
    assert rules.index("Watchdog") == 3, "after all that fires, before what is over"
    page.table.setCurrentIndex(page.model.index(rules.index("HighErrors"), 0))
    assert page.model.index(rules.index("HighErrors"), 5).data() == "pager"
    assert page.model.index(rules.index("presence"), 5).data() == "panel"
    assert ("labels", "severity=critical") in page._facts.facts()
    assert page.take.reason == "pager has it; silence it"
    page.reason.setText("planned work")
    page.silence(3600.0)
    assert engine.sent(m.SilenceAlerts)[-1].alert == "pager:f1@1"
    held = Silence("s1", "", "alertname=~High.*", time.time() + 3600, "bob", "load test", time.time() - 1, "pager")
    engine.say(m.AlertsChanged(alerts=(replace(theirs, silenced_by=("s1",)),), silences=(held,)))
    qtbot.waitUntil(lambda: page.current().state == "silenced")
    assert ("silences", "alertname=~High.*") in page._facts.facts()
    page.end_silence()
    assert engine.sent(m.EndSilence)[-1].silence == "s1"


def test_what_is_told_is_a_toast_and_a_count(page: Any, engine: Any, qtbot: Any) -> None:
    note = Notification("500 alerts: presence", "s1, s2 and 498 more", Health.CRITICAL, ("a",), time.time())
    engine.say(m.AlertTold(notification=note))
    qtbot.waitUntil(lambda: "500 alerts: presence" in page.window().toasts.texts)
    fact = alerts_fact(page.bridge.state)
    assert (fact.state, fact.text) == ("critical", "2 alerts")


def test_enter_opens_the_service(page: Any, qtbot: Any) -> None:
    page.table.setCurrentIndex(page.model.index(1, 0))
    page._open_service()
    assert page.window().page.name == "service"


def test_before_the_engine_has_spoken_nothing_is_said_to_be_quiet() -> None:
    assert alert_rows(None, 0.0) == []
    assert alerts_fact(None).text == ""


def test_no_alerts_is_an_empty_page_that_says_so(window: Any, qtbot: Any) -> None:
    window.open_page("alerts")
    qtbot.waitUntil(lambda: window.page._stack.currentIndex() == 1)
    assert window.page.subtitle == "nothing fires"
    qtbot.keyClick(window, Qt.Key.Key_K)  # nothing to take: nothing happens


@pytest.fixture
def active(page: Any, qtbot: Any) -> Any:
    page.window().activateWindow()
    qtbot.waitUntil(page.window().isActiveWindow)
    page.table.setFocus()
    return page


def test_a_person_says_for_how_long_by_keyboard_alone(active: Any, engine: Any, qtbot: Any) -> None:
    qtbot.keyClick(active.window(), Qt.Key.Key_M)
    assert active.reason.hasFocus()
    qtbot.keyClicks(active.reason, "load test")
    qtbot.keyClick(active.reason, Qt.Key.Key_Tab)
    assert active.length.box.hasFocus() or active.length.edit.hasFocus()
    active.length.begin()
    qtbot.keyClicks(active.length.edit, "90m")
    assert active.length._ends.text().startswith("ends 20")
    qtbot.keyClick(active.length.edit, Qt.Key.Key_Return)
    command = engine.sent(m.SilenceAlerts)[-1]
    assert (command.for_s, command.reason) == (5400.0, "load test")
    assert active.table.hasFocus()
    assert len(engine.sent(m.SilenceAlerts)) == 1
    qtbot.keyClick(active.window(), Qt.Key.Key_N)
    assert active.length.edit.hasFocus()
    assert active.length.edit.selectedText() == "90m"


def test_what_is_offered_is_chosen_with_the_arrows(active: Any, engine: Any, qtbot: Any) -> None:
    active.reason.setText("deploying")
    qtbot.keyClick(active.window(), Qt.Key.Key_N)
    active.length.edit.setText("30 min")
    seen = []
    for _ in range(5):
        qtbot.keyClick(active.length.edit, Qt.Key.Key_Down)
        seen.append(active.length.edit.text())
    assert seen == ["1 h", "4 h", "8 h", "1 d", "3 d"]
    qtbot.keyClick(active.length.edit, Qt.Key.Key_Down)
    assert active.length.edit.text().startswith("until ")
    qtbot.keyClick(active.length.edit, Qt.Key.Key_Return)
    assert 0 < engine.sent(m.SilenceAlerts)[-1].for_s <= 86_400.0


@pytest.mark.parametrize(("text", "words"), [("", "always ends"), ("for ever", "no time"), ("31 d", "30 days")])
def test_no_silence_is_made_without_an_end(active: Any, engine: Any, text: str, words: str) -> None:
    active.reason.setText("deploying")
    active.length.edit.setText(text)
    active.silence()
    assert not engine.sent(m.SilenceAlerts)
    assert words in active.length._ends.text()
    assert words in active.quiet.reason
    assert active.length.edit.hasFocus()


def test_what_is_silent_shows_how_much_is_left_also_when_it_is_over(page: Any, engine: Any, qtbot: Any) -> None:
    now_s = time.time()
    held = [
        Silence("s1", "diamonds", "presence", now_s + 5405, "ann", "load test", now_s - 1),
        Silence("s2", "eta", "", now_s + 605, "ann", "load test", now_s - 1),
    ]
    engine.say(m.AlertsChanged(alerts=(), silences=tuple(held)))
    qtbot.waitUntil(lambda: page.subtitle == "2 firing, 2 silences hold")
    states = {row.alert.service: page.model.index(i, 2).data() for i, row in enumerate(page.model.rows)}
    assert states["diamonds"] == "silent, 90 min left"
    assert states["eta"] == "over, silent 10 min"
    page.table.setCurrentIndex(page.model.index([r.alert.service for r in page.model.rows].index("eta"), 0))
    assert any(name == "silent until" for name, _ in page._facts.facts())
    page.end_silence()
    assert engine.sent(m.EndSilence)[-1].silence == "s2"


def test_that_nothing_fires_is_not_said_before_anything_was_heard() -> None:
    heard = Signal(Health.OK, "fine", freshness=Freshness.FRESH, at=Stamp(1.0, 1.0, 1))
    silent = FleetState(WorkspaceSettings("w", "w.toml"), {"a": ServiceState("a"), "b": ServiceState("b")})
    assert "No source" in unheard_words(silent)
    assert "engine" in unheard_words(None)
    one = replace(silent, services={**silent.services, "a": ServiceState("a", use=heard)})
    assert unheard_words(one) == ""
    assert unheard_words(replace(silent, services={})) == "", "there is nothing to hear"


def test_a_silence_of_what_has_no_alert_is_seen_and_ended_by_keyboard(window: Any, engine: Any, qtbot: Any) -> None:
    """Nothing of its service is listed: it stands among the silences, and U ends it."""
    window.open_page("alerts")
    page = window.page
    now_s = time.time()
    held = [
        Silence("s1", "diamonds", "", now_s + 5405, "ann", "load test", now_s - 1),
        Silence("s2", "", "latency", now_s + 605, "bob", "moving house", now_s - 1),
    ]
    engine.say(m.AlertsChanged(alerts=(), silences=tuple(held)))
    qtbot.waitUntil(lambda: len(page.silences.rows) == 2)
    assert page._stack.currentIndex() == 0
    assert [row.what for row in page.silences.rows] == ["latency of every service", "every alert of diamonds"]
    assert page.take.reason == "a silence is chosen"
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    page.table.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_S)
    assert page.held.hasFocus()
    qtbot.keyClick(page.held, Qt.Key.Key_Down)
    assert ("why", "load test") in page._facts.facts()
    qtbot.keyClick(window, Qt.Key.Key_U)
    assert [sent.silence for sent in engine.sent(m.EndSilence)] == ["s1"]
    engine.say(m.AlertsChanged(alerts=(), silences=()))
    qtbot.waitUntil(lambda: page._stack.currentIndex() == 1)


def test_only_the_list_that_keys_act_on_shows_a_choice(active: Any, engine: Any, qtbot: Any) -> None:
    held = Silence("s1", "eta", "", time.time() + 605, "ann", "load test", time.time() - 1)
    engine.say(m.AlertsChanged(alerts=(), silences=(held,)))
    qtbot.waitUntil(lambda: len(active.silences.rows) == 1)
    assert active.table.selectionModel().hasSelection()
    assert not active.held.selectionModel().hasSelection()
    qtbot.keyClick(active.window(), Qt.Key.Key_S)
    assert active.held.selectionModel().hasSelection()
    assert not active.table.selectionModel().hasSelection()
    qtbot.keyClick(active.window(), Qt.Key.Key_S)
    assert active.table.hasFocus()
    qtbot.keyClick(active.window(), Qt.Key.Key_K)
    assert engine.sent(m.AcknowledgeAlert)[-1].alert == "diamonds/presence@1"


def test_the_words_have_the_room_at_1280(page: Any, engine: Any, qtbot: Any) -> None:
    window = page.window()
    window.resize(1280, 800)
    words = "errors 7.7 % of 26 answers (5xx 2). The objective is 1.0 %."
    engine.say(m.AlertsChanged(alerts=(replace(SOME[1], text=words),), silences=()))
    last = page.model.columnCount() - 1
    qtbot.waitUntil(lambda: page.model.index(0, last).data() == words)
    assert page.table.isColumnHidden(5), "every alert is the panel's own"
    assert page.table.columnWidth(last) > page.table.fontMetrics().horizontalAdvance(words)
    unknown = replace(SOME[0], unknown=True)
    engine.say(m.AlertsChanged(alerts=(unknown,), silences=()))
    qtbot.waitUntil(lambda: page.model.rows[1].state == "not known now")
    for column in range(last):
        for row in range(page.model.rowCount()):
            cell = page.model.index(row, column)
            room = page.table.columnWidth(column)
            assert page.table.isColumnHidden(column) or room >= page.table.sizeHintForIndex(cell).width(), cell.data()


def test_what_is_pending_is_counted_and_not_called_firing(page: Any, engine: Any, qtbot: Any) -> None:
    engine.say(m.AlertsChanged(alerts=(alert("eta", "use", Health.CRITICAL, 3, AlertState.PENDING),), silences=()))
    qtbot.waitUntil(lambda: page.subtitle == "2 firing, 1 pending")


def test_where_no_service_is_connected_nothing_is_green(window: Any, engine: Any, qtbot: Any) -> None:
    """Nobody looks at anything there; and a page about a service is complete without one."""
    window.open_page("alerts")
    page = window.page
    engine.say(m.Snapshot(state=FleetState(WorkspaceSettings("new", "new.toml"))))
    qtbot.waitUntil(lambda: page.nothing_watched)
    page._draw()
    assert page._empty._fact.text() == "Nothing is watched yet"
    assert page._empty._glyph.isHidden()
    for name in ("service", "incident"):
        window.open_page(name)
        assert window.page.ready, name

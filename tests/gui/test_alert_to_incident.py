"""From an alert, the panel's or another system's, one key opens its incident, pre-filled; nothing is done by that."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mlcontrol.core.alerts.alert import Alert, AlertState
from mlcontrol.core.types import Health
from mlcontrol.engine import messages as m
from tests.gui.conftest import FakeEngine


@pytest.mark.parametrize("source", ["", "pager"])
def test_one_key_opens_the_incident_of_an_alert(window: Any, engine: FakeEngine, qtbot: Any, source: str) -> None:
    from PySide6.QtCore import Qt

    now = time.time()
    alert = Alert(
        "a1", "progression", "HighErrors", AlertState.FIRING, Health.CRITICAL, "errors 6 %", now - 60, now - 60,
        source=source, fingerprint="f1" if source else "",
    )  # fmt: skip
    window.open_page("alerts")
    engine.say(m.AlertsChanged(alerts=(alert,), silences=()))
    qtbot.waitUntil(lambda: len(window.page.model.rows) == 1)
    window.activateWindow()
    qtbot.keyClick(window.page.table, Qt.Key.Key_I)
    qtbot.waitUntil(lambda: window.page.name == "incident")
    page = window.page
    assert page.service_id == "progression"
    assert page.title == "HighErrors: errors 6 %"  # at once, from the last known state
    acting = (m.DeclareIncident, m.WriteIncident, m.MakePlan, m.Execute)
    assert [command for kind in acting for command in engine.sent(kind)] == []
    qtbot.keyClick(page, Qt.Key.Key_I)
    qtbot.waitUntil(lambda: bool(engine.sent(m.DeclareIncident)))
    (declared,) = engine.sent(m.DeclareIncident)
    assert (declared.service, declared.alert) == ("progression", "HighErrors: errors 6 %")


def test_an_alert_of_a_connection_says_that_it_has_no_incident(window: Any, engine: FakeEngine, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    now = time.time()
    alert = Alert("a2", "router", "connection", AlertState.FIRING, Health.WARNING, "silent", now - 60, now - 60)
    window.open_page("alerts")
    engine.say(m.AlertsChanged(alerts=(alert,), silences=()))
    qtbot.waitUntil(lambda: len(window.page.model.rows) == 1)
    window.activateWindow()
    qtbot.keyClick(window.page.table, Qt.Key.Key_I)
    qtbot.wait(100)
    assert window.page.name == "alerts"

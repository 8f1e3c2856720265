"""The fleet page: worst first, filter, rows that hold still, reasons on the buttons, keys to every other page."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt

from mlcontrol.core import types as t
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.engine import messages as m
from mlcontrol.gui.viewmodels import fleet_book
from mlcontrol.gui.viewmodels.fleet_book import TURN, FleetBook
from mlcontrol.gui.viewmodels.fleet_rows import compose, sentence
from mlcontrol.gui.viewmodels.signal_cells import Now, signal_cell


def titles(window: Any) -> list[str]:
    table = window.page.table.table
    return [table.row(i).section or table.row(i).id for i in range(table.rowCount())]


def test_worst_services_come_first_and_calm_ones_under_one_line(window: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: window.page.table.table.rowCount() > 0)
    assert titles(window)[:6] == [
        "diamond-cut",
        "digits",
        "eta",
        "progression",
        "house-price",
        "5 services as expected",
    ]


def test_filter_as_you_type(window: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: window.page.table.table.rowCount() > 0)
    qtbot.keyClick(window, Qt.Key.Key_Slash)
    qtbot.waitUntil(lambda: window.page._filter.hasFocus())
    qtbot.keyClicks(window.page._filter, "pricing critical")
    assert titles(window) == ["diamond-cut"]
    qtbot.keyClicks(window.page._filter, "x")
    assert window.page._stack.currentWidget() is window.page._nothing
    qtbot.keyClick(window.page._filter, Qt.Key.Key_Escape)
    assert len(titles(window)) == 11


def test_rows_do_not_jump_while_one_is_selected(window: Any, engine: Any, qtbot: Any) -> None:
    page = window.page
    qtbot.waitUntil(lambda: page.table.table.rowCount() > 0)
    page.table.choose("digits")
    table = page.table.table

    def order() -> list[str]:
        return [table.row(i).id for i in range(table.rowCount())]

    before = order()
    calm = window.bridge.state.services["digits"]
    engine.say(
        m.ServiceChanged(service=replace(calm, use=replace(calm.use, health=t.Health.OK, text="as usual"), seq=9))
    )
    qtbot.waitUntil(lambda: page._waiting.isVisible())
    assert order() == before
    assert "changed places" in page._waiting.text()
    qtbot.keyClick(window, Qt.Key.Key_O)
    qtbot.waitUntil(lambda: order() != before)
    assert order().index("digits") > order().index("section:calm")
    assert page.table.current().id == "digits"


def test_the_sentence_and_the_way_back_of_the_selection(window: Any, qtbot: Any) -> None:
    page = window.page
    qtbot.waitUntil(lambda: page.table.table.rowCount() > 0)
    page.table.choose("digits")
    assert page._back_button.text() == "Roll back to v2"
    assert page._back_button.reason == ""
    page.table.choose("eta")
    assert page._bar._sentence.text()


def test_a_control_that_cannot_act_says_why(window: Any, engine: Any, qtbot: Any) -> None:
    page = window.page
    qtbot.waitUntil(lambda: page.table.table.rowCount() > 0)
    digits = window.bridge.state.services["digits"]
    engine.say(m.ServiceChanged(service=replace(digits, way_back=t.WayBack(t.WayBackState.NONE), seq=9)))
    page.table.choose("digits")
    qtbot.waitUntil(lambda: bool(page._back_button.reason))
    assert page._back_button.accessibleName() == "Roll back: no earlier good version"
    clicks: list[None] = []
    page._back_button.clicked.connect(lambda: clicks.append(None))
    qtbot.mouseClick(page._back_button, Qt.MouseButton.LeftButton)
    assert clicks == []


def test_stale_and_silent_signals_never_look_ok() -> None:
    now = Now(1000.0, 1_700_000_000.0, poll_s=5.0)
    for age_s, state in ((4.0, "ok"), (11.0, "stale"), (16.0, "unknown")):
        at = t.Stamp(0.0, 1000.0 - age_s, 1)
        cell = signal_cell(t.Signal(t.Health.OK, "fine", freshness=t.Freshness.FRESH, at=at), now)
        assert cell.state == state, age_s
    assert signal_cell(t.Signal(t.Health.OK, "fine"), now).state == "unknown"
    assert (
        signal_cell(
            t.Signal(t.Health.OK, "fine", freshness=t.Freshness.FRESH, at=t.Stamp(0, 1000, 1)),
            replace(now, cached=True),
        ).state
        == "stale"
    )


def test_thousand_services_are_composed_at_once(window: Any, machine_second: float) -> None:
    digits = window.bridge.state.services["digits"]
    many = {f"s{i}": replace(digits, id=f"s{i}", title=f"Service {i}") for i in range(1000)}
    book = FleetBook()
    began = time.process_time()
    assert book.take(replace(window.bridge.state, services=many), Now.read(), everything=True)
    rows = book.rows
    assert len(compose(rows, "service 99", "team")) == 20  # 99, 199, ... 999, 990 to 998, and the team's line
    assert time.process_time() - began < machine_second / 2
    assert sentence(rows[0])[1] == "critical"


def test_only_what_changed_is_made_again_and_ages_are_judged_in_turns(
    window: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of rows must not cost a frame each second; and none may stay green because its turn never came."""
    now = Now(1000.0, 2000.0)
    fresh = t.Signal(t.Health.OK, "fine", freshness=t.Freshness.FRESH, at=t.Stamp(0, 1000, 1))
    calm = t.ServiceState("x", presence=fresh, use=fresh, accuracy=fresh)
    many = {f"s{i}": replace(calm, id=f"s{i}") for i in range(3 * TURN - 5)}
    state = replace(window.bridge.state, services=many)
    book = FleetBook()
    made: list[str] = []
    make = fleet_book.fleet_row
    monkeypatch.setattr(fleet_book, "fleet_row", lambda s, *rest: (made.append(s.id), make(s, *rest))[1])
    for behind in (True, True, False):  # a part at a time
        book.take(state, now, everything=False)
        assert len(made) <= TURN
        assert book.behind is behind
        made.clear()
    state = replace(state, services={**many, "s7": replace(many["s7"], traffic_per_s=3.0)})
    assert book.take(state, now, everything=False)
    assert not book.take(state, now, everything=False)
    assert made == ["s7"]
    later = Now(1100.0, 2100.0)
    assert (book.turns(), [book.age(later) for _ in range(3)]) == (3, [True] * 3)
    assert {row.cells[0].state for row in book.rows if row.cells} == {"unknown"}
    assert book.take(replace(state, services={}), later, everything=False)
    assert (book.rows, book.age(later)) == ((), False)


def test_grouped_by_team_environment_and_every_label(window: Any, qtbot: Any) -> None:
    page = window.page
    qtbot.waitUntil(lambda: page.table.table.rowCount() > 0)
    state = window.bridge.state
    tiers = {"digits": {"tier": "1"}, "eta": {"tier": "2"}}
    services = {name: ServiceSettings(name, team="t", labels=labels) for name, labels in tiers.items()}
    window.bridge.state = replace(state, settings=replace(state.settings, services=services))
    seen = []
    for _ in range(4):
        qtbot.keyClick(page.table, Qt.Key.Key_B)
        seen.append((page._group_button.text(), [one for one in titles(window) if " · " in one]))
    assert [button.split()[1] for button, _ in seen] == ["team", "environment", "tier", "none"]
    others = len(state.services) - 2
    assert sorted(seen[2][1]) == ["1 · 1 service", "2 · 1 service", f"without tier · {others} services"]
    assert any(title.startswith("vision · ") for title in seen[0][1])
    qtbot.keyClick(window, Qt.Key.Key_Slash)
    qtbot.keyClicks(page._filter, "tier=2")
    assert titles(window) == ["eta"]


def test_enter_in_the_filter_goes_to_the_table(window: Any, qtbot: Any) -> None:
    page = window.page
    qtbot.waitUntil(lambda: page.table.table.rowCount() > 0)
    page._filter.setFocus()
    qtbot.keyClicks(page._filter, "digits")
    qtbot.keyClick(page._filter, Qt.Key.Key_Return)
    assert window.page.name == "fleet"
    qtbot.waitUntil(lambda: page.table.current() is not None and page.table.current().id == "digits")
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert window.page.name == "service"


def test_first_start_offers_the_sandbox_and_a_connection(engine: Any, qtbot: Any, request: Any) -> None:
    engine.state = request.getfixturevalue("empty_fleet")
    window = request.getfixturevalue("window")
    page = window.page
    qtbot.waitUntil(lambda: page._sandbox_button.isVisible())
    assert page._connect_button.isVisible()
    assert page._stack.currentWidget() is page._empty
    assert not page._retry_button.isVisible()
    # The words fit their card, and the keys of the page are keys, not letters in a field.
    label = page._empty._consequence
    qtbot.waitUntil(lambda: label.height() >= label.heightForWidth(label.width()))
    assert not page._filter.isVisible()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: window.page.name == "connections")
    assert window.page.connection_form.isVisible()


def test_a_sandbox_that_cannot_start_is_told(window: Any, qtbot: Any) -> None:
    window.page._on_sandbox(False)
    assert window.toasts.texts == ["The sandbox did not start."]


@pytest.mark.parametrize(
    ("changes", "later_s", "looked_at"),
    [
        ({}, 5.0, False),
        ({}, 10.5, True),  # stale by now
        ({"last_change_s": 1990.0}, 1.5, True),  # seconds are counted
        ({"last_change_s": 200.0}, 3.0, False),
        ({"last_change_s": 200.0}, 5.5, True),
        ({"accuracy": t.Signal(t.Health.OK, "fine", freshness=t.Freshness.STALE, at=t.Stamp(0, 900, 1))}, 1.5, True),
        ({"use": t.Signal()}, 5.0, False),
        ({"use": t.Signal(t.Health.OK, "fine", freshness=t.Freshness.FRESH, at=t.Stamp(0, 980, 1))}, 1.5, True),
    ],
)
def test_a_row_is_judged_again_when_time_can_have_changed_it(
    window: Any, monkeypatch: pytest.MonkeyPatch, changes: Any, later_s: float, looked_at: bool
) -> None:
    fresh = t.Signal(t.Health.OK, "fine", freshness=t.Freshness.FRESH, at=t.Stamp(0, 1000, 1))
    service = replace(t.ServiceState("x", presence=fresh, use=fresh, accuracy=fresh), **changes)
    book, now = FleetBook(), Now(1000.0, 2000.0)
    book.take(replace(window.bridge.state, services={"x": service}), now, everything=False)
    made: list[str] = []
    make = fleet_book.fleet_row
    monkeypatch.setattr(fleet_book, "fleet_row", lambda s, *rest: (made.append(s.id), make(s, *rest))[1])
    later = Now(1000.0 + later_s, 2000.0 + later_s)
    changed = book.age(later)
    assert bool(made) is looked_at
    assert looked_at or make(service, later) == make(service, now), "nothing was missed"
    assert changed is (make(service, later) != make(service, now))

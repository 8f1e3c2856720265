"""The timeline and the audit page: what they show, hide, export and refuse to call whole."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt

from mlcontrol.core import audit
from mlcontrol.core.state import Changes
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.gui.charts.lanes import AXIS_H, LANE_H
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.timeline_lanes import Lane, Span


def event(name: str, ago_s: float, kind: EventKind, service: str | None = "digits", **more: Any) -> TimelineEvent:
    return TimelineEvent(name, time.time() - ago_s, kind, more.pop("title", f"{kind.value} {name}"), service, **more)


def some_events() -> tuple[TimelineEvent, ...]:
    return (
        event("alert", 60, EventKind.ALERT, severity=Health.CRITICAL, title="=errors 6 %"),
        event("deploy", 120, EventKind.DEPLOY, version_from="2", version_to="3", actor="a.lind"),
        event("note", 300, EventKind.NOTE, "churn"),
    )


def rows(n: int) -> tuple[audit.AuditRow, ...]:
    made: list[audit.AuditRow] = []
    for i in range(n):
        body = {"from": "2", "to": "3", "reason": "better", "i": i}
        made.append(
            audit.append(made[-1] if made else None, 10.0 + i, "ada", "deploy.intent", "digits", f"op{i}", body)
        )
    return tuple(made)


@pytest.fixture
def timeline(window: Any, engine: Any, qtbot: Any, bridge: Any) -> Any:
    bridge.state = replace(bridge.state, events=())
    window.open_page("timeline")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    engine.say(m.TimelineAnswer(request=engine.sent(m.QueryTimeline)[-1].request, events=some_events()))
    qtbot.waitUntil(lambda: len(window.page.list.rows) == 3)
    return window.page


@pytest.fixture
def audit_page(window: Any, engine: Any, qtbot: Any) -> Any:
    window.open_page("audit")
    engine.say(m.AuditAnswer(request=engine.sent(m.QueryAudit)[-1].request, rows=tuple(reversed(rows(5))), total=5))
    qtbot.waitUntil(lambda: len(window.page.model.shown) == 5)
    return window.page


def test_new_events_show_and_the_chosen_one_stays(timeline: Any, engine: Any, qtbot: Any) -> None:
    timeline.pick("deploy")
    engine.say(m.TimelineGrew(events=(event("back", 5, EventKind.ROLLBACK, version_from="3", version_to="2"),)))
    qtbot.waitUntil(lambda: len(timeline.list.rows) == 4)
    assert timeline.list.current_id() == "deploy"
    assert ("versions", "v2 to v3") in timeline.side.facts.facts()


def test_what_served_follows_from_the_moves_and_is_unknown_where_they_are_silent(timeline: Any) -> None:
    timeline.pick("deploy")
    world = dict(timeline.side.world.facts())
    assert world["Digits"] == "v3"
    assert world["Eta"].startswith("?")


def test_the_filter_hides_and_says_how_many(timeline: Any, qtbot: Any) -> None:
    timeline.text.setText("a.lind")
    assert [row.id for row in timeline.list.rows] == ["deploy"]
    assert timeline._count.text() == "1 of 3, newest first"
    timeline.text.setText("nobody")
    assert "hidden by the filter" in timeline._count.text()
    qtbot.keyClick(timeline.window(), Qt.Key.Key_Escape)
    assert len(timeline.list.rows) == 3


def test_arrows_walk_the_shapes_and_a_key_zooms(timeline: Any, qtbot: Any) -> None:
    timeline.chart.setFocus()
    qtbot.keyClick(timeline.chart, Qt.Key.Key_Home)
    assert timeline.picked == "note"
    qtbot.keyClick(timeline.chart, Qt.Key.Key_Right)
    assert timeline.picked == "deploy"
    span = timeline.chart.until_s - timeline.chart.since_s
    qtbot.keyClick(timeline.window(), Qt.Key.Key_BracketRight)
    assert timeline.chart.until_s - timeline.chart.since_s == pytest.approx(span / 2, rel=0.01)
    assert not timeline.follows


def test_two_marks_show_what_differs_between(timeline: Any, engine: Any, qtbot: Any) -> None:
    engine.say(m.TimelineGrew(events=(event("back", 5, EventKind.ROLLBACK, version_from="3", version_to="2"),)))
    qtbot.waitUntil(lambda: len(timeline.list.rows) == 4)
    for name in ("deploy", "back"):
        timeline.pick(name)
        qtbot.keyClick(timeline.window(), Qt.Key.Key_Space)
    assert timeline.marks == ("deploy", "back")
    assert timeline.side.heading.text() == "Between 1 and 2"
    facts = dict(timeline.side.facts.facts())
    assert facts["used"] == "v3 → v2"
    qtbot.keyClick(timeline.window(), Qt.Key.Key_Escape)
    assert timeline.marks == ()
    assert timeline.side.heading.text() != "Between 1 and 2"


def test_a_brushed_span_shows_its_charts(timeline: Any, engine: Any, qtbot: Any) -> None:
    timeline.pick("deploy")
    qtbot.keyClick(timeline.window(), Qt.Key.Key_B)
    assert timeline._below.currentIndex() == 1
    qtbot.waitUntil(lambda: timeline.charts.answered > 0)
    since_s, until_s, service = timeline.brush
    assert service == "digits"
    assert since_s < timeline.events["deploy"].at_s < until_s
    assert {row.id for row in timeline.charts.stack.rows} == {"queries", "errors", "latency", "quality"}
    assert engine.sent(m.QueryHistory)[-1].service == "digits"
    assert "events" in dict(timeline.side.world.facts())
    qtbot.keyClick(timeline.window(), Qt.Key.Key_Escape)
    assert timeline._below.currentIndex() == 0
    assert timeline.brush is None


def test_dragging_with_shift_brushes_the_lane_under_the_pointer(timeline: Any, qtbot: Any) -> None:
    chart, shift = timeline.chart, Qt.KeyboardModifier.ShiftModifier
    y = 28 + 18
    left, right = QPoint(chart.width() // 2, y), QPoint(chart.width() - 60, y)
    before = chart.since_s
    qtbot.mousePress(chart, Qt.MouseButton.LeftButton, shift, left)
    qtbot.mouseMove(chart, right)
    qtbot.mouseRelease(chart, Qt.MouseButton.LeftButton, shift, right)
    assert timeline.brush is not None
    assert timeline.brush[1] - timeline.brush[0] > 60
    assert timeline.brush[2] == chart._lanes[0].service
    assert chart.since_s == pytest.approx(before, abs=5), "it does not pan"


def test_exports_hold_what_is_shown_and_no_formula(timeline: Any, tmp_path: Path) -> None:
    timeline.export_to(tmp_path / "t.csv")
    text = (tmp_path / "t.csv").read_text(encoding="utf-8")
    cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
    assert "'=errors 6 %" in cells
    timeline.text.setText("a.lind")
    timeline.export_to(tmp_path / "t.json")
    assert [e["id"] for e in json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["events"]] == ["deploy"]


def test_an_export_that_cannot_be_written_is_said(timeline: Any, tmp_path: Path) -> None:
    timeline.export_to(tmp_path / "missing" / "t.csv")
    assert any("could not be written" in text for text in timeline.window().toasts.texts)


def test_rows_show_newest_first_and_are_found_by_words(audit_page: Any) -> None:
    assert audit_page.model.shown[0].seq == 5
    assert audit_page.current().seq == 5
    audit_page.text.setText("op2")
    assert [row.seq for row in audit_page.model.shown] == [3]
    assert "1 of 5 match" in audit_page._count.text()


def test_the_chain_is_unknown_until_it_was_walked_and_the_first_bad_row_is_shown(
    audit_page: Any, engine: Any, qtbot: Any
) -> None:
    chain = list(rows(5))
    chain[2] = replace(chain[2], actor="eve")
    audit_page.verify_chain()
    assert audit_page.chain.words[1] == "Walking the chain"
    engine.say(m.AuditVerified(request=engine.sent(m.VerifyAudit)[-1].request, verdict=audit.verify(chain)))
    qtbot.waitUntil(lambda: audit_page.chain.words[1] == "Audit row 3 does not verify")
    assert audit_page.current().seq == 3


def test_new_rows_arrive_and_the_chosen_one_stays(audit_page: Any, engine: Any, qtbot: Any) -> None:
    audit_page.table.setCurrentIndex(audit_page.model.index(2, 0))
    assert audit_page.current().seq == 3
    engine.say(m.AuditChanged(rows=6, ok=True, verified_s=time.time()))
    qtbot.waitUntil(lambda: len(engine.sent(m.QueryAudit)) >= 2)
    engine.say(m.AuditAnswer(request=engine.sent(m.QueryAudit)[-1].request, rows=tuple(reversed(rows(6))), total=6))
    qtbot.waitUntil(lambda: len(audit_page.model.shown) == 6)
    assert audit_page.current().seq == 3


def test_a_row_copies_with_its_hashes(audit_page: Any) -> None:
    from PySide6.QtGui import QGuiApplication

    audit_page._copy_row()
    text = QGuiApplication.clipboard().text()
    assert f"hash {rows(5)[4].hash}" in text
    audit_page._copy_head()
    assert QGuiApplication.clipboard().text() == f"5:{rows(5)[4].hash}"


def test_of_thousands_of_lanes_those_that_are_seen_are_painted(timeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chart = timeline.chart
    lanes = [Lane(f"s{i}", f"Service {i}", (), (Span("1", 0.0, 9.0),), Health.OK) for i in range(2000)]
    painted: list[str] = []
    paint = chart._paint_lane
    monkeypatch.setattr(
        chart, "_paint_lane", lambda p, t, lane, *rest: (painted.append(lane.service), paint(p, t, lane, *rest))
    )
    chart.set_lanes(lanes, 0.0, 10.0)
    chart.grab(QRect(0, theme.px(AXIS_H) + 700 * theme.px(LANE_H), 800, 4 * theme.px(LANE_H)))
    assert painted == [f"s{i}" for i in range(700, 704)]


def test_facts_of_services_are_drawn_with_the_next_second(
    timeline: Any, engine: Any, qtbot: Any, monkeypatch: Any
) -> None:
    """Each poll of a large fleet changes them all; what has happened is drawn at once."""
    drawn: list[int] = []
    draw = timeline._draw
    monkeypatch.setattr(timeline, "_draw", lambda: (drawn.append(1), draw()))
    timeline.follows = False
    timeline.refresh(Changes(services=frozenset({"digits"})))
    assert drawn == []
    timeline._on_second()
    timeline._on_second()
    assert drawn == [1]
    timeline.refresh(Changes(events=1))
    assert drawn == [1, 1]


def test_every_kind_in_the_legend_is_written_out_at_1280(window: Any, qtbot: Any) -> None:
    window.open_page("timeline")
    head = window.page.head
    qtbot.waitUntil(lambda: head.span.text() == "1 h to now")
    head.layout().activate()  # the button is as wide as its new words
    chips = [chip for chip, _kinds in head.chips._chips]
    assert window.width() == 1280
    assert [chip.text() for chip in chips if chip.width() < chip.sizeHint().width()] == []
    shapes = {bytes(chip.grab(QRect(0, 0, 20, 26)).toImage().constBits()) for chip in chips}
    assert len(shapes) == len(chips), "no two kinds look alike"

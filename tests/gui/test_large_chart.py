"""One chart large: opened, walked, zoomed and left by keyboard; its package comes in by steps and never before it is wanted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication, QWheelEvent
from PySide6.QtWidgets import QApplication

from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.gui.charts.event_words import Rule
from mlcontrol.gui.charts.lying import standing
from mlcontrol.gui.charts.reduce import buckets, extremes, strokes
from mlcontrol.gui.charts.row_picture import scale_of
from mlcontrol.gui.charts.scale import Span
from mlcontrol.gui.theme import theme
from mlcontrol.ports.deep_link import parse_link

STEPS = """
import json, sys, time
from PySide6 import QtCore, QtGui, QtWidgets
import numpy
from mlcontrol.gui.widgets.large_chart import NEEDED
from mlcontrol.gui.stepwise_import import steps
before, spent = time.process_time(), []
if sys.argv[1] == "steps":
    for _ in steps("pyqtgraph", NEEDED):
        now = time.process_time()
        spent.append(now - before)
        before = now
import pyqtgraph
spent.append(time.process_time() - before)
names = [n for n in dir(pyqtgraph) if not n.startswith("_")]
print(json.dumps({"spent": spent, "names": names, "hook": sys.excepthook is sys.__excepthook__}))
"""


def arrive(how: str) -> Any:
    done = subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_by_steps_comes_the_same_package_and_no_step_is_long() -> None:
    stepwise, at_once = arrive("steps"), arrive("at once")
    assert stepwise["names"] == at_once["names"]
    assert stepwise["hook"], "uncaught errors are still the panel's to tell"
    assert len(at_once["spent"]) == 1, "the twin: a plain import is one step"
    # What else the machine does only ever adds: the least of a few runs is what a step costs.
    longest = min(max(one["spent"]) for one in (stepwise, arrive("steps"), arrive("steps")))
    whole = min(one["spent"][0] for one in (at_once, arrive("at once"), arrive("at once")))
    assert longest < 0.4 * whole


def test_a_second_page_goes_on_where_a_closed_one_stopped() -> None:
    code = """
from PySide6.QtCore import QCoreApplication
app = QCoreApplication([])
from mlcontrol.gui.stepwise_import import StepwiseImport
first, second = StepwiseImport("json.tool"), StepwiseImport("json.tool")
import sys
sys.modules.pop("json.tool", None)
while "json.tool" not in sys.modules:
    first.step()
assert not hasattr(sys.modules["json.tool"], "main"), "half of it is there"
second.finish()
assert sys.modules["json.tool"].main
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def test_the_panel_and_a_page_of_charts_start_without_it() -> None:
    modules = "mlcontrol.gui.window, mlcontrol.gui.pages.service, mlcontrol.gui.pages.timeline"
    code = f"import sys, {modules}\nprint('pyqtgraph' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "False"


@pytest.fixture
def page(window: Any, qtbot: Any) -> Any:
    window.open_page("service", service="digits")
    qtbot.waitUntil(lambda: window.page.answered > 0)
    return window.page


@pytest.fixture
def large(page: Any, qtbot: Any) -> Any:
    qtbot.keyClick(page.window(), Qt.Key.Key_F)
    assert page.large.isVisible()
    return page.large


def test_a_chart_is_opened_walked_and_left_by_keyboard(large: Any, page: Any, qtbot: Any) -> None:
    scene = large.scene
    assert large.row_id == "queries"
    qtbot.keyClick(scene, Qt.Key.Key_Down)
    assert large.row_id == "errors"
    qtbot.keyClick(scene, Qt.Key.Key_Up)
    assert large.row_id == "queries"
    qtbot.keyClick(scene, Qt.Key.Key_Left)
    assert large._moment.text().startswith("at ")
    assert "v3" in large.readings.accessibleName()
    qtbot.keyClick(scene, Qt.Key.Key_Escape)
    assert page.charts.isVisible()
    assert not large.isVisible()


def test_it_zooms_by_key_and_wheel_and_comes_back(large: Any, qtbot: Any) -> None:
    scene = large.scene
    whole = scene.shown
    qtbot.keyClick(scene, Qt.Key.Key_Plus)
    closer = scene.shown
    assert closer.until_s - closer.since_s < whole.until_s - whole.since_s
    assert not large.follows
    middle = scene.rect().center()
    wheel = QWheelEvent(
        QPointF(middle), QPointF(scene.mapToGlobal(middle)), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(scene.viewport(), wheel)
    assert scene.shown.until_s - scene.shown.since_s < closer.until_s - closer.since_s
    low, high = scene.getViewBox().viewRange()[1]
    qtbot.keyClick(scene, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert scene.getViewBox().viewRange()[1][1] - scene.getViewBox().viewRange()[1][0] < high - low
    qtbot.keyClick(scene, Qt.Key.Key_Home)
    assert scene.shown.until_s - scene.shown.since_s == pytest.approx(whole.until_s - whole.since_s, rel=1e-3)
    assert large.follows


def test_the_scene_is_drawn_by_the_painter_of_the_rows(large: Any) -> None:
    large.scene.grab()
    picture = large.scene.item.picture
    assert picture.groups
    assert picture.groups[0].buckets.columns.max() > 300
    (low, high) = large.scene.getViewBox().viewRange()[1]
    assert low < picture.scale.low < picture.scale.high < high
    assert picture.scale.high - picture.scale.low > 0.9 * (high - low)


def look(scene: Any, since_s: float, until_s: float) -> None:
    """As a person who drags does."""
    scene.setRange(xRange=(since_s, until_s), padding=0)
    scene.getViewBox().sigRangeChangedManually.emit([True, False])


def test_who_looks_further_back_gets_that_history_its_events_and_its_copies(
    large: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    """Without it the chart would show a gap where there is none."""
    now = time.time()
    since, until = now - 7200.0, now - 6600.0
    event = TimelineEvent("old", now - 7000.0, EventKind.DEPLOY, "deploy v1", "digits", version_to="1")
    before = page.bridge.state
    page.bridge.state = replace(before, events=(event, *before.events))
    page._draw()
    before = len(engine.sent(m.QueryHistory))
    look(large.scene, since, until)
    qtbot.waitUntil(lambda: len(engine.sent(m.QueryHistory)) > before)
    asked = engine.sent(m.QueryHistory)[-1]
    assert asked.since_s < since
    assert until < asked.until_s < until + 600.0, "around what is seen, as finely as it can be"
    assert [rule.value() for rule in large.scene._rules] == [pytest.approx(event.at_s)]
    assert (large.span.since_s, large.span.until_s) == pytest.approx((since, until), abs=2.0)
    control = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(large.scene, Qt.Key.Key_K, control)
    link = parse_link(QGuiApplication.clipboard().text())
    assert link.span == pytest.approx((since, until), abs=2.0)
    qtbot.keyClick(large.scene, Qt.Key.Key_Home)
    qtbot.keyClick(large.scene, Qt.Key.Key_X, control)
    head = QGuiApplication.clipboard().text().splitlines()[0]
    assert head.startswith("at,Queries: ")
    assert "Errors" not in head, "the one chart that is shown"
    before = len(engine.sent(m.QueryHistory))
    qtbot.keyClick(large.scene, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(engine.sent(m.QueryHistory)) > before)
    assert engine.sent(m.QueryHistory)[-1].until_s > now - 5.0, "and all charts have theirs again"


def test_who_looks_back_from_all_charts_asks_around_what_they_see(page: Any, engine: Any, qtbot: Any) -> None:
    """Days in one answer would be a dozen points in a quarter of an hour."""
    moment = time.time() - 2 * 86_400.0
    before = len(engine.sent(m.QueryHistory))
    page.charts.look_at(moment, moment + 900.0)
    qtbot.waitUntil(lambda: len(engine.sent(m.QueryHistory)) > before)
    asked = engine.sent(m.QueryHistory)[-1]
    assert (asked.since_s, asked.until_s) == pytest.approx((moment - 510.0, moment + 1350.0))
    page.charts.look_at(moment + 1000.0, moment + 1900.0)
    qtbot.waitUntil(lambda: len(engine.sent(m.QueryHistory)) > before + 1)
    page.charts.follow()
    qtbot.waitUntil(lambda: len(engine.sent(m.QueryHistory)) > before + 2)
    assert engine.sent(m.QueryHistory)[-1].until_s == pytest.approx(time.time(), abs=5.0)


def test_words_of_events_stand_on_no_other_event(large: Any) -> None:
    at = large._span.until_s
    events = [
        TimelineEvent(
            f"e{i}", at - 10.0 * i, EventKind.DEPLOY, f"deploy of v{i} by somebody", "digits", version_to=str(i)
        )
        for i in range(1, 30)
    ]
    large._events = tuple(events)
    rules = large._rules(large._span)
    plot = QRect(0, 0, round(large.scene.getViewBox().width()), 1)
    marks = [large._span.x(e.at_s, plot) for e in events]
    assert len(rules) == len(events)
    for rule in rules:
        if rule.words:
            x = large._span.x(rule.at_s, plot)
            wide = QFontMetrics(theme.font("caption")).horizontalAdvance(rule.words)
            left = x + 2 if rule.right else x - wide - 2
            assert not [other for other in marks if left < other < left + wide]
    assert sum(bool(rule.words) for rule in large._rules(Span(at - 15.0, at + 5.0))) == 1


def test_text_of_a_server_is_no_template(large: Any) -> None:
    scene, row = large.scene, large._choices()[0]
    at_s = large._span.until_s - 60
    scene.put(
        row, scale_of(row, large._span, 500), large._span, [Rule(at_s, "deploy", "<b>{value} {0}</b>")], follow=True
    )
    assert scene._rules[0].label.textItem.toPlainText() == "<b>{value} {0}</b>"


def test_a_line_beyond_the_scale_is_not_drawn_along_its_edge() -> None:
    at = np.arange(100.0)
    b = buckets(at, 0.0, 100.0, 100, gap_s=5.0)
    values = np.where(at < 50, 9.0, 1.0)
    spans = standing(strokes(extremes([values], b), b, 99, 90, 0, 0.0, 2.0).upright(0), 100)
    assert set(spans[:, 0].tolist()) == set(range(50, 100)), "nine is beyond, but the way down from it is seen"
    assert (spans[0, 1], spans[0, 3]) == (0, 45)

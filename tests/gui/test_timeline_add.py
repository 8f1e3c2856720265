"""A change written on the timeline page, by keyboard alone; and what the page asks the engine for when somebody searches."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt

from mlcontrol.core.problem import Problem
from mlcontrol.core.recorded import event_of
from mlcontrol.core.settings import ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.gui.viewmodels.recorded_form import ChangeForm, WrongFieldError, change_of
from mlcontrol.gui.viewmodels.timeline_known import KEEP, bounded, questions
from mlcontrol.gui.viewmodels.timeline_lanes import Filter
from tests.gui.test_timeline_audit_pages import some_events, timeline

__all__ = ["timeline"]

NOW_S = 1_700_000_000.0
SETTINGS = WorkspaceSettings("w", "w.toml", services={"digits": ServiceSettings("digits")})


def test_it_is_written_and_put_there_by_keyboard_alone(timeline: Any, engine: Any, qtbot: Any) -> None:
    timeline.pick("deploy")
    qtbot.keyClick(timeline.window(), Qt.Key.Key_A)
    form = timeline.form
    assert form.isVisible()
    assert form.fields["service"].text() == "digits"
    assert form.fields["title"].hasFocus()
    qtbot.keyClicks(form.fields["title"], "Features of today")
    form.fields["versions"].setText("13 -> 14")
    qtbot.keyClick(form.fields["title"], Qt.Key.Key_Return)
    (asked,) = engine.sent(m.RecordChange)
    assert (asked.change.kind, asked.change.title, asked.change.service) == (
        EventKind.DATA,
        "Features of today",
        "digits",
    )
    assert (asked.change.version_from, asked.change.version_to, asked.change.source) == ("13", "14", "person")
    assert asked.actor == "m.okafor"
    qtbot.keyClick(form.fields["title"], Qt.Key.Key_Return)
    assert len(engine.sent(m.RecordChange)) == 1, "twice is once"
    event = event_of(asked.change, asked.actor, time.time(), "one")
    engine.say(m.TimelineGrew(events=(event,)))
    engine.say(m.ChangeRecorded(request=asked.request, event=event, fresh=True))
    qtbot.waitUntil(lambda: timeline.list.isVisible())
    assert timeline.picked == event.id
    assert dict(timeline.side.facts.facts())["source"] == "person"
    assert dict(timeline.side.facts.facts())["versions"] == "13 to 14"
    assert next(row for row in timeline.list.rows if row.id == event.id).right.startswith("Digits · m.okafor, person")


def test_what_is_refused_stays_written(timeline: Any, engine: Any, qtbot: Any) -> None:
    qtbot.keyClick(timeline.window(), Qt.Key.Key_A)
    form = timeline.form
    form.put()
    assert "no title" in form.said.text()
    assert form.fields["title"].hasFocus()
    form.fields["title"].setText("Features")
    form.put()
    problem = Problem("This engine only looks.", "The store is read-only.", code="blocked")
    engine.say(m.Refused(request=engine.sent(m.RecordChange)[-1].request, problem=problem))
    qtbot.waitUntil(lambda: "only looks" in form.said.text())
    assert form.fields["title"].text() == "Features"
    qtbot.keyClick(form.fields["title"], Qt.Key.Key_Escape)
    assert timeline.list.isVisible()
    assert timeline.list.hasFocus()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 300}, "title"),
        ({"service": "nobody"}, "service"),
        ({"versions": "13 ->"}, "versions"),
        ({"versions": "x" * 101}, "versions"),
        ({"at": "soon"}, "at"),
        ({"at": "2999-01-01"}, "at"),
        ({"detail": "x" * 5000}, "detail"),
    ],
)
def test_the_field_that_is_wrong_is_named(wrong: dict[str, str], field: str) -> None:
    with pytest.raises(WrongFieldError) as caught:
        change_of(replace(ChangeForm("data", "Features"), **wrong), SETTINGS, NOW_S)
    assert caught.value.field == field


def test_one_version_alone_is_the_new_one_and_a_time_of_day_has_passed() -> None:
    form = ChangeForm("config", "Release", "digits", "2.4", "02:14")
    change = change_of(form, SETTINGS, NOW_S)
    assert (change.version_from, change.version_to) == (None, "2.4")
    assert change.at_s is not None
    assert change.at_s <= NOW_S


def test_who_searches_asks_the_engine_for_all_of_it(timeline: Any, engine: Any, qtbot: Any) -> None:
    """Of fifty thousand events some hundred are at hand: what is not there may be elsewhere."""
    timeline.text.setText("retrain 7")
    qtbot.waitUntil(lambda: any(q.text == "retrain 7" for q in engine.sent(m.QueryTimeline)))
    question = next(q for q in engine.sent(m.QueryTimeline) if q.text == "retrain 7")
    assert (question.since_s, question.until_s) == (0.0, None)
    old = TimelineEvent("old", time.time() - 40 * 86_400, EventKind.NOTE, "retrain 7 began", "digits")
    engine.say(m.TimelineAnswer(request=question.request, events=(old,)))
    qtbot.waitUntil(lambda: [row.id for row in timeline.list.rows] == ["old"])


def test_moves_are_asked_for_and_held_however_old_they_are() -> None:
    first, *_ = questions(Filter(), None, lambda: "r")
    assert EventKind.DEPLOY in first.kinds
    assert first.since_s == 0.0
    old = replace(some_events()[1], at_s=1.0)
    many = [TimelineEvent(f"n{i}", 10.0 + i, EventKind.NOTE, "n") for i in range(KEEP + 100)]
    held = bounded({event.id: event for event in (old, *many)})
    assert old.id in held
    assert len(held) == KEEP + 1

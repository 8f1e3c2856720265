"""The bench: blind, by keyboard, and never ahead of what is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from mlcontrol.core.problem import Problem
from mlcontrol.core.review import Judgement, JudgementVerdict, ReviewItem, Score
from mlcontrol.engine import messages as m


def item(name: str, position: int = 1) -> ReviewItem:
    inputs, outputs = json.dumps({"image": [0, 16, 8, 4]}), json.dumps({"digit": [7], "probabilities": [0.1, 0.9]})
    return ReviewItem(name, "digits", f"r-{name}", 0.0, inputs, outputs, {"region": "north"}, "99", position, 20)


@pytest.fixture
def page(engine: Any, window: Any, bridge: Any, qtbot: Any) -> Any:
    settings = bridge.state.settings
    digits = replace(
        settings.services["digits"],
        predictions="predictions",
        prediction="digit",
        probability="probabilities",
        image_shape=(2, 2),
    )
    engine.say(m.SettingsChanged(settings=replace(settings, services={**settings.services, "digits": digits})))
    qtbot.waitUntil(lambda: bridge.state.settings.services["digits"].predictions == "predictions")
    window.open_page("reviews", "digits")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    feed(engine, item("a"))
    qtbot.waitUntil(lambda: window.page.queue.item is not None)
    feed(engine, item("b", 2))
    qtbot.waitUntil(lambda: window.page.queue.next_item is not None)
    return window.page


def feed(engine: Any, what: ReviewItem | None, why: str = "") -> None:
    engine.say(m.ReviewItemAnswer(request=engine.sent(m.NextReviewItem)[-1].request, item=what, why=why))


def store(engine: Any) -> None:
    command = engine.sent(m.Judge)[-1]
    judgement = Judgement("j", command.item, "digits", "99", command.rater, command.verdict, 0.0)
    engine.say(m.JudgementStored(request=command.request, judgement=judgement, scores=()))


def press(qtbot: Any, page: Any, key: Any) -> None:
    qtbot.keyClick(page.window().focusWidget() or page, key)


def test_the_next_item_waits_until_the_judgement_is_stored(page: Any, engine: Any, qtbot: Any) -> None:
    press(qtbot, page, Qt.Key.Key_1)
    assert page.queue.item.id == "a"
    assert page.judging.storing
    press(qtbot, page, Qt.Key.Key_1)
    assert len(engine.sent(m.Judge)) == 1
    store(engine)
    qtbot.waitUntil(lambda: page.queue.item.id == "b")
    assert page.queue.session.marks == ["1"]
    judged = engine.sent(m.Judge)[0]
    assert (judged.item, judged.label, judged.rater) == ("a", "right", "m.okafor")
    assert engine.sent(m.NextReviewItem)[-1].not_items == ("b",)


def test_what_was_not_stored_was_not_judged(page: Any, engine: Any, qtbot: Any) -> None:
    press(qtbot, page, Qt.Key.Key_3)
    command = engine.sent(m.Judge)[-1]
    engine.say(m.Refused(request=command.request, problem=Problem("The disk is full.")))
    qtbot.waitUntil(lambda: not page.judging.storing)
    assert page.queue.item.id == "a"
    assert page.queue.session.marks == []


def test_wrong_asks_for_the_right_answer_and_comment_and_flag_go_along(page: Any, engine: Any, qtbot: Any) -> None:
    press(qtbot, page, Qt.Key.Key_F)
    press(qtbot, page, Qt.Key.Key_C)
    qtbot.keyClicks(page.bench.comment, "smudged")
    press(qtbot, page, Qt.Key.Key_Return)
    press(qtbot, page, Qt.Key.Key_2)
    assert engine.sent(m.Judge) == []
    qtbot.keyClicks(page.bench.correct, "1")
    press(qtbot, page, Qt.Key.Key_Return)
    judged = engine.sent(m.Judge)[0]
    assert (judged.verdict, judged.correct, judged.comment, judged.flagged) == (
        JudgementVerdict.WRONG,
        "1",
        "smudged",
        True,
    )


def test_undo_brings_the_item_back_and_keeps_the_present_one_for_later(page: Any, engine: Any, qtbot: Any) -> None:
    press(qtbot, page, Qt.Key.Key_1)
    store(engine)
    qtbot.waitUntil(lambda: page.queue.item.id == "b")
    press(qtbot, page, Qt.Key.Key_U)
    command = engine.sent(m.UndoJudgement)[-1]
    engine.say(m.ReviewItemAnswer(request=command.request, item=item("a")))
    qtbot.waitUntil(lambda: page.queue.item.id == "a")
    assert page.queue.next_item.id == "b"
    assert page.queue.session.marks == []


def test_nothing_on_the_bench_names_the_version(page: Any) -> None:
    shown = " ".join(label.text() for label in page.bench.findChildren(QLabel))
    names = " ".join(w.accessibleName() for w in page.bench.findChildren(QLabel))
    assert "99" not in shown + names
    assert page.side.isHidden()


def test_scores_show_with_their_interval_when_they_are_asked_for(page: Any, engine: Any, qtbot: Any) -> None:
    press(qtbot, page, Qt.Key.Key_S)
    command = engine.sent(m.QueryScores)[-1]
    engine.say(
        m.ScoresAnswer(request=command.request, service="digits", scores=(Score("3", 57, 60, 0.95, 0.863, 0.983),))
    )
    qtbot.waitUntil(lambda: len(page.scores.rows) == 1)
    assert page.scores.rows[0].lines[0][0] == "0.950, 95 % between 0.863 and 0.983"


def test_an_empty_queue_says_why(page: Any, engine: Any, qtbot: Any) -> None:
    page.begin("digits")
    feed(engine, None, "The prediction log has no answer in the last 24 h.")
    qtbot.waitUntil(lambda: "Nothing is left" in page.empty._fact.text())
    assert "24 h" in page.empty._consequence.text()


def test_a_late_answer_for_another_service_is_dropped(page: Any, engine: Any, qtbot: Any) -> None:
    page.begin("digits")
    late = engine.sent(m.NextReviewItem)[-1].request
    page.begin("churn")
    engine.say(m.ReviewItemAnswer(request=late, item=item("z")))
    feed(engine, replace(item("c"), service="churn"))
    qtbot.waitUntil(lambda: page.queue.item is not None)
    assert page.queue.item.id == "c"

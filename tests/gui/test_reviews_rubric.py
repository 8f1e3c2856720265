"""Scales and tags of a rubric by key: given, taken back, and brought back by undo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt

from mlcontrol.core.review.campaign import Mode
from mlcontrol.core.review.judging import Beside, JudgementVerdict
from mlcontrol.core.review.rubric import RATE, Rubric, Scale
from mlcontrol.engine import messages as m
from tests.gui.test_reviews_campaigns import PAIRS, begin, item, page, stored
from tests.gui.test_reviews_page import press

__all__ = ["page"]

RUBRIC = Rubric(
    "Is it right?", RATE.labels, scales=(Scale("clarity", 1, 5, "muddled", "clear"), Scale("tone", 0, 3)),
    tags=("blurred", "private"), free_text=False,
)  # fmt: skip


def test_scales_and_tags_are_given_by_key(page: Any, engine: Any, qtbot: Any) -> None:
    campaign = replace(PAIRS, mode=Mode.RATE, versions=(), rubric=RUBRIC)
    begin(page, engine, qtbot, campaign, item("a", {"digit": 4}), item("b", {"digit": 5}))
    press(qtbot, page, Qt.Key.Key_W)  # the second scale first
    assert page.bench.rubric.scales["tone"].asking
    press(qtbot, page, Qt.Key.Key_5)  # not on this scale
    assert page.judging.scales == {}
    press(qtbot, page, Qt.Key.Key_0)
    press(qtbot, page, Qt.Key.Key_A)
    press(qtbot, page, Qt.Key.Key_H)
    press(qtbot, page, Qt.Key.Key_A)  # taken back
    assert (page.judging.scales, page.judging.tags) == ({"tone": 0.0}, ["private"])
    press(qtbot, page, Qt.Key.Key_C)  # this rubric takes no comment
    assert page.bench.comment.isHidden()
    press(qtbot, page, Qt.Key.Key_1)  # right; clarity is still asked for
    assert engine.sent(m.Judge) == []
    assert page.bench.rubric.scales["clarity"].asking
    assert "clarity: not given yet" in page.bench.rubric.scales["clarity"].accessibleName()
    press(qtbot, page, Qt.Key.Key_4)
    judged = engine.sent(m.Judge)[0]
    assert (judged.label, judged.scales, judged.tags) == ("right", {"tone": 0.0, "clarity": 4.0}, ("private",))
    stored(engine)
    qtbot.waitUntil(lambda: page.queue.item.id == "b")
    assert (page.judging.scales, page.judging.tags) == ({}, [])
    assert not any(chip.isChecked() for chip in page.bench.rubric.tags.values())
    press(qtbot, page, Qt.Key.Key_2)
    press(qtbot, page, Qt.Key.Key_Escape)  # the label is taken back, nothing is stored
    press(qtbot, page, Qt.Key.Key_3)
    press(qtbot, page, Qt.Key.Key_2)
    press(qtbot, page, Qt.Key.Key_3)
    assert (engine.sent(m.Judge)[1].label, engine.sent(m.Judge)[1].scales) == ("unsure", {"clarity": 2.0, "tone": 3.0})


def test_what_was_given_beside_a_label_comes_back_with_undo(page: Any, engine: Any, qtbot: Any) -> None:
    campaign = replace(PAIRS, mode=Mode.RATE, versions=(), rubric=RUBRIC)
    begin(page, engine, qtbot, campaign, item("b", {"digit": 5}))
    press(qtbot, page, Qt.Key.Key_U)
    command = engine.sent(m.UndoJudgement)[-1]
    beside = Beside({"clarity": 4.0, "tone": 1.0}, ("private",), "7", flagged=True)
    engine.say(m.ReviewItemAnswer(request=command.request, item=item("a", {"digit": 4}), beside=beside))
    qtbot.waitUntil(lambda: page.queue.item.id == "a")
    assert (page.judging.scales, page.judging.tags) == ({"clarity": 4.0, "tone": 1.0}, ["private"])
    press(qtbot, page, Qt.Key.Key_Q)  # only clarity was meant otherwise
    press(qtbot, page, Qt.Key.Key_2)
    press(qtbot, page, Qt.Key.Key_2)  # wrong: the right answer stands there as it was given
    assert page.bench.correct.selectedText() == "7"
    press(qtbot, page, Qt.Key.Key_Return)
    again = engine.sent(m.Judge)[0]
    assert (again.scales, again.tags, again.correct, again.flagged) == (
        {"clarity": 2.0, "tone": 1.0}, ("private",), "7", True,
    )  # fmt: skip
    stored(engine)
    qtbot.waitUntil(lambda: page.queue.item.id == "b")
    press(qtbot, page, Qt.Key.Key_3)
    assert page.judging.scales == {}, "the next item begins with nothing given"


def test_a_skip_needs_no_scale(page: Any, engine: Any, qtbot: Any) -> None:
    begin(page, engine, qtbot, replace(PAIRS, mode=Mode.RATE, versions=(), rubric=RUBRIC), item("a", {"digit": 4}))
    press(qtbot, page, Qt.Key.Key_X)
    assert engine.sent(m.Judge)[0].verdict is JudgementVerdict.SKIPPED

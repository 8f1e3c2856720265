"""The steps on the board of a running rollout: a title is read whole, however long the words about its time are."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QFontMetrics

from mlcontrol.core.operation import Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.rollout import SHADOW, TITLES
from mlcontrol.engine import messages as m
from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.row_list import PAD, Row, RowDelegate, RowList
from tests.gui.test_rollouts_page import operation, page

__all__ = ["page"]


def shadow() -> Operation:
    steps = (
        Step("assume", TITLES["assume"], StepState.DONE, "as planned: intended v2, serving v2", 0.3, 1.0, 1.2),
        Step(
            SHADOW, TITLES[SHADOW], StepState.RUNNING, "compared 212 of 214 inputs that came", 310.0, time.time() - 64.0
        ),
        Step("route", TITLES["route"], StepState.WAITING, expected_s=0.1),
    )
    return operation(
        kind=OperationKind.DEPLOY, from_version="2", to_version="3", steps=steps, strategy="shadow", started_s=1.0
    )


def below(list_: RowList, row: Row) -> bool:
    delegate = list_.itemDelegate()
    assert isinstance(delegate, RowDelegate)
    return delegate._right_below(row, list_.viewport().width())


@pytest.mark.parametrize("look", ["dark", "light"])
def test_the_titles_of_the_steps_are_whole(window: Any, page: Any, engine: Any, qtbot: Any, look: str) -> None:
    from PySide6.QtWidgets import QApplication

    theme.install(QApplication.instance(), look)
    engine.say(m.OperationChanged(operation=shadow()))
    page.open_operation("op1")
    steps = page.board.steps
    qtbot.waitUntil(lambda: len(steps.rows) == 3)
    compared = steps.rows[1]
    assert "of about" in compared.right
    assert below(steps, compared), "beside each other there is no room for both"
    assert not below(steps, steps.rows[2]), "what fits stays on one line"
    title, words = QFontMetrics(theme.font("strong")), QFontMetrics(theme.font("small"))
    lines = -(-title.horizontalAdvance(compared.title) // (steps.viewport().width() - theme.px(PAD + PAD + 22)))
    tall = steps.visualRect(steps.model().index(1)).height()
    assert tall >= lines * title.height() + 2 * words.height(), "the whole title, its time, its evidence"
    if folder := os.environ.get("MLCONTROL_SHOTS"):
        qtbot.wait(200)
        window.grab().save(f"{folder}/steps-{look}.png")


def test_twin_a_row_that_may_be_shortened_keeps_its_time_beside_it(qtbot: Any) -> None:
    list_ = RowList("rows")
    qtbot.addWidget(list_)
    list_.resize(200, 100)
    row = Row("a", TITLES[SHADOW], "running", right="4 min of about 5 min")
    list_.set_rows([row])
    assert not below(list_, row)
    assert list_.visualRect(list_.model().index(0)).intersects(QRect(0, 0, 200, 100))


def test_a_rollback_that_was_proven_and_left_something_undone_says_so(
    window: Any, page: Any, engine: Any, qtbot: Any
) -> None:
    steps = (
        Step("route", TITLES["route"], StepState.DONE, "", 0.1, 10.0, 10.1),
        Step("verify", TITLES["verify"], StepState.DONE, "v2 answered 5 of 5", 0.1, 10.1, 11.0),
        Step("hand-server", "Replace its server", StepState.FAILED, "not replaced", 300.0, 11.0, 20.0),
    )
    waiting = replace(steps[2], state=StepState.RUNNING, ended_s=None)
    engine.say(m.OperationChanged(operation=operation(steps=(*steps[:2], waiting))))
    page.open_operation("op1")
    qtbot.waitUntil(lambda: page.controls.abort.words.startswith("Abort, stay on v2"))
    engine.say(m.OperationChanged(operation=operation(Phase.FAILED, steps=steps, ended_s=20.0)))
    qtbot.waitUntil(lambda: page.board._headline.text() == "v2 has the traffic; not all was done")

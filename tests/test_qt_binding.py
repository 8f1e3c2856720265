"""PySide6 6.12.0 on Python 3.11 and older drops a reference to None on every call that returns nothing, and then aborts."""

from __future__ import annotations

import sys

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot


def references_lost_to_none(qtbot: QtBot, calls: int) -> int:
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for _ in range(calls):
        label.setText("x")
    return before - sys.getrefcount(None)


def test_calls_that_return_nothing_keep_none_alive(qtbot: QtBot) -> None:
    assert references_lost_to_none(qtbot, 500) < 100

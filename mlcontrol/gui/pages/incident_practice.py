"""Practice: play an incident of the sandbox, work it through, have it scored. The scores are this person's alone."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from mlcontrol.core.incidents.exercise import Practice
from mlcontrol.engine import messages as m
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.phrases import visible_text
from mlcontrol.gui.viewmodels.practice_words import GIVE_UP, SCORE, SURPRISE, choices, score_lines, standing
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.overlay import Overlay
from mlcontrol.gui.widgets.row_list import Row, RowList


class PracticeSheet(Overlay):
    """Up and Down choose, Enter plays or scores, Esc leaves. Playing goes on when the sheet is closed."""

    def __init__(self, window: QWidget, bridge: Bridge, person: str) -> None:
        super().__init__(window, 900)
        self._bridge = bridge
        self._person = person
        self._busy = self._closed = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Practice")
        self.body.setContentsMargins(16, 12, 16, 12)
        self.body.addWidget(PlainLabel("Practice", "title"))
        self.words = PlainLabel("asking the engine", "small", "secondary", wrap=True)
        self.body.addWidget(self.words)
        self.body.addSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(12)
        self.what = RowList("What to play")
        self.what.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.what.chosen.connect(self._choose)
        self.board = RowList("Your exercises, best first")
        self.board.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for rows in (self.what, self.board):
            rows.setMinimumHeight(theme.px(470))
            row.addWidget(rows, 1)
        self.body.addLayout(row, 1)
        self.body.addSpacing(8)
        self.body.addWidget(
            PlainLabel(
                "Enter plays it, Esc closes. Scores are kept in a file of yours; nobody else is shown them.",
                "small",
                "quiet",
            )
        )
        self._ask(m.QueryPractice(request=bridge.request_id(), actor=person))

    def open(self) -> None:
        super().open()
        self.setFocus()

    def close_panel(self) -> None:
        self._closed = True
        super().close_panel()

    def _ask(self, command: Any) -> None:
        self._busy = True
        self._bridge.ask(command, self._on_answer)

    def _on_answer(self, event: Any) -> None:
        if self._closed:
            return
        self._busy = False
        if isinstance(event, m.PracticeAnswer):
            self._show(event.practice)
        elif isinstance(event, m.ScoreAnswer):
            self._ask(m.QueryPractice(request=self._bridge.request_id(), actor=self._person))
        elif isinstance(event, m.Refused):
            problem = event.problem
            self.words.setText(visible_text(" ".join(filter(None, (problem.what, problem.why, problem.next))), 400))

    def _show(self, practice: Practice) -> None:
        self.words.setText(standing(practice, time.time()))
        rows = [Row(name, title, "", ((line, "secondary"),)) for name, title, line in choices(practice)]
        self.what.set_rows(rows, rows[0].id if rows else "")
        scored = []
        for i, score in enumerate(practice.scores):
            title, took, turns = score_lines(score)
            scored.append(Row(str(i), title, "", ((took, "secondary"), (turns, "quiet"))))
        self.board.set_rows(scored or [Row("none", "No exercise has been scored yet", quiet=True)])

    def _choose(self, row: str) -> None:
        if self._busy or not row:
            return
        request = self._bridge.request_id()
        if row in (SCORE, GIVE_UP):
            self.words.setText("scoring it")
            self._ask(m.ScorePractice(request=request, actor=self._person, give_up=row == GIVE_UP))
            return
        self.words.setText("playing it; a fault that deploys waits until its version is loaded")
        self._ask(m.StartPractice(request=request, actor=self._person, fault="" if row == SURPRISE else row))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        rows = self.what.rows
        at = self.what.currentIndex().row()
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and rows:
            to = (at + (1 if event.key() == Qt.Key.Key_Down else -1)) % len(rows)
            self.what.setCurrentIndex(self.what.model().index(to, 0))
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and 0 <= at < len(rows):
            self._choose(rows[at].id)
            return
        super().keyPressEvent(event)

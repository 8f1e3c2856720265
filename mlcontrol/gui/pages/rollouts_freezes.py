"""Freezes beside the overview: which hold, a new one, and lifting one. They bind deploys, never rollbacks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.core.freeze import Freeze, state_of
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import needs_engine
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.pages.rollouts_side import SidePage
from mlcontrol.gui.viewmodels.freeze_form import new_freeze, scope_words
from mlcontrol.gui.viewmodels.phrases import count_text, visible_text
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

_ORDER = {"holds": 0, "unreadable": 0, "waits": 1, "over": 2}
_GLYPHS = {"holds": "warning", "unreadable": "unknown", "waits": "waiting", "over": ""}


class RolloutsFreezes(QWidget):
    """``W`` opens it, and again puts the cursor into the form; Enter in the reason adds, ``Del`` lifts the chosen one."""

    def __init__(self, page: SidePage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self.freezes = RowList("Freezes, those that hold first")
        self.scope, self.until, self.reason = QLineEdit(), QLineEdit(), QLineEdit()
        self.add, self.lift = KeyButton("Freeze", "Enter"), KeyButton("Lift", "Del")
        self._note = PlainLabel("", "small", "quiet")
        self.said = PlainLabel("", "small", "warning", wrap=True)
        self._none = EmptyState("Nothing is frozen", "A freeze stops deploys within its scope, never a way back.")
        form = QGridLayout()
        form.setContentsMargins(16, 8, 16, 12)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.setColumnStretch(1, 1)
        for row, (field, title, hint) in enumerate(
            (
                (self.scope, "scope", "services or environments, with commas; empty: every service"),
                (self.until, "until", "2h, 18:00 or 2026-12-01 08:00, UTC; empty: until it is lifted"),
                (self.reason, "reason", "Why? It goes into the audit log"),
            )
        ):
            field.setPlaceholderText(hint)
            field.setAccessibleName(f"{title}: {hint}")
            field.setMaxLength(300)
            form.addWidget(PlainLabel(title, "small", "quiet"), row, 0)
            form.addWidget(field, row, 1, 1, 3)
            field.returnPressed.connect(self.put)
        form.addWidget(self.said, 3, 0, 1, 2)
        form.addWidget(self.lift, 3, 2, Qt.AlignmentFlag.AlignTop)
        form.addWidget(self.add, 3, 3, Qt.AlignmentFlag.AlignTop)
        self.add.clicked.connect(lambda _checked=False: self.put())
        self.lift.clicked.connect(lambda _checked=False: self.take_away())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(column_head("Freezes", self._note))
        column.addWidget(self.freezes, 1)
        column.addWidget(self._none, 1)
        column.addWidget(column_head("A new freeze"))
        column.addLayout(form)

    def begin(self) -> None:
        """Opened, or asked for again: then the form is meant."""
        if self.isVisible():
            self.scope.setFocus()
            return
        self.said.setText("")
        service = self._page.service_id
        self.scope.setText(service or "")
        self._page.show_side(self)
        self.draw()
        self.freezes.setFocus()

    def draw(self) -> None:
        """Bring it up to the fleet's state, while it is looked at."""
        state = self._page.context().state
        if state is None or not self.isVisible():
            return
        rows = freeze_rows(state.settings.freezes, time.time())
        self.freezes.set_rows(rows)
        holding = sum(row.state in ("warning", "unknown") for row in rows)
        self._note.setText(f"{count_text(holding, 'holds', 'hold')} · deploys only, a way back is never frozen")
        self.freezes.setVisible(bool(rows))
        self._none.setVisible(not rows)
        context = self._page.context()
        refusal = needs_engine(context) or context.view_only
        self.add.set_reason(refusal)
        self.lift.set_reason(refusal or ("" if self.freezes.current_id() else "no freeze is chosen"))

    def put(self) -> None:
        """Add the freeze that is written."""
        page, state = self._page, self._page.context().state
        if page.bridge is None or state is None or self.add.reason:
            return
        try:
            freeze = new_freeze(self.scope.text(), self.until.text(), self.reason.text(), state.settings, time.time())
        except ValueError as error:
            self._say(f"{error}"[:1].upper() + f"{error}"[1:] + ".")
            (
                self.until if "until" in str(error) else self.scope if "no service" in str(error) else self.reason
            ).setFocus()
            return
        self._ask(m.AddFreeze(request=page.bridge.request_id(), freeze=freeze, actor=page.actor()), "Frozen")

    def take_away(self) -> None:
        """Lift the chosen freeze, with the reason that is written."""
        page, chosen, reason = self._page, self.freezes.current_id(), self.reason.text().strip()
        if page.bridge is None or chosen is None or self.lift.reason or not self.isVisible():
            return
        if not reason:
            self._say("Say why it is lifted, then press Del again.")
            self.reason.setFocus()
            return
        command = m.LiftFreeze(request=page.bridge.request_id(), freeze=chosen, actor=page.actor(), reason=reason)
        self._ask(command, "The freeze is lifted")

    def _ask(self, command: m.Command, toast: str) -> None:
        page = self._page

        def on_answer(event: Any) -> None:
            if isinstance(event, m.Refused):
                self._say(f"{event.problem.what} {event.problem.why}".strip())
                return
            self._say("")
            self.reason.clear()
            self.freezes.setFocus()
            if page.shell is not None:
                page.shell.toast(toast, "done")

        if page.bridge is not None:
            page.bridge.ask(command, on_answer)

    def _say(self, words: str) -> None:
        self.said.setText(words)


def freeze_rows(freezes: Mapping[str, Freeze], now_s: float) -> list[Row]:
    rows = []
    for freeze in sorted(freezes.values(), key=lambda f: (_ORDER[state_of(f, now_s)[0]], f.id)):
        state, words = state_of(freeze, now_s)
        rows.append(
            Row(
                freeze.id,
                visible_text(freeze.reason or freeze.id, 200),
                _GLYPHS[state],
                ((f"binds {scope_words(freeze)}", "secondary"),),
                right=f"{state} {words}" if state in ("holds", "over") else words,
                quiet=state == "over",
            )
        )
    return rows

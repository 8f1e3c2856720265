"""A change that a person records, in place of the list: what no source here can see, and what is to be suspected."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Context, needs_engine
from mlcontrol.gui.pages.page import Page
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.viewmodels.recorded_form import KINDS, ChangeForm, WrongFieldError, change_of
from mlcontrol.gui.widgets.button import PRIMARY, QUIET, KeyButton
from mlcontrol.gui.widgets.label import PlainLabel

_HINTS = (
    ("title", "What changed, in a few words"),
    ("service", "whose inputs or settings it is; empty: the whole fleet's"),
    ("versions", "of the data or the configuration: 13 -> 14"),
    ("at", "when it took effect: 02:14, 30m or 2026-11-27 02:14, UTC; empty: now"),
    ("detail", "more words; a region named here counts where only that one changed"),
)


class AddChange(QWidget):
    """``A`` or ``open``, which stands over the list, opens it; Enter in a field adds, Esc leaves. ``recorded``: the id of the event
    that came of it."""

    recorded = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = QComboBox()
        for kind, words in KINDS:
            self.kind.addItem(words, kind.value)
        for named in (self.kind, self.kind.view()):
            named.setAccessibleName("Kind of the change")
        self.fields = {name: QLineEdit() for name, _ in _HINTS}
        self.open = KeyButton("Add a change", "A", QUIET)
        self.add = KeyButton("Put it on the timeline", "Enter", PRIMARY)
        self.said = PlainLabel("", "small", "warning", wrap=True)
        form = QGridLayout()
        form.setContentsMargins(16, 8, 16, 12)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.setColumnStretch(1, 1)
        form.addWidget(PlainLabel("kind", "small", "quiet"), 0, 0)
        form.addWidget(self.kind, 0, 1, 1, 2)
        for row, (name, hint) in enumerate(_HINTS, 1):
            field = self.fields[name]
            field.setPlaceholderText(hint)
            field.setAccessibleName(f"{name}: {hint}")
            field.returnPressed.connect(self.put)
            form.addWidget(PlainLabel(name, "small", "quiet"), row, 0)
            form.addWidget(field, row, 1, 1, 2)
        last = len(_HINTS) + 1
        form.addWidget(self.said, last, 0, 1, 2)
        form.addWidget(self.add, last, 2, Qt.AlignmentFlag.AlignTop)
        self.add.clicked.connect(lambda _checked=False: self.put())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(column_head("A change that nobody here can see", PlainLabel("Esc leaves", "small", "quiet")))
        column.addLayout(form)
        column.addStretch(1)
        self._page: Page | None = None
        self._waits = False
        self._ident = ""

    def _refusal(self) -> str:
        context = self._page.context() if self._page is not None else Context()
        if self._waits:
            return "it is being written"
        return needs_engine(context) or context.view_only

    def begin(self, page: Page, service: str | None) -> None:
        """``service``: of the chosen event. What is tried again from one opening on is one change, whoever lost the answer."""
        self._page, self._waits, self._ident = page, False, f"window-{uuid.uuid4().hex}"
        self.fields["service"].setText(service or "")
        self._say("")
        self.add.set_reason(self._refusal())
        self.fields["title"].setFocus()

    def put(self) -> None:
        """Record the change that is written."""
        bridge = self._page.bridge if self._page is not None else None
        self.add.set_reason(self._refusal())
        if bridge is None or bridge.state is None or self.add.reason:
            return
        try:
            change = replace(change_of(self._written(), bridge.state.settings, time.time()), ident=self._ident)
        except WrongFieldError as error:
            self._say(str(error))
            self.fields[error.field].setFocus()
            return
        actor = bridge.hello.user if bridge.hello is not None else ""
        self._waits = True
        self.add.set_reason(self._refusal())
        bridge.ask(m.RecordChange(request=bridge.request_id(), change=change, actor=actor), self._on_answer)

    def _written(self) -> ChangeForm:
        words = {name: field.text() for name, field in self.fields.items()}
        return ChangeForm(str(self.kind.currentData()), **words)

    def _on_answer(self, event: Any) -> None:
        self._waits = False
        self.add.set_reason(self._refusal())
        if isinstance(event, m.Refused):
            self._say(f"{event.problem.what} {event.problem.why}".strip())
        elif isinstance(event, m.ChangeRecorded):
            for field in self.fields.values():
                field.clear()
            self.recorded.emit(event.event.id)

    def _say(self, words: str) -> None:
        self.said.setText(words)

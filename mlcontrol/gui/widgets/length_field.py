"""For how long: one of what is offered, or as a person types it; under it when that ends, or why it is no time."""

from __future__ import annotations

import time

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from mlcontrol.core.alerts.silence_length import choices, length_s
from mlcontrol.gui.viewmodels.phrases import moment_text
from mlcontrol.gui.widgets.entry_line import EntryLine
from mlcontrol.gui.widgets.label import PlainLabel


class LengthField(QWidget):
    """*Signals:* ``entered()``: Enter in it. ``edited()``: it says otherwise."""

    entered = Signal()
    edited = Signal()

    def __init__(self, first: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QComboBox()
        self.box.setEditable(True)
        self.box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._ends = PlainLabel("", "small", "quiet", wrap=True)
        self.problem = ""  # why what is written is no time; empty: it is one
        self._offered: tuple[str, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.box)
        column.addWidget(self._ends)
        self.edit = edit = EntryLine()
        self.box.setLineEdit(edit)
        for named in (self.box, self.box.view(), edit):
            named.setAccessibleName("For how long: 90m, 2 h, until 18:00 UTC")
        edit.setMaxLength(40)
        edit.setPlaceholderText("90m, 2 h, until 18:00 UTC")
        edit.returnPressed.connect(self.entered)
        self.box.setEditText(first)
        self.box.editTextChanged.connect(lambda _text: self._say())
        self.refresh()

    def length_s(self) -> float:
        """Seconds from now. Raises `ValueError` in words."""
        return length_s(self.edit.text(), time.time())

    def begin(self) -> None:
        self.edit.setFocus()
        self.edit.selectAll()

    def refresh(self) -> None:
        """The hours that are offered come nearer; what is written stays."""
        offered = choices(time.time())
        if offered != self._offered and not self.box.view().isVisible():
            self._offered, written = offered, self.edit.text()
            self.box.blockSignals(True)
            self.box.clear()
            self.box.addItems(list(offered))
            self.box.setEditText(written)
            self.box.blockSignals(False)
        self._say()

    def _say(self) -> None:
        now_s = time.time()
        try:
            ends_s = now_s + length_s(self.edit.text(), now_s)
            self.problem, said = "", f"ends {moment_text(ends_s + 0.5)}"
        except ValueError as error:
            self.problem = said = str(error)
        self._ends.setText(said)
        self.edit.setAccessibleDescription(self._ends.text())
        self.edited.emit()

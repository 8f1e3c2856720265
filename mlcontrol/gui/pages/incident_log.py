"""The running log, and the line in which the next entry is written."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.incident import EntryKind
from mlcontrol.gui.viewmodels.incident_words import log_line
from mlcontrol.gui.widgets.card import Card
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

_ASKED = {
    EntryKind.NOTE: "note",
    EntryKind.DECISION: "decision",
    EntryKind.HYPOTHESIS: "hypothesis",
    EntryKind.ACTION_ITEM: "to do afterwards",
    EntryKind.HANDED_OVER: "hand over to (name)",
    EntryKind.ROLE: "role, then who (communications a.lind)",
    EntryKind.SILENCED: "silence its alerts for 30 min (or begin with 2h, 18:00) because",
    EntryKind.RECOVERY_CHECKED: "over, because",
    EntryKind.RESOLVED: "resolved because",
}

LONGEST_TITLE = 48  # longer lines are wrapped after their first words, not cut in the middle


NOTHING = Row("nothing", "Nothing lately. What happens to it, and what you write, stands here.", quiet=True)


class _Line(QLineEdit):
    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)


class IncidentLog(Card):
    """*Signals:* ``written(kind, text)``; ``left()``: the line was left without a word."""

    written = Signal(object, str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Log", "kept as you work; becomes the postmortem", parent)
        self.body.setContentsMargins(12, 8, 12, 8)
        self.rows = RowList("What happened, newest first")
        self.rows.setProperty("surface", "panel")
        self.body.addWidget(self.rows, 1)
        self._row = QWidget()
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        self._kind = EntryKind.NOTE
        self._asked = PlainLabel("", "small", "accent")
        self.line = _Line()
        self.line.returnPressed.connect(self._on_return)
        self.line.left.connect(self._on_left)
        row.addWidget(self._asked)
        row.addWidget(self.line, 1)
        self.body.addWidget(self._row)
        self._row.hide()

    def show_brief(self, brief: Brief) -> None:
        rows = []
        for i, line in enumerate(reversed(brief.log)):
            at, who, text = log_line(line)
            title, _colon, rest = text.partition(": ") if len(text) > LONGEST_TITLE else (text, "", "")
            loud = line.severity.value in ("critical", "warning") and line.source != "person"
            state = line.severity.value if loud else ""
            rows.append(
                Row(
                    f"{line.at_s:.3f}-{i}-{line.kind}",
                    title,
                    state,
                    ((rest, "secondary"),) if rest else (),
                    right=f"{who}  {at}",
                    quiet=line.source != "person",
                )
            )
        self.rows.set_rows(rows or [NOTHING])

    def ask(self, kind: EntryKind, prefill: str = "") -> None:
        self._kind = kind
        self._asked.setText(_ASKED[kind])
        self.line.setAccessibleName(_ASKED[kind])
        self.line.setText(prefill)
        self.line.selectAll()
        self._row.show()
        self.line.setFocus()

    def _on_return(self) -> None:
        text = self.line.text().strip()
        if text:
            self._row.hide()
            self.written.emit(self._kind, text)

    def _on_left(self) -> None:
        self._row.hide()
        self.left.emit()

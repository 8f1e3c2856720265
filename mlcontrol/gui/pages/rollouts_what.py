"""Step 1 of a rollout: which version, and what would change with it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from mlcontrol.core.types import ServiceState, VersionSummary
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.viewmodels.generations import version_difference
from mlcontrol.gui.viewmodels.phrases import count_text, version_text
from mlcontrol.gui.viewmodels.rollout_choice import VersionChoice, default_choice, version_choices
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.difference_list import DifferenceList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList


class RolloutsWhat(QWidget):
    """*Signals:* ``version_chosen(version)`` on Enter, ``moved(version)``."""

    version_chosen = Signal(str)
    moved = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.versions = RowList("Versions, newest first")
        self.versions.chosen.connect(self.version_chosen)
        self.versions.moved.connect(self._on_moved)
        self._note = PlainLabel("", "small", "quiet")
        self._empty = EmptyState(
            "The registry has no version of this model",
            "There is nothing to deploy. A new version shows here by itself.",
        )
        self._choices: tuple[VersionChoice, ...] = ()
        self._summaries: dict[str, VersionSummary] = {}
        self._current: str | None = None  # what answers now, that everything is held against
        self._service = ""
        body = QWidget()
        columns = QHBoxLayout(body)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(column_head("Versions", self._note))
        left.addWidget(self.versions, 1)
        columns.addLayout(left, 5)
        columns.addWidget(self._build_difference(), 4)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(body)
        self._stack.addWidget(self._empty)

    def _build_difference(self) -> QWidget:
        pane = QFrame()
        pane.setProperty("rule", "left")
        self._difference_note = PlainLabel("", "small", "quiet")
        self._difference = DifferenceList()
        self._same = PlainLabel("", "body", "secondary", wrap=True)
        self._same.setContentsMargins(16, 12, 16, 12)
        column = QVBoxLayout(pane)
        column.setContentsMargins(1, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(column_head("What would change", self._difference_note))
        column.addWidget(self._same)
        column.addWidget(self._difference, 1)
        column.addStretch(0)
        return pane

    def _on_moved(self, version: str) -> None:
        self._show_difference()
        self.moved.emit(version)

    def _show_difference(self) -> None:
        """What the registry tells of both; what the checks find comes with the next step."""
        chosen = self._summaries.get(self.versions.current_id() or "")
        now = self._summaries.get(self._current or "")
        words = ""
        rows: tuple[tuple[str, str, str], ...] = ()
        if chosen is None:
            words = "Choose a version on the left."
        elif now is None:
            words = "Which version answers now is not known, so nothing can be held against it."
        elif chosen.version == now.version:
            words = f"{version_text(now.version)} is what answers now. Choose another version to see what would change."
        else:
            rows = version_difference(now, chosen)
            if not rows:
                words = "Nothing that the registry tells differs. The checks look into the artifacts."
        self._same.setText(words)
        self._same.setVisible(bool(words))
        self._difference.setVisible(bool(rows))
        self._difference_note.setText(f"{count_text(len(rows), 'difference')} by the registry" if rows else "")
        if chosen is not None and now is not None and rows:
            self._difference.put(f"{version_text(now.version)}, now", version_text(chosen.version), rows)

    def show_service(self, service: ServiceState, now_s: float, wanted: str | None = None) -> None:
        """``wanted``: select this version; else the selection stays, or goes to what a promotion most likely means."""
        self._choices = version_choices(service, now_s)
        self._summaries = {summary.version: summary for summary in service.versions}
        self._current = service.used.single or service.served.single
        fresh = service.id != self._service
        self._service = service.id
        select = wanted or (default_choice(self._choices, service) if fresh or not self.versions.current_id() else None)
        self.versions.set_rows([_row(choice) for choice in self._choices], select=select)
        self._note.setText(
            f"{count_text(len(self._choices), 'version')} of {service.model or service.id}, newest first"
        )
        if service.intended.at is None:
            words = "Its versions are not known, which is not the same as none. They show here as soon as it answers."
            self._empty.say("The registry has not answered yet", words, state="unknown")
        else:
            words = "There is nothing to deploy. A new version shows here by itself."
            self._empty.say("The registry has no version of this model", words)
        self._stack.setCurrentIndex(0 if self._choices else 1)
        self._show_difference()

    def current(self) -> VersionChoice | None:
        wanted = self.versions.current_id()
        return next((c for c in self._choices if c.version == wanted), None)

    def refusal(self) -> str:
        """Why the selected version cannot go on to the checks."""
        choice = self.current()
        return "choose a version" if choice is None else choice.refusal


def _row(choice: VersionChoice) -> Row:
    lines = [(f"registered {choice.age} · {choice.size}", "secondary"), (choice.metrics, "quiet")]
    if choice.quarantine:
        lines.append((f"Quarantined: {choice.quarantine}", "warning"))
    if choice.refusal:
        lines.append((choice.refusal, "quiet"))
    return Row(
        id=choice.version,
        title=choice.title,
        state="warning" if choice.quarantine else ("ok" if "used now" in choice.marks else "waiting"),
        lines=tuple(lines),
        marks=choice.marks,
        quiet=bool(choice.refusal),
    )

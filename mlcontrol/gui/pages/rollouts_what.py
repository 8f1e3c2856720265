"""Step 1 of a rollout: which version."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from mlcontrol.core.types import ServiceState
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.viewmodels.phrases import count_text
from mlcontrol.gui.viewmodels.rollout_choice import VersionChoice, default_choice, version_choices
from mlcontrol.gui.widgets.card import EmptyState
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
        self.versions.moved.connect(self.moved)
        self._note = PlainLabel("", "small", "quiet")
        self._empty = EmptyState(
            "The registry has no version of this model",
            "There is nothing to deploy. A new version shows here by itself.",
        )
        self._choices: tuple[VersionChoice, ...] = ()
        self._service = ""
        body = QWidget()
        inner = QVBoxLayout(body)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(column_head("Versions", self._note))
        inner.addWidget(self.versions, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(body)
        self._stack.addWidget(self._empty)

    def show_service(self, service: ServiceState, now_s: float, wanted: str | None = None) -> None:
        """``wanted``: select this version; else the selection stays, or goes to what a promotion most likely means."""
        self._choices = version_choices(service, now_s)
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

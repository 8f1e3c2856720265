"""Rollouts without a subject: what runs, what ran, and which service to begin with."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.state import FleetState
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.phrases import age_text, count_text, rate_text, version_text
from mlcontrol.gui.viewmodels.rollout_board import PHASE_WORDS, fact_words, kind_words, operation_rows, phase_health
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList


class RolloutsOverview(QWidget):
    """*Signals:* ``operation_chosen(id)``, ``service_chosen(id)``, ``service_moved(id)``."""

    operation_chosen = Signal(str)
    service_chosen = Signal(str)
    service_moved = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.services = RowList("Services to change")
        self.operations = RowList("Operations, live first")
        self.services.chosen.connect(lambda chosen: self.service_chosen.emit(chosen) if chosen else None)
        self.services.moved.connect(self.service_moved)
        self.operations.chosen.connect(lambda chosen: self.operation_chosen.emit(chosen) if chosen else None)
        self._services_note = PlainLabel("", "small", "quiet")
        self._operations_note = PlainLabel("", "small", "quiet")
        self._no_operations = EmptyState(
            "Nothing was changed from here yet",
            "Choose a service on the left and press Enter to pick a version; R plans the way back.",
        )
        self._stack = QStackedLayout()
        left, right = QVBoxLayout(), QVBoxLayout()
        for column, title, note in (
            (left, "Begin with a service", self._services_note),
            (right, "Operations", self._operations_note),
        ):
            column.setSpacing(0)
            column.addWidget(column_head(title, note))
        left.addWidget(self.services, 1)
        right.addLayout(self._stack, 1)
        operations = QWidget()
        right.setContentsMargins(0, 0, 0, 0)
        operations.setLayout(right)
        self.sides = QStackedWidget()
        self.sides.addWidget(operations)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addLayout(left, 4)
        layout.addWidget(self.sides, 5)

    def show_side(self, side: QWidget | None) -> None:
        """Put ``side`` in the place of the operations; `None`: the operations again."""
        if side is not None and self.sides.indexOf(side) < 0:
            self.sides.addWidget(side)
        self.sides.setCurrentIndex(0 if side is None else self.sides.indexOf(side))
        self._stack.addWidget(self.operations)
        self._stack.addWidget(self._no_operations)

    def show_state(self, state: FleetState, now_s: float, subject: str | None) -> None:
        self.services.set_rows(
            [
                Row(
                    id=s.id,
                    title=s.title or s.id,
                    state=s.health.value,
                    lines=(
                        (f"used {fact_words(s.used, now_s)} · intended {fact_words(s.intended, now_s)}", "secondary"),
                        (
                            f"{rate_text(s.traffic_per_s)} · {count_text(len(s.versions), 'version')} registered",
                            "quiet",
                        ),
                    ),
                    right="running" if s.operation else f"way back {s.way_back.state.value}",
                )
                for s in sorted(state.services.values(), key=lambda s: (s.title or s.id).casefold())
            ],
            select=None if self.services.current_id() else subject or next(iter(sorted(state.services)), None),
        )
        rows = operation_rows(state.operations)
        self.operations.set_rows(
            [
                Row(
                    id=op.id,
                    title=f"{service_title(state, op.service)} · {kind_words(op)}",
                    state=health.value if (health := phase_health(op)) is not None else "running",
                    lines=(
                        (op.summary or (op.problem.what if op.problem else "") or PHASE_WORDS[op.phase], "secondary"),
                        (f"{op.actor or '?'}: {op.reason or '? no reason given'}", "quiet"),
                    ),
                    right=f"{version_text(op.from_version)} to {version_text(op.to_version)} · {age_text(op.started_s, now_s)}",
                )
                for op in rows
            ]
        )
        live = sum(not op.phase.ended for op in rows)
        self._services_note.setText("Enter chooses a version · R plans the way back")
        counted = f"{live} live · {count_text(len(rows) - live, 'ended', 'ended')} · " if rows else ""
        self._operations_note.setText(f"{counted}T gate backtest · W freezes · M drills")
        self._stack.setCurrentIndex(0 if rows else 1)


def service_title(state: FleetState, service: str) -> str:
    known = state.services.get(service)
    return known.title or service if known is not None else service


def column_head(title: str, note: PlainLabel | None = None, button: QWidget | None = None) -> QWidget:
    """The 32-px heading of a column, with a note behind the title and a button at its end."""
    head = QWidget()
    head.setProperty("surface", "panel")
    head.setFixedHeight(theme.px(32))
    row = QHBoxLayout(head)
    row.setContentsMargins(12, 0, 12, 0)
    row.setSpacing(8)
    row.addWidget(PlainLabel(title, "strong"))
    if note is not None:
        row.addWidget(note)
    row.addStretch(1)
    if button is not None:
        row.addWidget(button)
    return head

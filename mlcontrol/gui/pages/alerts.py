"""Alerts: what fires, since when, who has taken it, and what is silent for how long."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QHBoxLayout,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mlcontrol.core.state import Changes
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Action, Bound, needs_engine
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.alert_rows import AlertRow, AlertTable, alert_facts, alert_rows, summary, unheard_words
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.entry_line import EntryLine
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.length_field import LengthField
from mlcontrol.gui.widgets.record_list import as_record_list

WIDTHS = (140, 104, 148, 124, 104, 76)


class AlertsPage(Page):
    """Reads ``bridge.state``; what is taken or silenced goes through the engine and comes back as state."""

    name: ClassVar[str] = "alerts"
    title = "Alerts"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = AlertTable(self)
        self.table = QTableView()
        self.take = KeyButton("Take it", "K", PRIMARY)
        self.length = LengthField("1 h")
        self.quiet = KeyButton("Silence", "M")
        self.end = KeyButton("End the silence", "U")
        self.reason = EntryLine()
        self._count = PlainLabel("", "small", "quiet")
        self._facts = FactList()
        self._empty = EmptyState(
            "Nothing fires", "Alerts appear here by themselves; those that are over stay for a while."
        )
        self._second = QTimer(self)
        self._second.setInterval(1000)
        self._second.timeout.connect(self._draw)
        self._build()
        self.setFocusProxy(self.table)

    def _build(self) -> None:
        self.table.setModel(self.model)
        as_record_list(self.table, "Alerts, worst first", WIDTHS)
        self.reason.setPlaceholderText("Why it may be silent")
        self.reason.setAccessibleName("Reason of the silence")
        rows = QWidget()
        left = QVBoxLayout(rows)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(column_head("Alerts", self._count))
        left.addWidget(self.table, 1)
        side = QWidget()
        side.setProperty("surface", "panel")
        side.setFixedWidth(theme.px(320))
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(column_head("Alert"))
        held = QVBoxLayout()
        held.setContentsMargins(12, 8, 12, 12)
        held.setSpacing(8)
        held.addWidget(self._facts)
        held.addStretch(1)
        held.addWidget(self.take)
        held.addWidget(self.reason)
        held.addWidget(self.length)
        held.addWidget(self.quiet)
        held.addWidget(self.end)
        right.addLayout(held, 1)
        content = QWidget()
        columns = QHBoxLayout(content)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(1)
        columns.addWidget(rows, 1)
        columns.addWidget(side)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(content)
        self._stack.addWidget(self._empty)
        self.take.clicked.connect(self.acknowledge)
        self.quiet.clicked.connect(lambda _checked=False: self.silence())
        self.reason.returnPressed.connect(self.silence)
        self.length.entered.connect(self.silence)
        self.length.edited.connect(self._show_details)
        self.end.clicked.connect(self.end_silence)
        self.table.doubleClicked.connect(lambda _index: self._open_service())
        self.table.selectionModel().currentChanged.connect(lambda _now, _before: self._show_details())
        self.reason.textChanged.connect(lambda _text: self._show_details())

    # --- page contract ---

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        self._second.start()

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        def bound(name: str, text: str, keys: str, hint: str, act: Any, rule: Any = needs_engine) -> Bound:
            return Bound(Action(f"alerts.{name}", text, keys, hint, self.name, rule), act)

        return (
            bound("take", "Take the alert", "K", "You work on it; nobody else is told of it", self.acknowledge),
            bound("silence", "Silence", "M", "Nobody is told until it ends; needs a reason", self.silence),
            bound(
                "length", "Silence for how long", "N", "30 min to 3 d, until an hour, or as typed", self.length.begin
            ),
            bound("end", "End the silence", "U", "Whoever is due is told again", self.end_silence),
            bound(
                "incident",
                "Open the incident",
                "I",
                "What broke, since when, and the way back; the alert goes with it",
                self._open_incident,
                lambda _c: "",
            ),
            bound(
                "open",
                "Open the service",
                "Return",
                "Its charts, with the alert marked",
                self._open_service,
                lambda _c: "",
            ),
        )

    @property
    def subtitle(self) -> str:
        state = self.bridge.state if self.bridge is not None else None
        return summary(self.model.rows, len(state.silences) if state is not None else 0)

    def refresh(self, changes: Changes) -> None:
        if changes.alerts or changes.settings:
            self._draw()

    # --- drawing ---

    def current(self) -> AlertRow | None:
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    def _draw(self) -> None:
        if self.bridge is None or not self.isVisible():
            return
        chosen = self.current()
        now_s = time.time()
        rows = alert_rows(self.bridge.state, now_s)
        self.model.show_rows(rows, now_s)
        ids = [row.alert.id for row in rows]
        position = ids.index(chosen.alert.id) if chosen is not None and chosen.alert.id in ids else 0
        if rows and self.table.currentIndex().row() != position:
            self.table.setCurrentIndex(self.model.index(position, 0))
        self._count.setText(self.subtitle)
        self.length.refresh()
        self._stack.setCurrentIndex(0 if rows else 1)
        if not rows:
            unheard = unheard_words(self.bridge.state)
            self._empty.say(
                "Nothing is known yet" if unheard else "Nothing fires",
                unheard or "Alerts appear here by themselves; those that are over stay for a while.",
                state="unknown" if unheard else "ok",
            )
        self._show_details()
        self.heading_changed.emit()

    def _show_details(self) -> None:
        row, now_s = self.current(), time.time()
        self._facts.set_facts(alert_facts(row, now_s))
        lost = self.context().view_only or needs_engine(self.context())
        over = "" if row is not None and row.alert.open else "it is over" if row is not None else "none is chosen"
        taken = "it is taken" if row is not None and row.alert.acknowledged_by else ""
        why = "" if self.reason.text().strip() else "write the reason first"
        theirs = f"{row.alert.source} has it; silence it" if row is not None and row.alert.source else ""
        self.take.set_reason(over or theirs or taken or lost)
        silent = "it is silent" if row is not None and row.silence else ""
        self.quiet.set_reason(over or silent or why or self.length.problem or lost)
        self.end.set_reason(
            "" if row is not None and row.silence is not None and not lost else lost or "it is not silent"
        )

    # --- acting ---

    def acknowledge(self) -> None:
        row = self.current()
        if row is not None and not self.take.reason:
            self._send(m.AcknowledgeAlert(request=self._request(), alert=row.alert.id, actor=self._user()))

    def silence(self, for_s: float | None = None) -> None:
        """For as long as is written in the field, or ``for_s``."""
        row = self.current()
        self._show_details()
        if row is None or self.quiet.reason:
            if self.shell is not None and self.quiet.reason:
                self.shell.toast(f"Not silenced: {self.quiet.reason}", "warning")
            if self.reason.text().strip() and self.length.problem:
                self.length.begin()
            else:
                self.reason.setFocus()
            return
        a = row.alert
        self._send(
            m.SilenceAlerts(
                request=self._request(),
                service=a.service,
                rule=a.rule,
                for_s=self.length.length_s() if for_s is None else for_s,
                reason=self.reason.text(),
                actor=self._user(),
                alert=a.id if a.source else "",
            )
        )
        self.reason.clear()
        self.table.setFocus()

    def end_silence(self) -> None:
        row = self.current()
        if row is not None and row.silence is not None:
            self._send(m.EndSilence(request=self._request(), silence=row.silence.id, actor=self._user()))

    def _open_incident(self) -> None:
        """Pre-filled with what the alert says, whoever keeps it: nothing is declared by it."""
        row, bridge = self.current(), self.bridge
        if row is None or self.shell is None or bridge is None or bridge.state is None:
            return
        if row.alert.service not in bridge.state.services:
            self.shell.toast("This alert is of no service: look at its connection", "warning", row.alert.text)
            return
        said = f"{row.alert.rule}: {row.alert.text}" if row.alert.text else row.alert.rule
        self.shell.open_page("incident", row.alert.service, alert=said)

    def _open_service(self) -> None:
        row, bridge = self.current(), self.bridge
        if row is None or self.shell is None or bridge is None or bridge.state is None:
            return
        if row.alert.service in bridge.state.services:
            self.shell.open_page("service", row.alert.service)
        else:
            self.shell.open_page("connections")

    def _request(self) -> str:
        assert self.bridge is not None
        return self.bridge.request_id()

    def _user(self) -> str:
        hello = self.bridge.hello if self.bridge is not None else None
        return hello.user if hello is not None else ""

    def _send(self, command: m.Command) -> None:
        def on_answer(event: Any) -> None:
            if isinstance(event, m.Refused) and self.shell is not None:
                self.shell.problem(event.problem)

        if self.bridge is not None:
            self.bridge.ask(command, on_answer)

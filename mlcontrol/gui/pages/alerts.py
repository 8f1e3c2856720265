"""Alerts: what fires, since when, who has taken it, and what is silent for how long."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from PySide6.QtCore import QEvent, QObject, QTimer
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
from mlcontrol.gui.viewmodels.silence_rows import SilenceRow, SilenceTable, silence_facts, silence_rows
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.entry_line import EntryLine
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.length_field import LengthField
from mlcontrol.gui.widgets.record_list import ROW_PX, as_record_list, fit_columns

LEAST, MOST = (88, 72, 72, 72, 56, 60), (220, 200, 170, 130, 72, 110)
SILENCES_LEAST, SILENCES_MOST = (120, 72, 56, 48), (360, 90, 80, 120)
SOURCE = 5  # this column is left out where every alert is the panel's
SILENCES_SHOWN = 6


class AlertsPage(Page):
    """Reads ``bridge.state``; what is taken or silenced goes through the engine and comes back as state."""

    name: ClassVar[str] = "alerts"
    title = "Alerts"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = AlertTable(self)
        self.table = QTableView()
        self.silences = SilenceTable(self)
        self.held = QTableView()
        self._on_silence = False  # which of the two lists the right side is about
        self._fitted: tuple[object, ...] = ()
        self.take = KeyButton("Take it", "K", PRIMARY)
        self.length = LengthField("1 h")
        self.quiet = KeyButton("Silence", "M")
        self.end = KeyButton("End the silence", "U")
        self.reason = EntryLine()
        self._count = PlainLabel("", "small", "quiet")
        self._held_note = PlainLabel("", "small", "quiet")
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
        as_record_list(self.table, "Alerts, worst first", LEAST)
        self.held.setModel(self.silences)
        as_record_list(self.held, "Silences, the first to end first", SILENCES_LEAST)
        self.reason.setPlaceholderText("Why it may be silent")
        self.reason.setAccessibleName("Reason of the silence")
        rows = QWidget()
        left = QVBoxLayout(rows)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(column_head("Alerts", self._count))
        left.addWidget(self.table, 1)
        self._held_head = column_head("Silences", self._held_note)
        left.addWidget(self._held_head)
        left.addWidget(self.held)
        side = QWidget()
        side.setProperty("surface", "panel")
        side.setFixedWidth(theme.px(320))
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(column_head("Chosen"))
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
        self.held.selectionModel().currentChanged.connect(lambda _now, _before: self._show_details())
        for table in (self.table, self.held):
            table.installEventFilter(self)
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
            bound("silences", "Go to the silences", "S", "All that hold, and back", self._other_list, lambda _c: ""),
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

    def current_silence(self) -> SilenceRow | None:
        row = self.held.currentIndex().row()
        return self.silences.rows[row] if 0 <= row < len(self.silences.rows) else None

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
        held = self._draw_silences(now_s)
        ids = [row.alert.id for row in rows]
        position = ids.index(chosen.alert.id) if chosen is not None and chosen.alert.id in ids else 0
        if rows and self.table.currentIndex().row() != position:
            self.table.setCurrentIndex(self.model.index(position, 0))
        self._count.setText(self.subtitle)
        self.length.refresh()
        self._fit(rows)
        self._stack.setCurrentIndex(0 if rows or held else 1)
        if not rows and not held:
            unheard = unheard_words(self.bridge.state)
            if self.nothing_watched:  # no green for what nobody looks at
                self._empty.say(
                    "Nothing is watched yet", "Alerts appear here by themselves once a service is connected."
                )
            else:
                self._empty.say(
                    "Nothing is known yet" if unheard else "Nothing fires",
                    unheard or "Alerts appear here by themselves; those that are over stay for a while.",
                    state="unknown" if unheard else "ok",
                )
        self._show_details()
        self.heading_changed.emit()

    def _draw_silences(self, now_s: float) -> bool:
        """Whether any holds."""
        chosen = self.current_silence()
        rows = silence_rows(self.bridge.state if self.bridge is not None else None, now_s)
        self.silences.show_rows(rows, now_s)
        ids = [row.silence.id for row in rows]
        position = ids.index(chosen.silence.id) if chosen is not None and chosen.silence.id in ids else 0
        if rows and self.held.currentIndex().row() != position:
            self.held.setCurrentIndex(self.silences.index(position, 0))
        self._on_silence = bool(rows) and (self._on_silence or not self.model.rows)
        self._held_note.setText(f"{len(rows)}, the first to end first" if len(rows) > 1 else "")
        self._held_head.setVisible(bool(rows))
        self.held.setVisible(bool(rows))
        shown = min(len(rows), SILENCES_SHOWN)
        self.held.setFixedHeight(self.held.horizontalHeader().sizeHint().height() + shown * theme.px(ROW_PX) + 2)
        return bool(rows)

    def _fit(self, rows: list[AlertRow]) -> None:
        """Only when other rows or words are there: columns that move each second cannot be read."""
        held = [(row.silence.id, row.open) for row in self.silences.rows]
        now = ([(row.alert.id, row.state) for row in rows], held, self.width())
        if now == self._fitted:
            return
        self._fitted = now
        self.table.setColumnHidden(SOURCE, not any(row.alert.source for row in rows))
        fit_columns(self.table, LEAST, MOST)
        fit_columns(self.held, SILENCES_LEAST, SILENCES_MOST)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.FocusIn and watched in (self.table, self.held):
            self._on_silence = bool(self.silences.rows) and (watched is self.held or not self.model.rows)
            self._show_details()
        return super().eventFilter(watched, event)

    def _other_list(self) -> None:
        (self.table if self.held.hasFocus() or not self.silences.rows else self.held).setFocus()

    def _show_choice(self) -> None:
        """Only one of the two lists shows a chosen row: the one that keys act on."""
        for table, acts in ((self.table, not self._on_silence), (self.held, self._on_silence)):
            if not acts:
                table.clearSelection()
            elif table.currentIndex().isValid() and not table.selectionModel().hasSelection():
                table.selectRow(table.currentIndex().row())

    def _show_details(self) -> None:
        now_s = time.time()
        lost = self.context().view_only or needs_engine(self.context())
        self._show_choice()
        if self._on_silence:
            self._facts.set_facts(silence_facts(self.current_silence(), now_s))
            self.take.set_reason("a silence is chosen")
            self.quiet.set_reason("it is silent")
            self.end.set_reason(lost)
            return
        row = self.current()
        self._facts.set_facts(alert_facts(row, now_s))
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
        chosen = self.current_silence() if self._on_silence else self.current()
        silence = chosen.silence if chosen is not None else None
        if silence is not None and not self.end.reason:
            self._send(m.EndSilence(request=self._request(), silence=silence.id, actor=self._user()))

    def _open_incident(self) -> None:
        """Pre-filled with what the alert says, whoever keeps it: nothing is declared by it."""
        row, bridge = self.current(), self.bridge
        if self.shell is None or bridge is None or bridge.state is None or self._on_silence or row is None:
            self._open_service()
            return
        if row.alert.service not in bridge.state.services:
            self.shell.toast("This alert is of no service: look at its connection", "warning", row.alert.text)
            return
        said = f"{row.alert.rule}: {row.alert.text}" if row.alert.text else row.alert.rule
        self.shell.open_page("incident", row.alert.service, alert=said)

    def _open_service(self) -> None:
        row, held, bridge = self.current(), self.current_silence(), self.bridge
        chosen = held.silence if self._on_silence and held is not None else row.alert if row is not None else None
        if chosen is None or self.shell is None or bridge is None or bridge.state is None:
            return
        if chosen.service in bridge.state.services:
            self.shell.open_page("service", chosen.service)
        else:
            self.shell.open_page("connections" if chosen.service or chosen.source else "fleet")

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

"""Fleet: every service in one table, worst first; what is wrong in a sentence; the way back one key away."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.core.state import Changes
from mlcontrol.core.types import ServiceState
from mlcontrol.gui import actions as a
from mlcontrol.gui.actions import Action, Bound
from mlcontrol.gui.bridge import Bridge, Link
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.sandbox_start import SandboxStart
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.fleet_book import FleetBook
from mlcontrol.gui.viewmodels.fleet_rows import GROUPS, LABEL, compose, counts, groups_of, sentence
from mlcontrol.gui.viewmodels.phrases import count_text, version_text
from mlcontrol.gui.viewmodels.signal_cells import Now
from mlcontrol.gui.viewmodels.status_facts import poll_interval_s
from mlcontrol.gui.widgets.action_bar import ActionBar
from mlcontrol.gui.widgets.badge import Badge
from mlcontrol.gui.widgets.button import DANGER, PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.filter_field import FilterField
from mlcontrol.gui.widgets.fleet_table import FleetTable
from mlcontrol.gui.widgets.label import PlainLabel

FILTER = Action("fleet.filter", "Filter services", "/", "Type parts of a name, team, version or state", "fleet")
OPEN = Action("fleet.open", "Open the service", "Return", "Its charts, on one time axis", "fleet", a.needs_service)
GROUP = Action(
    "fleet.group", "Group by team, environment or label", "B", "None, team, environment, each label", "fleet"
)
FOLD = Action("fleet.fold", "Fold the calm services", "Z", "Hide or show what is as expected", "fleet")
ORDER = Action("fleet.order", "Take the new order", "O", "Rows that waited change places now", "fleet")


SECOND_MS = 1000
CHEAP_MS = 2.0
BEAT_MS = 25
LEAST_MS = 100
SANDBOX = Action(
    "fleet.sandbox", "Start the sandbox", "D", "A real local fleet to try things on", "fleet", a.needs_engine
)
CONNECT = Action("fleet.connect", "Add a connection", "A", "A registry, an endpoint, a router, a log", "fleet")


class FleetPage(Page):
    name: ClassVar[str] = "fleet"
    title = "Fleet"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = GROUPS[0]
        self._was_cached = True
        self._folded: frozenset[str] = frozenset()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._build_head())
        self.table = FleetTable()
        self._no_match = KeyButton("Clear filter", "Esc")
        self._no_match.clicked.connect(self._clear_filter)
        self._nothing = EmptyState("No service matches", buttons=(self._no_match,))
        self._connect_button = KeyButton("Add a connection", CONNECT.cap, PRIMARY)
        self._sandbox_button = KeyButton("Start the sandbox", SANDBOX.cap)
        self._retry_button = KeyButton("Try again")
        buttons = (self._connect_button, self._sandbox_button, self._retry_button)
        self._empty = EmptyState("Nothing is connected yet", buttons=buttons)
        self._empty.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._sandbox = SandboxStart(self)
        self._sandbox.said.connect(lambda _line: self._say_empty())
        self._sandbox.ended.connect(self._on_sandbox)
        self._sandbox_button.clicked.connect(self._start_sandbox)
        self._stack = QStackedWidget()
        for view in (self.table, self._nothing, self._empty):
            self._stack.addWidget(view)
        column.addWidget(self._stack, 1)
        self._open_button = KeyButton("Open", "Enter")
        self._promote_button = KeyButton("Promote", a.PROMOTE.cap)
        self._back_button = KeyButton("Roll back", a.ROLL_BACK.cap, DANGER)
        self._bar = ActionBar((self._open_button, self._promote_button, self._back_button))
        column.addWidget(self._bar)
        self.setFocusProxy(self.table)
        self.table.chosen.connect(self._on_chosen)
        self.table.opened.connect(self._on_opened)
        self.table.left.connect(self._on_released)
        self.table.section_clicked.connect(lambda _id: self._fold())
        self._filter.left.connect(self._to_table)
        self._filter.textChanged.connect(lambda _text: self._fill(hold=False, everything=False))
        self._clock = QTimer(self)
        self._clock.setInterval(SECOND_MS)
        self._clock.timeout.connect(self._on_second)
        self._clock.start()
        self._book = FleetBook()
        self._cost_ms = 0.0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._catch_up)

    def _build_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(8)
        self._badges = {state: Badge(state, "") for state in ("critical", "unknown", "warning", "stale")}
        for badge in self._badges.values():
            badge.hide()
            row.addWidget(badge)
        self._calm = PlainLabel("", tone="secondary")
        row.addWidget(self._calm)
        self._waiting = KeyButton("", ORDER.cap, "quiet")
        self._waiting.hide()
        self._waiting.clicked.connect(self._take_order)
        row.addWidget(self._waiting)
        row.addStretch(1)
        self._filter = FilterField()
        self._filter.setFixedWidth(theme.px(250))
        row.addWidget(self._filter)
        self._group_button = KeyButton("Group: none", GROUP.cap)
        self._group_button.clicked.connect(self._next_group)
        row.addWidget(self._group_button)
        return row

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        acts = {
            OPEN: self._open,
            FILTER: self._focus_filter,
            GROUP: self._next_group,
            FOLD: self._fold,
            ORDER: self._take_order,
            SANDBOX: self._start_sandbox,
            CONNECT: self._connect,
            a.ROLL_BACK: self._roll_back,
            a.PROMOTE: self._promote,
        }
        return tuple(Bound(action, act) for action, act in acts.items())

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        bridge.engine_state_changed.connect(lambda _engine: self._fill(hold=True))
        self._connect_button.clicked.connect(self._connect)
        self._retry_button.clicked.connect(bridge.reconnect)
        self._open_button.clicked.connect(self._open)
        self._promote_button.clicked.connect(self._promote)
        self._back_button.clicked.connect(self._roll_back)

    def show_for(self, service_id: str | None, **context: Any) -> None:
        super().show_for(service_id, **context)
        self._fill(hold=False)
        if service_id is not None:
            self.table.choose(service_id)

    def service(self) -> ServiceState | None:
        row = self.table.current()
        state = self.bridge.state if self.bridge is not None else None
        return None if row is None or state is None else state.services.get(row.id)

    def refresh(self, changes: Changes) -> None:
        if not (changes.services or changes.settings or changes.connections):
            return
        if changes.settings:
            self._book.make_anew()
        self._fill_soon()

    def _fill_soon(self) -> None:
        """A small fleet at once; one whose rows take time to lay out takes at most a tenth of this thread, however many ask."""
        if self._cost_ms < CHEAP_MS:
            self._fill(hold=True, everything=False)
        elif not self._soon.isActive():
            self._soon.start(min(SECOND_MS, round(10 * self._cost_ms)))

    def _catch_up(self) -> None:
        """Rows of what has changed, a part at a time with room for a frame between, and then the table once."""
        state = self.bridge.state if self.bridge is not None else None
        if state is not None and self.bridge is not None and self._cost_ms >= CHEAP_MS:
            now = Now.read(poll_interval_s(state), cached=self.bridge.cached_s is not None)
            self._book.take(state, now, everything=False)
            if self._book.behind:
                self._soon.start(BEAT_MS)
                return
        self._fill(hold=True, everything=False)

    def _on_second(self) -> None:
        """Ages: a part of the rows at each beat, a thousand of them within a second."""
        if not self.isVisible():
            return
        bridge = self.bridge
        state = bridge.state if bridge is not None else None
        if bridge is None or state is None or not state.services:
            self._fill(hold=True)
            return
        self._clock.setInterval(max(LEAST_MS, SECOND_MS // self._book.turns()))
        if self._book.age(Now.read(poll_interval_s(state), cached=bridge.cached_s is not None)):
            self._fill_soon()
        else:
            self._say_selection()

    def _fill(self, *, hold: bool, everything: bool = True) -> None:
        bridge = self.bridge
        if bridge is None:
            return
        state = bridge.state
        if state is None or not state.services:
            self._say_empty()
            return
        begun_s = time.thread_time()
        now = Now.read(poll_interval_s(state), cached=bridge.cached_s is not None)
        if everything or now.cached != self._was_cached:
            self._book.make_anew()
        self._book.take(state, now, everything=False)
        rows = self._book.rows
        shown = compose(rows, self._filter.text(), self._group, self._folded)
        # The last session's order never waits for the pointer.
        moved = self.table.table.put(shown, hold=hold and self.table.held and not self._was_cached)
        self._was_cached = now.cached
        self._waiting.setVisible(moved > 0)
        self._waiting.set_label(f"{count_text(moved, 'row')} changed places")
        found = counts(rows)
        for name, badge in self._badges.items():
            badge.setVisible(found[name] > 0)
            badge.set(name, f"{found[name]} {name}")
        self._calm.setText(f"{found['ok']} ok of {len(rows)}")
        if shown:
            self._show_table()
        else:
            self._nothing.say(
                f"No service matches “{self._filter.text()}”",
                f"{count_text(len(rows), 'service')} hidden by this filter.",
            )
            self._stack.setCurrentWidget(self._nothing)
        self._say_selection()
        # Of this thread: what others decode meanwhile is not this table's cost.
        self._cost_ms = 1000 * (time.thread_time() - begun_s)
        if self._book.behind and not self._soon.isActive():
            self._soon.start(BEAT_MS)

    def _show_table(self) -> None:
        self._filter.show()
        self._group_button.show()
        if self._stack.currentWidget() is not self.table:
            self._stack.setCurrentWidget(self.table)
            if not self._filter.hasFocus() and self.isVisible():
                self.table.setFocus()

    def _say_empty(self) -> None:
        bridge = self.bridge
        if bridge is None:
            return
        engine = bridge.engine
        self._calm.setText("")
        for badge in self._badges.values():
            badge.hide()
        self._retry_button.setVisible(engine.link is Link.LOST)
        nothing_yet = bridge.state is not None and not self._sandbox.running
        self._connect_button.setVisible(nothing_yet)
        self._sandbox_button.setVisible(nothing_yet)
        if bridge.state is None and engine.problem is not None:
            words = " ".join(part for part in (engine.problem.why, engine.problem.next) if part)
            self._empty.say(engine.problem.what, words, state="critical", note="It is tried again by itself.")
        elif bridge.state is None:
            words = "It reads the workspace and asks every connection once."
            self._empty.say("The engine is being started", words, state="running")
        elif self._sandbox.running:
            note = "Its servers are installed the first time; that takes some minutes."
            self._empty.say("The sandbox is starting", self._sandbox.last_line or "…", state="running", note=note)
        else:
            self._empty.say(
                "Nothing is connected yet",
                "Add a registry and one endpoint, then a service: the fleet fills itself from them. Or start the sandbox: "
                "a real fleet on this machine, with traffic and accidents to try things on.",
                note="Nothing is sent anywhere until a connection is tested.",
            )
        self._stack.setCurrentWidget(self._empty)
        self._say_selection()
        self._filter.hide()
        self._group_button.hide()
        if self.isVisible() and not self._empty.isAncestorOf(self.window().focusWidget() or self):
            self._empty.setFocus()  # not the next field: the keys of this page must work

    def _say_selection(self) -> None:
        row, service, context = self.table.current(), self.service(), self.context()
        if row is None or service is None:
            words = "Choose a service with the arrow keys to see what is wrong and what can be done."
            self._bar.say("", words if self._stack.currentWidget() is self.table else "", "quiet")
        else:
            text, tone = sentence(row)
            self._bar.say(row.title, text, tone)
        target = service.way_back.target if service is not None else None
        self._back_button.set_label(f"Roll back to {version_text(target)}" if target else "Roll back")
        self._back_button.set_reason(a.ROLL_BACK.rule(context) if service is not None else "")
        self._promote_button.set_reason(a.PROMOTE.rule(context) if service is not None else "")
        for button in (self._open_button, self._promote_button, self._back_button):
            button.setVisible(service is not None)

    def _connect(self) -> None:
        if self.shell is not None:
            self.shell.open_page("connections", add=True)

    def _start_sandbox(self) -> None:
        state = self.bridge.state if self.bridge is not None else None
        if state is not None and not state.services:
            self._sandbox.start()
            self._say_empty()
        elif self.shell is not None:
            self.shell.toast("This workspace has services; `mlcontrol demo` opens the sandbox beside it", "warning")

    def _on_sandbox(self, ok: bool) -> None:
        if ok and self._sandbox.open_panel():
            self.window().close()  # the panel on the sandbox takes its place
        elif self.shell is not None:
            why = self._sandbox.last_line
            self.shell.problem(
                Problem("The sandbox did not start.", why, "Run `mlcontrol sandbox up` to see all it says.")
            )
            self._say_empty()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not self.window().isVisible():
            self._sandbox.stop()

    def _on_chosen(self, service_id: str) -> None:
        self.service_id = service_id or None
        self._say_selection()

    def _on_opened(self, service_id: str) -> None:
        if self.shell is not None:
            self.shell.open_page("service", service=service_id)

    def _on_released(self) -> None:
        self._take_order()

    def _take_order(self) -> None:
        self.table.table.release()
        self._waiting.hide()

    def _open(self) -> None:
        row = self.table.current()
        if row is not None:
            self._on_opened(row.id)

    def _roll_back(self) -> None:
        row = self.table.current()
        if row is not None and self.shell is not None:
            self.shell.open_page("rollouts", service=row.id, rollback=True)

    def _promote(self) -> None:
        row = self.table.current()
        if row is not None and self.shell is not None:
            self.shell.open_page("rollouts", service=row.id, promote=True)

    def _focus_filter(self) -> None:
        self._filter.setFocus()
        self._filter.selectAll()

    def _to_table(self) -> None:
        self.table.setFocus()
        if self.table.current() is None:
            self.table.selectRow(0)

    def _clear_filter(self) -> None:
        self._filter.clear()
        self.table.setFocus()

    def _next_group(self) -> None:
        state = self.bridge.state if self.bridge is not None else None
        groups = groups_of(state) if state is not None else GROUPS
        at = groups.index(self._group) if self._group in groups else -1
        self._group = groups[(at + 1) % len(groups)]
        self._group_button.set_label(f"Group: {self._group.removeprefix(LABEL)}")
        self._fill(hold=False)

    def _fold(self) -> None:
        row = self.table.current()
        section = "calm" if self._group == "none" else (row.member_of(self._group) if row is not None else None)
        if section is None:
            index = self.table.currentIndex()
            head = self.table.table.row(index.row()) if index.isValid() else None
            section = head.id.removeprefix("section:") if head is not None and head.section else None
        if section is not None:
            self._folded = self._folded ^ {section}
            self._fill(hold=False)

"""Incident: what broke, since when, who is hurt; what changed before; the way back and its proof; the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.incidents.brief import Brief, SuspectLine
from mlcontrol.core.incidents.incident import EntryKind, IncidentPhase
from mlcontrol.core.incidents.suspect_facts import SuspectFacts
from mlcontrol.core.state import Changes
from mlcontrol.gui.actions import Action, Bound
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.charts.stack import ChartStack
from mlcontrol.gui.pages import incident_actions as keys
from mlcontrol.gui.pages.incident_acts import IncidentActs
from mlcontrol.gui.pages.incident_alerts import AlertCard
from mlcontrol.gui.pages.incident_bisect import BisectCard
from mlcontrol.gui.pages.incident_facts import IncidentFacts
from mlcontrol.gui.pages.incident_head import IncidentHead
from mlcontrol.gui.pages.incident_log import IncidentLog
from mlcontrol.gui.pages.incident_practice import PracticeSheet
from mlcontrol.gui.pages.incident_side import SuspectCard
from mlcontrol.gui.pages.incident_texts import TextsSheet
from mlcontrol.gui.pages.incident_way_back import WayBackCard
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.viewmodels.incident_known import last_known, out_of_reach
from mlcontrol.gui.viewmodels.incident_words import close_refusal, commands_text, data_age, head, worst_off
from mlcontrol.gui.viewmodels.phrases import visible_text
from mlcontrol.gui.viewmodels.service_charts import chart_rows
from mlcontrol.gui.viewmodels.status_facts import poll_interval_s
from mlcontrol.gui.widgets.action_bar import ActionBar
from mlcontrol.gui.widgets.button import DANGER, KeyButton
from mlcontrol.gui.widgets.card import Card, EmptyState
from mlcontrol.gui.widgets.scrolled import scrolled

STRIPS = ("presence", "errors", "queries", "latency", "quality")
ASK_EVERY_MS = 1000
SHORTEST_S, LONGEST_S = 300.0, 7200.0
LETTERS = {keys.ERRORS: "E", keys.QUALITY: "Q", keys.LATENCY: "L", keys.OTHER: "O"}


class IncidentPage(Page):
    name: ClassVar[str] = "incident"
    title = "Incident"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.facts = IncidentFacts(self)
        self.head = IncidentHead()
        self.charts = ChartStack()
        self.charts.readout = False
        self.log = IncidentLog()
        self.suspects = SuspectCard()
        self.bisect = BisectCard()
        self.way_back = WayBackCard()
        self.alerts = AlertCard()
        self.by_hand = Card("By hand", "when the panel cannot act")
        self.acts = IncidentActs(self, self.facts, self.log, self.way_back, self.bisect)
        self._buttons = self._make_buttons()
        self.bar = ActionBar(tuple(self._buttons.values()))
        self._stack = QStackedWidget()
        self._empty = EmptyState(
            "No incident", "I declares one for the service chosen last; J and K walk through earlier ones.", state="ok"
        )
        self._stack.addWidget(self._build())
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._stack, 1)
        column.addWidget(self.bar)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.facts.arrived.connect(self._on_arrived)
        self.facts.moved.connect(self._on_moved)
        self.log.written.connect(self.acts.write)
        self.log.left.connect(self.setFocus)
        self.way_back.confirmed.connect(self.acts.execute)
        self.way_back.given_up.connect(self.setFocus)
        self.bisect.confirmed.connect(self.acts.run_bisect)
        self.suspects.rows.picked.connect(self._on_suspect)
        self._zoomed: str | None = None  # the incident that the charts were fitted to
        self._clock = QTimer(self)
        self._clock.setInterval(ASK_EVERY_MS)
        self._clock.timeout.connect(self._on_second)
        self._clock.start()

    def _build(self) -> QWidget:
        left = QVBoxLayout()
        left.setSpacing(12)
        strips = Card()
        strips.body.setContentsMargins(0, 0, 0, 0)
        strips.body.addWidget(self.charts)
        left.addWidget(strips, 3)
        left.addWidget(self.log, 2)
        side = QWidget()
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(12)
        right.addWidget(self.suspects)
        right.addWidget(self.bisect)
        right.addWidget(self.way_back)
        right.addWidget(self.alerts)
        right.addWidget(self.by_hand)
        right.addStretch(1)
        self.suspects.commands_into(self.by_hand)
        scroll = scrolled(side)
        columns = QHBoxLayout()
        columns.setContentsMargins(16, 0, 16, 12)
        columns.setSpacing(12)
        columns.addLayout(left, 1)
        columns.addWidget(scroll, 1)
        content = QWidget()
        outer = QVBoxLayout(content)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        outer.addWidget(self.head)
        outer.addLayout(columns, 1)
        return content

    def _make_buttons(self) -> dict[Action, KeyButton]:
        shown = (
            keys.DECLARE, keys.BISECT, keys.CANCEL_BISECT,
            keys.TAKE_OVER, keys.HAND_OVER, keys.SILENCE, keys.TEXTS, keys.PREVENT, keys.POSTMORTEM,
            keys.CHECK, keys.CLOSE,
        )  # fmt: skip
        made = {action: KeyButton(action.text, action.cap) for action in shown}
        made[keys.BACK] = KeyButton(keys.BACK.text, keys.BACK.cap, DANGER)
        return made

    @property
    def brief(self) -> Brief | None:
        return self.facts.brief

    @property
    def incident_id(self) -> str:
        return self.facts.incident_id

    @property
    def ready(self) -> bool:
        return self.brief is not None or self.nothing_watched

    @property
    def subtitle(self) -> str:
        shown = self._shown()
        return head(shown, self.facts.me, time.time(), "").subtitle if shown is not None else ""

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        acts: dict[Action, Callable[[], None]] = {
            keys.BACK: self.acts.roll_back,
            keys.DECLARE: self.acts.declare,
            keys.NOTE: partial(self.log.ask, EntryKind.NOTE),
            keys.DECISION: partial(self._letter, "D"),
            keys.HYPOTHESIS: partial(self.log.ask, EntryKind.HYPOTHESIS),
            keys.TO_DO: partial(self.log.ask, EntryKind.ACTION_ITEM),
            keys.ROLE: partial(self.log.ask, EntryKind.ROLE),
            keys.TAKE_OVER: partial(self.acts.write, EntryKind.TOOK_OVER, ""),
            keys.HAND_OVER: partial(self.log.ask, EntryKind.HANDED_OVER),
            keys.SILENCE: partial(self.log.ask, EntryKind.SILENCED),
            keys.LIFT: self.acts.lift,
            keys.BISECT: self.acts.bisect,
            keys.CANCEL_BISECT: self.acts.cancel_bisect,
            keys.MESSAGE: self._copy_update,
            keys.TEXTS: self._show_texts,
            keys.COMMANDS: self._copy_commands,
            keys.CHECK: partial(self.log.ask, EntryKind.RECOVERY_CHECKED, "the cause is gone"),
            keys.CLOSE: self.acts.close,
            keys.REOPEN: partial(self.acts.write, EntryKind.REOPENED, ""),
            keys.POSTMORTEM: self.acts.postmortem,
            keys.PREVENT: self.acts.prevent,
            keys.PRACTICE: self._show_practice,
            keys.NEXT: partial(self.acts.walk, 1),
            keys.PREVIOUS: partial(self.acts.walk, -1),
            keys.LEAVE: self._leave,
        }
        acts |= {action: partial(self._letter, letter) for action, letter in LETTERS.items()}
        acts |= {action: partial(self.suspects.rows.pick, i) for i, action in enumerate(keys.SUSPECTS)}
        return tuple(Bound(action, act) for action, act in acts.items())

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        self.facts.bridge, self.acts.shell = bridge, shell
        bridge.samples_arrived.connect(self.facts.take_samples)
        bridge.engine_state_changed.connect(lambda _engine: self.facts.ask())
        bound = {one.action: one.act for one in self.actions()}
        for action, button in self._buttons.items():
            button.clicked.connect(partial(_called, bound[action]))

    def show_for(self, service_id: str | None, **context: Any) -> None:
        """``incident``: that one. ``alert``: what a page or an alert said; it is only pre-filled."""
        super().show_for(service_id or self._worst(), **context)
        asked, alert = (str(context.get(word, "") or "") for word in ("incident", "alert"))
        if self.facts.choose(self.service_id, asked, alert):
            self.way_back.set_stage("idle")
            self.bisect.settle()
            self._zoomed = None
        self.facts.find()
        self.facts.ask()
        self._draw()

    def refresh(self, changes: Changes) -> None:
        if self.service_id is None:
            self.service_id = self._worst()
            self.facts.choose(self.service_id, "", self.facts.alert)
        if changes.operations or self.service_id in changes.services:
            self.facts.ask()
        self._draw()

    def _on_second(self) -> None:
        if self.isVisible():
            self.facts.ask()
            self.facts.look_closer()
            self._follow()
            self._draw()

    def _on_arrived(self) -> None:
        brief = self.brief
        under_way = brief is not None and brief.operation and not brief.proven and not brief.incident.mitigated_s
        if under_way and self.way_back.stage == "idle":
            self.way_back.show_running()
        self._draw()
        self.heading_changed.emit()

    def _on_moved(self, service: str) -> None:
        self.service_id = service

    # Keys that need no engine.

    def _letter(self, letter: str) -> None:
        if not self.way_back.take_letter(letter) and letter == "D":
            self.log.ask(EntryKind.DECISION)

    def _leave(self) -> None:
        if not self.way_back.step_back():
            self.bisect.step_back()
            self.setFocus()

    def _on_suspect(self, index: int) -> None:
        line = self.suspects.rows.lines[index]
        self.suspects.show_card(line, self.service())
        self.facts.ask_suspect(line, lambda known: self._on_suspect_known(line, known))
        if self.incident_id and line.event and self.brief is not None and self.brief.incident.suspect != line.event:
            self.acts.write(EntryKind.SUSPECT, f"looks at: {line.title}", {"event": line.event})
        self.suspects.rows.setFocus()

    def _on_suspect_known(self, line: SuspectLine, known: SuspectFacts) -> None:
        rows = self.suspects.rows
        if 0 <= rows.current < len(rows.lines) and rows.lines[rows.current].event == line.event:
            self.suspects.show_card(line, self.service(), known)

    def _copy_update(self) -> None:
        if self.brief is not None:
            self.acts.copy("status update", self.brief.update)

    def _copy_commands(self) -> None:
        if self.brief is not None:
            self.acts.copy("list of commands", commands_text(self.brief))

    def _show_texts(self) -> None:
        if self.brief is not None:
            sheet = TextsSheet(self.window(), self.brief)
            sheet.copied.connect(self.acts.copy)
            sheet.open()

    def _show_practice(self) -> None:
        if self.bridge is not None:
            PracticeSheet(self.window(), self.bridge, self.facts.me).open()

    # Drawing.

    def _shown(self) -> Brief | None:
        """The brief, else what the last known state says of the service."""
        state = self.bridge.state if self.bridge is not None else None
        if self.brief is not None or state is None or self.service_id is None:
            return self.brief
        return last_known(state, self.service_id, self.facts.alert, time.time())

    def _draw(self) -> None:
        bridge = self.bridge
        if bridge is None or bridge.state is None:
            return
        shown = self._shown()
        if shown is None:
            self._stack.setCurrentIndex(1)
            self._restate()
            return
        self._stack.setCurrentIndex(0)
        now_s, service = time.time(), self.service()
        environment = shown.incident.environment or bridge.state.settings.environment
        title = head(shown, self.facts.me, now_s, environment, self._name())
        self.head.show_head(title, data_age(self.brief, bridge.cached_s, now_s))
        if self.title != title.title:
            self.title = title.title
            self.heading_changed.emit()
        self.log.show_brief(shown)
        self.suspects.show_brief(shown)
        tried = shown.bisect.operation if shown.bisect is not None else ""
        self.bisect.show_brief(shown, bridge.state.operations.get(tried))
        self.way_back.show_brief(shown, service)
        self.alerts.show_state(bridge.state, shown.incident.service, now_s)
        self.by_hand.setVisible(bool(shown.by_hand) and (not bridge.connected or out_of_reach(bridge.state, shown)))
        self._draw_charts()
        self._restate()

    def _follow(self) -> None:
        """The charts end now and begin well before it began to hurt, unless the person looks elsewhere."""
        now_s, shown = time.time(), self._shown()
        if shown is not None and self.charts.follows and self._zoomed != shown.incident.id:
            began_s = shown.onset.at_s if shown.onset is not None else shown.incident.detected_s
            self.charts.set_length(min(LONGEST_S, max(SHORTEST_S, 2.5 * (now_s - began_s))))
            self._zoomed = shown.incident.id if shown.onset is not None else None
        self.charts.advance(now_s)

    def _draw_charts(self) -> None:
        bridge, service_id = self.bridge, self.service_id
        if bridge is None or bridge.state is None or service_id is None:
            return
        span = self.charts.span
        settings = bridge.state.settings.services.get(service_id)
        objectives = settings.objectives if settings is not None else {}
        rows = chart_rows(self.facts.store, span.since_s, span.until_s, poll_interval_s(bridge.state), objectives)
        events = [e for e in bridge.state.events if e.service in (None, service_id)]
        chosen = {row.id: row for row in rows}
        self.charts.set_rows([chosen[name] for name in STRIPS if name in chosen], events)

    def _restate(self) -> None:
        context = self.context()
        for action, button in self._buttons.items():
            button.set_reason(action.rule(context))
        brief = self.brief
        incident = brief.incident if brief is not None else None
        declared = incident is not None and bool(incident.id)
        burning = declared and incident is not None and incident.open
        over = incident is not None and incident.phase in (IncidentPhase.MITIGATED, IncidentPhase.RESOLVED)
        mine = incident is not None and incident.holder == self.facts.me
        shown = {
            keys.DECLARE: not declared,
            keys.BISECT: brief is not None and brief.bisect is not None and not self.bisect.operation and not over,
            keys.CANCEL_BISECT: bool(self.bisect.operation),
            keys.TAKE_OVER: burning and not mine,
            keys.HAND_OVER: burning and mine,
            keys.SILENCE: burning and not over,
            keys.TEXTS: declared and not over,
            keys.PREVENT: any(not p.added for p in brief.prevention) if brief is not None else False,
            keys.CHECK: burning and brief is not None and not brief.ticks,
            keys.CLOSE: burning and brief is not None and bool(brief.ticks),
            keys.POSTMORTEM: declared and over,
        }
        for action, visible in shown.items():
            self._buttons[action].setVisible(visible)
        if brief is not None and not self._buttons[keys.CLOSE].reason:
            self._buttons[keys.CLOSE].set_reason(close_refusal(brief))
        todo = [p for p in brief.prevention if not p.added] if brief is not None and declared else []
        hint = f"would have caught it: {todo[0].title}" if todo else ""
        if brief is not None and brief.alike:
            hint = f"looks like incident {brief.alike[0].number}: {brief.alike[0].outcome}"
        self.bar.say(self._name(), hint)

    def _name(self) -> str:
        service = self.service()
        return visible_text((service.title if service is not None else "") or self.service_id or "", 120)

    # Facts.

    def _worst(self) -> str | None:
        state = self.bridge.state if self.bridge is not None else None
        if state is None or not state.services:
            return self.service_id
        return worst_off(state)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
            return
        super().keyPressEvent(event)


def _called(act: Callable[[], None], _checked: bool = False) -> None:
    act()

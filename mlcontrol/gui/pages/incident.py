"""Incident: what broke, since when, who is hurt; what changed before; the way back and its proof; the log."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.incident import EntryKind, Incident
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.state import Changes
from mlcontrol.core.types import Health, Sample
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Action, Bound
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.charts.stack import ChartStack
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.pages import incident_actions as keys
from mlcontrol.gui.pages.incident_head import IncidentHead
from mlcontrol.gui.pages.incident_log import IncidentLog
from mlcontrol.gui.pages.incident_side import SuspectCard, exported
from mlcontrol.gui.pages.incident_way_back import WayBackCard
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.viewmodels.incident_words import close_refusal, data_age, head
from mlcontrol.gui.viewmodels.service_charts import METRICS, chart_rows
from mlcontrol.gui.viewmodels.status_facts import poll_interval_s
from mlcontrol.gui.widgets.action_bar import ActionBar
from mlcontrol.gui.widgets.button import DANGER, KeyButton
from mlcontrol.gui.widgets.card import Card, EmptyState

STRIPS = ("presence", "errors", "queries", "latency", "quality")
BEFORE_S = 600.0
ASK_EVERY_MS = 1000
LETTERS = {keys.ERRORS: "E", keys.QUALITY: "Q", keys.LATENCY: "L", keys.OTHER: "O"}


class IncidentPage(Page):
    name: ClassVar[str] = "incident"
    title = "Incident"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.brief: Brief | None = None
        self.incident_id = ""
        self.store = SeriesStore("")
        self._alert = ""
        self._asked = ""
        self._history_of: tuple[str, float] = ("", 0.0)
        self._sent = False
        self._found: tuple[Incident, ...] = ()
        self.head = IncidentHead()
        self.charts = ChartStack()
        self.charts.readout = False
        self.log = IncidentLog()
        self.suspects = SuspectCard()
        self.way_back = WayBackCard()
        self.by_hand = Card("By hand", "when the panel cannot act")
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
        self.log.written.connect(self._write)
        self.log.left.connect(self.setFocus)
        self.way_back.confirmed.connect(self._execute)
        self.way_back.given_up.connect(self.setFocus)
        self.suspects.rows.picked.connect(self._on_suspect)
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
        right.addWidget(self.way_back)
        right.addWidget(self.by_hand)
        right.addStretch(1)
        self.suspects.commands_into(self.by_hand)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(side)
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
        shown = (keys.DECLARE, keys.TAKE_OVER, keys.HAND_OVER, keys.SILENCE, keys.MESSAGE, keys.POSTMORTEM, keys.CLOSE)
        made = {action: KeyButton(action.text, action.cap) for action in shown}
        made[keys.BACK] = KeyButton(keys.BACK.text, keys.BACK.cap, DANGER)
        return made

    @property
    def ready(self) -> bool:
        return self.brief is not None

    @property
    def subtitle(self) -> str:
        return head(self.brief, self._me(), time.time(), "").subtitle if self.brief is not None else ""

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        acts: dict[Action, Callable[[], None]] = {
            keys.BACK: self._roll_back,
            keys.DECLARE: self._declare,
            keys.NOTE: partial(self.log.ask, EntryKind.NOTE),
            keys.DECISION: partial(self._letter, "D"),
            keys.HYPOTHESIS: partial(self.log.ask, EntryKind.HYPOTHESIS),
            keys.TO_DO: partial(self.log.ask, EntryKind.ACTION_ITEM),
            keys.TAKE_OVER: partial(self._write, EntryKind.TOOK_OVER, ""),
            keys.HAND_OVER: partial(self.log.ask, EntryKind.HANDED_OVER),
            keys.SILENCE: self._silence,
            keys.LIFT: self._lift,
            keys.MESSAGE: partial(self._copy, "update"),
            keys.HANDOFF: partial(self._copy, "handoff"),
            keys.COMMANDS: partial(self._copy, "commands"),
            keys.CLOSE: self._close_incident,
            keys.REOPEN: partial(self._write, EntryKind.REOPENED, ""),
            keys.POSTMORTEM: self._postmortem,
            keys.PREVENT: self._prevent,
            keys.NEXT: partial(self._walk, 1),
            keys.PREVIOUS: partial(self._walk, -1),
            keys.LEAVE: self._leave,
        }
        acts |= {action: partial(self._letter, letter) for action, letter in LETTERS.items()}
        acts |= {action: partial(self.suspects.rows.pick, i) for i, action in enumerate(keys.SUSPECTS)}
        return tuple(Bound(action, act) for action, act in acts.items())

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        bridge.samples_arrived.connect(self._on_samples)
        bridge.engine_state_changed.connect(lambda _engine: self._ask())
        bound = {one.action: one.act for one in self.actions()}
        for action, button in self._buttons.items():
            button.clicked.connect(partial(_called, bound[action]))

    def show_for(self, service_id: str | None, **context: Any) -> None:
        """``incident``: that one. ``alert``: what a page or an alert said; it is only pre-filled."""
        before = self.service_id
        super().show_for(service_id or self._worst(), **context)
        self._alert = str(context.get("alert", "") or "")
        asked = str(context.get("incident", "") or "")
        if asked != self.incident_id or self.service_id != before:
            self.incident_id, self.brief = asked, None
            self.way_back.set_stage("idle")
        if self.service_id != self.store.service:
            self.store = SeriesStore(self.service_id or "")
        self._find()
        self._ask()
        self._draw()

    def refresh(self, changes: Changes) -> None:
        if self.service_id is None:
            self.service_id = self._worst()
        if changes.operations or self.service_id in changes.services:
            self._ask()
        self._draw()

    # Asking.

    def _on_second(self) -> None:
        if self.isVisible():
            self._ask()
            self.charts.advance(time.time())
            self._draw()

    def _ask(self) -> None:
        """One question at a time: the next goes out when the last is answered."""
        bridge = self.bridge
        if bridge is None or not bridge.connected or self._asked or (not self.incident_id and not self.service_id):
            return
        self._asked = request = bridge.request_id()
        service = self.service_id or ""
        bridge.ask(m.QueryIncident(request=request, incident=self.incident_id, service=service), self._on_brief)
        if self._history_of != (service, 0.0) and time.time() - self._history_of[1] > 3600:
            self._history_of = (service, time.time())
            now = time.time()
            bridge.ask(
                m.QueryHistory(
                    request=bridge.request_id(),
                    service=service,
                    metrics=METRICS,
                    since_s=now - 7200,
                    until_s=now,
                    points=4000,
                ),
                self._on_history,
            )

    def _on_brief(self, answer: Any) -> None:
        self._asked = ""
        if not isinstance(answer, m.BriefAnswer):
            return
        brief = answer.brief
        if brief.incident.service != self.service_id and not self.incident_id:
            return  # asked before another service was chosen
        self.incident_id = brief.incident.id
        if self.service_id != brief.incident.service:
            self.service_id = brief.incident.service
            self.store = SeriesStore(self.service_id)
            self._history_of = ("", 0.0)
        self.brief = brief
        if brief.operation and self.way_back.stage == "idle" and not brief.proven and not brief.incident.mitigated_s:
            self.way_back.show_running()
        self._draw()
        self.heading_changed.emit()

    def _on_history(self, answer: Any) -> None:
        if isinstance(answer, m.HistoryAnswer) and answer.service == self.store.service:
            self.store.take_history(answer.series)
            self._draw()

    def _on_samples(self, samples: tuple[Sample, ...]) -> None:
        self.store.take_samples(samples)

    def _find(self) -> None:
        if self.bridge is not None and self.bridge.connected:
            self.bridge.ask(m.FindIncidents(request=self.bridge.request_id()), self._on_found)

    def _on_found(self, answer: Any) -> None:
        if isinstance(answer, m.IncidentsAnswer):
            self._found = answer.incidents

    # Acting.

    def _declare(self, then: Callable[[], None] | None = None) -> None:
        if self.bridge is None or self.service_id is None:
            return

        def on_answer(event: Any) -> None:
            if isinstance(event, m.IncidentAnswer):
                self.incident_id = event.incident.id
                self._find()
                self._ask()
                if then is not None:
                    then()
            elif self.shell is not None:
                self.shell.problem(event.problem)

        command = m.DeclareIncident(
            request=self.bridge.request_id(), service=self.service_id, actor=self._me(), alert=self._alert
        )
        self.bridge.ask(command, on_answer)

    def _write(self, kind: EntryKind, text: str, data: dict[str, str] | None = None) -> None:
        if self.bridge is None:
            return
        if not self.incident_id:
            self._declare(partial(self._write, kind, text, data))
            return
        facts = dict(data or {})
        if kind is EntryKind.HANDED_OVER:
            facts["to"], _, text = text.partition(" ")
        if kind is EntryKind.SILENCED:
            facts["until_s"] = repr(time.time() + 1800)

        def on_answer(event: Any) -> None:
            if isinstance(event, m.Refused) and self.shell is not None:
                self.shell.problem(event.problem)
            self._ask()

        command = m.WriteIncident(
            request=self.bridge.request_id(),
            incident=self.incident_id,
            kind=kind,
            actor=self._me(),
            text=text,
            data=facts,
        )
        self.bridge.ask(command, on_answer)
        self.setFocus()

    def _roll_back(self) -> None:
        """Declares the incident if nobody has, then plans the express way back."""
        if self.bridge is None or self.service_id is None or self.way_back.stage in ("reason", "confirm"):
            return
        if self.brief is not None and not self.brief.incident.open:
            return
        self.way_back.show_planning()
        if not self.incident_id:
            self._declare(self._plan)
        else:
            self._plan()

    def _plan(self) -> None:
        assert self.bridge is not None
        assert self.service_id is not None

        def on_answer(event: Any) -> None:
            if self.way_back.stage != "planning":
                return  # left with Esc meanwhile
            if isinstance(event, m.PlanAnswer):
                self._hash = event.plan_hash
                self.way_back.show_plan(event.plan, self._guarded())
            elif isinstance(event, m.Refused):
                self.way_back.show_problem(event.problem)

        command = m.MakePlan(
            request=self.bridge.request_id(), kind=OperationKind.ROLLBACK, service=self.service_id, express=True
        )
        self.bridge.ask(command, on_answer)

    def _execute(self, reason: str) -> None:
        plan = self.way_back.plan
        if self.bridge is None or plan is None:
            return

        def on_answer(event: Any) -> None:
            if isinstance(event, m.Refused):
                self.way_back.set_stage("idle")
                self.way_back.show_problem(event.problem)
            self._ask()

        self.bridge.ask(
            m.Execute(
                request=self.bridge.request_id(),
                operation=f"op-{uuid.uuid4().hex[:12]}",
                plan_hash=self._hash,
                reason=reason,
                actor=self._me(),
                accept_unknown=bool(plan.unknown),
            ),
            on_answer,
        )
        self.setFocus()

    def _letter(self, letter: str) -> None:
        if not self.way_back.take_letter(letter) and letter == "D":
            self.log.ask(EntryKind.DECISION)

    def _leave(self) -> None:
        if not self.way_back.step_back():
            self.setFocus()

    def _on_suspect(self, index: int) -> None:
        line = self.suspects.rows.lines[index]
        self.suspects.show_card(line, self.service())
        if self.incident_id and line.event and self.brief is not None and self.brief.incident.suspect != line.event:
            self._write(EntryKind.SUSPECT, f"looks at: {line.title}", {"event": line.event})
        self.suspects.rows.setFocus()

    def _silence(self) -> None:
        self.log.ask(EntryKind.SILENCED, self._alert or (self.brief.incident.alert if self.brief is not None else ""))

    def _lift(self) -> None:
        silenced = self.brief.silences[-1] if self.brief is not None and self.brief.silences else ""
        self.log.ask(EntryKind.SILENCE_LIFTED, silenced)

    def _close_incident(self) -> None:
        reason = close_refusal(self.brief) if self.brief is not None else "nothing is open"
        if reason:
            if self.shell is not None:
                self.shell.toast(f"Not resolved: {reason}", "warning")
            return
        assert self.brief is not None
        self.log.ask(EntryKind.RESOLVED, self.brief.story.what)

    def _prevent(self) -> None:
        if self.brief is None:
            return
        todo = next((p for p in self.brief.prevention if not p.added), None)
        if todo is None:
            if self.shell is not None:
                self.shell.toast("Nothing more is proposed", "ok")
            return
        self._write(EntryKind.PREVENTION, f"{todo.title}. {todo.backtest}", {"id": todo.id, "kind": todo.kind})

    def _copy(self, what: str) -> None:
        if self.brief is None:
            return
        text = {
            "update": self.brief.update,
            "handoff": self.brief.handoff,
            "commands": "\n".join(f"# {one.title}\n{one.shell}" for one in self.brief.by_hand),
        }[what]
        QGuiApplication.clipboard().setText(text)
        if self.shell is not None:
            self.shell.toast(f"The {what} is on the clipboard" if text else "There is nothing to copy", "done")

    def _postmortem(self) -> None:
        if self.bridge is None or not self.incident_id:
            return

        def on_answer(event: Any) -> None:
            if self.shell is None:
                return
            if isinstance(event, m.PostmortemAnswer):
                folder = Path(self.bridge.workspace).parent / "postmortems"  # type: ignore[union-attr]
                exported(self, folder, event, self.shell)
            else:
                self.shell.problem(event.problem)

        self.bridge.ask(m.MakePostmortem(request=self.bridge.request_id(), incident=self.incident_id), on_answer)

    def _walk(self, steps: int) -> None:
        """Through all incidents, newest first; also the resolved ones."""
        if not self._found:
            return
        ids = [one.id for one in self._found]
        at = ids.index(self.incident_id) + steps if self.incident_id in ids else 0
        chosen = self._found[at % len(ids)]
        if self.shell is not None:
            self.shell.open_page("incident", service=chosen.service, incident=chosen.id)

    # Drawing.

    def _draw(self) -> None:
        bridge = self.bridge
        if bridge is None or bridge.state is None:
            return
        service = self.service()
        if self.brief is None and service is None:
            self._stack.setCurrentIndex(1)
            self._restate()
            return
        self._stack.setCurrentIndex(0)
        now_s = time.time()
        if self.brief is not None:
            environment = self.brief.incident.environment or bridge.state.settings.environment
            title = head(self.brief, self._me(), now_s, environment)
            self.head.show_head(title, data_age(self.brief, bridge.cached_s, now_s))
            if self.title != title.title:
                self.title = title.title
                self.heading_changed.emit()
            self.log.show_brief(self.brief)
            self.suspects.show_brief(self.brief)
            self.way_back.show_brief(self.brief, service)
            self._show_by_hand(self.brief)
        self._draw_charts()
        self._restate()

    def _draw_charts(self) -> None:
        bridge, service_id = self.bridge, self.service_id
        if bridge is None or bridge.state is None or service_id is None:
            return
        span = self.charts.span
        settings = bridge.state.settings.services.get(service_id)
        objectives = settings.objectives if settings is not None else {}
        rows = chart_rows(self.store, span.since_s, span.until_s, poll_interval_s(bridge.state), objectives)
        events = [e for e in bridge.state.events if e.service in (None, service_id)]
        chosen = {row.id: row for row in rows}
        self.charts.set_rows([chosen[name] for name in STRIPS if name in chosen], events)

    def _show_by_hand(self, brief: Brief) -> None:
        """Shown when the control plane is out of reach: the engine, the router, the registry or the way back itself."""
        state = self.bridge.state if self.bridge is not None else None
        settings = state.settings.services.get(brief.incident.service) if state is not None else None
        wanted = (settings.routing, settings.registry, *settings.serving) if settings is not None else ()
        silent = state is not None and any(
            name in state.connections and state.connections[name].health in (Health.CRITICAL, Health.UNKNOWN)
            for name in wanted
            if name
        )
        failed = any(t.state.value == "red" and t.id == "accepted" for t in brief.ticks)
        lost = self.bridge is None or not self.bridge.connected
        self.by_hand.setVisible(bool(brief.by_hand) and (silent or failed or lost))

    def _restate(self) -> None:
        context = self.context()
        for action, button in self._buttons.items():
            button.set_reason(action.rule(context))
        brief = self.brief
        incident = brief.incident if brief is not None else None
        declared = incident is not None and bool(incident.id)
        mine = incident is not None and incident.holder == self._me()
        self._buttons[keys.DECLARE].setVisible(not declared)
        self._buttons[keys.TAKE_OVER].setVisible(declared and not mine and incident is not None and incident.open)
        for action in (keys.HAND_OVER, keys.SILENCE, keys.CLOSE):
            self._buttons[action].setVisible(declared and incident is not None and incident.open)
        self._buttons[keys.POSTMORTEM].setVisible(declared)
        if brief is not None and not self._buttons[keys.CLOSE].reason:
            self._buttons[keys.CLOSE].set_reason(close_refusal(brief))
        name = self.service_id or ""
        todo = sum(not p.added for p in brief.prevention) if brief is not None else 0
        hint = f"{todo} proposals would have caught it: V puts the next on the list" if todo and declared else ""
        if brief is not None and brief.alike:
            first = brief.alike[0]
            hint = f"looks like incident {first.number}: {first.outcome}"
        self.bar.say(name, hint)

    # Facts.

    def _worst(self) -> str | None:
        state = self.bridge.state if self.bridge is not None else None
        if state is None or not state.services:
            return self.service_id
        order = {Health.CRITICAL: 0, Health.UNKNOWN: 1, Health.WARNING: 2, Health.OK: 3}
        return min(state.services.values(), key=lambda s: order[s.health]).id

    def _me(self) -> str:
        return self.bridge.hello.user if self.bridge is not None and self.bridge.hello is not None else ""

    def _guarded(self) -> bool:
        service = self.service()
        return service is not None and (service.protected or service.environment.casefold() in ("production", "prod"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
            return
        super().keyPressEvent(event)


def _called(act: Callable[[], None], _checked: bool = False) -> None:
    act()

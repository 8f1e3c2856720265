"""The gate backtest beside the overview: a change of the past, the guards of a plan over it, and what they would have said."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.judge.backtest import GateBacktest
from mlcontrol.core.judge.backtest_words import alarm_words, ended_words, left_out_words, met_words
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.strategy import StrategyKind
from mlcontrol.core.types import TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import needs_engine
from mlcontrol.gui.pages.rollouts_overview import column_head, service_title
from mlcontrol.gui.pages.rollouts_side import SidePage
from mlcontrol.gui.viewmodels.past_changes import MOVES, PastChange, past_changes
from mlcontrol.gui.viewmodels.phrases import age_text, count_text, moment_text, version_text, visible_text
from mlcontrol.gui.viewmodels.plan_sheet import strategy_name
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

WITH_GUARDS = (StrategyKind.CANARY, StrategyKind.LINEAR, StrategyKind.BLUE_GREEN, StrategyKind.AB)
MOST_EVENTS = 500
_STATES = {"stopped": "critical", "held": "warning", "passed": "ok", "undecided": "unknown"}
_TITLES = {"stopped": "Stopped", "held": "Held", "passed": "Passed", "undecided": "Not decided"}


class RolloutsPast(QWidget):
    """``T`` opens it, Enter replays the chosen change, the digits choose the plan, Esc gives a running replay up, then closes."""

    def __init__(self, page: SidePage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self._service = self._events_of = self._incidents_of = self._running = ""
        self._events: tuple[TimelineEvent, ...] = ()
        self._incidents: tuple[Incident, ...] = ()
        self._changes: dict[str, PastChange] = {}
        self.strategy: StrategyKind | None = None  # None: the service's own plan
        self.changes, self.findings = RowList("Changes of the past"), RowList("What the guards would have said")
        self.changes.chosen.connect(lambda _chosen: self.run())
        self.go, self.stop = KeyButton("Replay", "Enter"), KeyButton("Stop", "Esc")
        self.go.clicked.connect(lambda _checked=False: self.run())
        self.stop.clicked.connect(lambda _checked=False: self.give_up())
        self._note, self._plan_note = PlainLabel("", "small", "quiet"), PlainLabel("", "small", "quiet")
        self._none = EmptyState("No change of version is on record", "")
        self._ways: dict[StrategyKind, KeyButton] = {}
        ways = QHBoxLayout()
        ways.setContentsMargins(16, 8, 16, 8)
        ways.setSpacing(8)
        for i, kind in enumerate(StrategyKind, start=1):
            if kind in WITH_GUARDS:
                way = KeyButton(strategy_name(kind), str(i))
                way.clicked.connect(partial(self._on_way, kind))
                self._ways[kind] = way
                ways.addWidget(way)
        ways.addStretch(1)
        for button in (self.stop, self.go):
            ways.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(column_head("Gate backtest", self._note))
        column.addWidget(self.changes, 2)
        column.addWidget(self._none, 2)
        column.addLayout(ways)
        column.addWidget(column_head("What the guards would have said", self._plan_note))
        column.addWidget(self.findings, 3)

    def begin(self) -> None:
        """Open it for the page's service and ask what is on record."""
        page = self._page
        if page.bridge is None or page.service_id is None:
            return
        if page.service_id != self._service:
            self.give_up()
            self._service, self._events, self._incidents, self.strategy = page.service_id, (), (), None
            self._show([Row("how", "Choose a change and press Enter", "", (_HOW,))])
        self._events_of, self._incidents_of = page.bridge.request_id(), page.bridge.request_id()
        page.bridge.ask(
            m.QueryTimeline(request=self._events_of, service=self._service, kinds=MOVES, limit=MOST_EVENTS),
            self._on_events,
        )
        page.bridge.ask(m.FindIncidents(request=self._incidents_of), self._on_incidents)
        page.show_side(self)
        self.draw()
        self.changes.setFocus()

    def _on_events(self, event: Any) -> None:
        if event.request == self._events_of and isinstance(event, m.TimelineAnswer):
            self._events = event.events
            self.draw()

    def _on_incidents(self, event: Any) -> None:
        if event.request == self._incidents_of and isinstance(event, m.IncidentsAnswer):
            self._incidents = tuple(event.incidents)
            self.draw()

    def draw(self) -> None:
        state = self._page.context().state
        found = past_changes(self._events, self._incidents, self._service)
        self._changes = {change.id: change for change in found}
        known = self.changes.current_id()
        self.changes.set_rows(change_rows(found, time.time()), select=known or (found[0].id if found else None))
        self.changes.setVisible(bool(found))
        self._none.setVisible(not found)
        led = sum(bool(change.incident) for change in found)
        known_as = self._service if state is None else service_title(state, self._service)
        self._note.setText(f"{known_as} · {count_text(len(found), 'change')}, {led} before an incident")
        plan = self._settings()
        own = plan is not None and plan.strategy == self._kind().value
        self._plan_note.setText(
            "the service's own plan" if own else f"as {strategy_name(self._kind())}, not its own plan"
        )
        for kind, way in self._ways.items():
            way.set_reason("chosen" if kind is self._kind() else "")
        refusal = needs_engine(self._page.context()) or ("" if found else "no change is on record")
        self.go.set_reason("it runs" if self._running else refusal)
        self.stop.setVisible(bool(self._running))

    def choose(self, kind: StrategyKind) -> None:
        """Replay with this strategy from now on; those without a judged stage have no guard to replay."""
        if kind in WITH_GUARDS:
            self.strategy = kind
            self.draw()

    def _on_way(self, kind: StrategyKind, _checked: bool = False) -> None:
        self.choose(kind)

    def run(self) -> None:
        """Replay the chosen change; a progress line stands where the findings will."""
        page, change = self._page, self._changes.get(self.changes.current_id() or "")
        if page.bridge is None or change is None or self.go.reason:
            return
        self._running = request = page.bridge.request_id()
        what = f"v{change.version_from} to v{change.version_to}"

        def on_answer(event: Any) -> None:
            if request != self._running:
                return  # it was given up
            self._running = ""
            if isinstance(event, m.GateBacktestAnswer):
                self._show(finding_rows(event.backtest))
            elif isinstance(event, m.Refused):
                self._show_problem(event.problem)
            self.draw()

        def on_progress(event: Any) -> None:
            if request == self._running:
                share = f" · {event.fraction:.0%}" if event.fraction is not None else ""
                self._show([Row("runs", f"Replaying {what}", "running", ((event.text + share, "secondary"),))])

        self._show([Row("runs", f"Replaying {what}", "running", (("asking the engine", "secondary"),))])
        command = m.BacktestGate(request=request, service=self._service, at_s=change.at_s, rollout=self._rollout())
        page.bridge.ask(command, on_answer, on_progress)
        self.draw()

    def give_up(self) -> bool:
        """End the replay that runs; whether one ran."""
        page, running = self._page, self._running
        if not running or page.bridge is None:
            return False
        self._running = ""
        page.bridge.ask(m.StopBacktest(request=page.bridge.request_id(), of=running), lambda _event: None)
        self._show([Row("stopped", "The replay was stopped", "", (_HOW,))])
        self.draw()
        return True

    def _kind(self) -> StrategyKind:
        own = self._settings()
        kind = StrategyKind(own.strategy) if own is not None and own.strategy else StrategyKind.CANARY
        return self.strategy or (kind if kind in WITH_GUARDS else StrategyKind.CANARY)

    def _rollout(self) -> RolloutSettings:
        own = self._settings() or RolloutSettings()
        kind = self._kind().value
        return own if own.strategy == kind else RolloutSettings(kind, error_tolerance=own.error_tolerance)

    def _settings(self) -> RolloutSettings | None:
        state = self._page.context().state
        service = state.settings.services.get(self._service) if state is not None else None
        return service.rollout if service is not None else None

    def _show(self, rows: list[Row]) -> None:
        self.findings.set_rows(rows)

    def _show_problem(self, problem: Problem) -> None:
        lines = tuple((visible_text(line, 400), "secondary") for line in (problem.why, problem.next) if line)
        self._show([Row("problem", visible_text(problem.what, 300), "unknown", lines)])


_HOW = (
    "The guards of a plan look at what was logged then, as if it had been a rollout; nothing is changed",
    "secondary",
)


def change_rows(changes: Sequence[PastChange], now_s: float) -> list[Row]:
    return [
        Row(
            c.id,
            f"{version_text(c.version_from)} to {version_text(c.version_to)}",
            "critical" if c.incident else "",
            ((visible_text(c.incident or c.title, 200), "secondary"), (moment_text(c.at_s), "quiet")),
            right=age_text(c.at_s, now_s),
        )
        for c in changes
    ]


def finding_rows(found: GateBacktest) -> list[Row]:
    """How it would have ended first; then whom it would have met, the price in false alarms, and what was not replayed."""
    calm = found.calm
    price = "unknown" if calm is None else "ok" if calm.stopped == 0 else "warning"
    rows = [
        Row("ended", _TITLES[found.replayed.ended], _STATES[found.replayed.ended], (_line(ended_words(found)),)),
        Row("met", "Whom it would have met", "", (_line(met_words(found)),)),
        Row("alarms", "False alarms", price, (_line(alarm_words(calm)),)),
    ]
    if found.left_out:
        rows.append(Row("left-out", "Not replayed", "unknown", (_line(left_out_words(found)),)))
    if found.notes:
        rows.append(Row("notes", "Taken for granted", "", tuple(_line(note) for note in found.notes)))
    return rows


def _line(words: str) -> tuple[str, str]:
    return visible_text(words[:1].upper() + words[1:], 600), "secondary"

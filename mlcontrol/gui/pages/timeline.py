"""The timeline: what changed or was noticed, on which lane, and what served at a moment."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.core.state import Changes
from mlcontrol.core.types import TimelineEvent
from mlcontrol.core.world import observed_from
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Action, Bound
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.charts.lanes import LanesChart
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.pages.timeline_add import AddChange
from mlcontrol.gui.pages.timeline_charts import SpanCharts
from mlcontrol.gui.pages.timeline_export import ask_for_file, write_events
from mlcontrol.gui.pages.timeline_head import TimelineHead
from mlcontrol.gui.pages.timeline_rows import count_words, event_row
from mlcontrol.gui.pages.timeline_side import TimelineSide
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.phrases import count_text, duration_text, moment_text
from mlcontrol.gui.viewmodels.timeline_known import bounded, questions
from mlcontrol.gui.viewmodels.timeline_lanes import Filter, lanes, matches
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import RowList
from mlcontrol.gui.widgets.scrolled import scrolled

SPANS_S = (900.0, 3600.0, 6 * 3600.0, 86_400.0, 7 * 86_400.0)


class TimelinePage(Page):
    """Recent events come with the state; older ones are asked for when the view reaches them."""

    name: ClassVar[str] = "timeline"
    title = "Timeline"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.events: dict[str, TimelineEvent] = {}
        self.picked: str | None = None
        self.follows = True
        self.only_service = False
        self.marks: tuple[str, ...] = ()  # at most two events that are compared
        self.brush: tuple[float, float, str] | None = None  # since, until, service
        self.charts = SpanCharts()
        self.form = AddChange()
        self._problem: Problem | None = None
        self._answered = False
        self.chart = LanesChart()
        self.list = RowList("Events, newest first")
        self.head = TimelineHead()
        self.chips, self.text = self.head.chips, self.head.text
        self.side = TimelineSide()
        self._count = PlainLabel("", "small", "quiet")
        self._empty = EmptyState(
            "Nothing has happened yet", "Deploys, alias moves, restarts and alerts show here by themselves."
        )
        self._ask_soon = QTimer(self)
        self._ask_soon.setSingleShot(True)
        self._ask_soon.setInterval(250)
        self._ask_soon.timeout.connect(self._query)
        self._second = QTimer(self)
        self._second.setInterval(1000)
        self._behind = False  # services have changed since it was drawn
        self._second.timeout.connect(self._on_second)
        self._build()
        self.setFocusProxy(self.list)

    def _build(self) -> None:
        self._scroll = scrolled(self.chart)
        events = QWidget()
        below = QVBoxLayout(events)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(0)
        below.addWidget(column_head("Events", self._count, self.form.open))
        below.addWidget(self.list, 1)
        main = QWidget()
        left = QVBoxLayout(main)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(self._scroll)
        self._below = QStackedLayout()
        left.addLayout(self._below, 1)  # first: a stack without a window shows its first widget as one
        self._below.addWidget(events)
        self._below.addWidget(self.charts)
        self._below.addWidget(self.form)
        content = QWidget()
        columns = QHBoxLayout(content)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(1)
        columns.addWidget(main, 1)
        columns.addWidget(self.side)
        self._stack = QStackedLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addLayout(self._stack, 1)
        self._stack.addWidget(content)
        self._stack.addWidget(self._empty)
        self.chart.picked.connect(self.pick)
        self.chart.span_changed.connect(self._on_span_changed)
        self.chart.moment_picked.connect(self._show_world)
        self.chart.brushed.connect(self.brush_span)
        self.charts.stack.event_picked.connect(self.pick)
        self.list.moved.connect(self.pick)
        self.list.chosen.connect(self._open_picked)
        self.chips.changed.connect(self._search)
        self.text.textChanged.connect(lambda _text: self._search())
        self.text.returnPressed.connect(self.list.setFocus)
        self.head.span.clicked.connect(self._next_span)
        self.head.scope.clicked.connect(self._toggle_scope)
        self.head.export.clicked.connect(self._export)
        self.form.open.clicked.connect(self._write)
        self.form.recorded.connect(lambda _name: self._leave_form())
        self.form.recorded.connect(self.pick)

    # --- page contract ---

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        bridge.engine_state_changed.connect(lambda _engine: self._ask_soon.start())
        now_s = time.time()
        self.chart.since_s, self.chart.until_s = now_s - SPANS_S[1], now_s
        self._second.start()
        self._query()

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        def bound(name: str, text: str, keys: str, hint: str, act: Any) -> Bound:
            return Bound(Action(f"timeline.{name}", text, keys, hint, self.name), act)

        return (
            bound("filter", "Filter events", "/", "By words, service, version or person", self.head.focus_text),
            bound("in", "Shorter span", "]", "Half the time, around the middle", lambda: self.chart.zoom(0.5)),
            bound("out", "Longer span", "[", "Twice the time, around the middle", lambda: self.chart.zoom(2.0)),
            bound("now", "Follow now", "N", "The next span length that ends now", self._next_span),
            bound("scope", "This service or all", "O", "Only the lane of the chosen service", self._toggle_scope),
            bound(
                "add",
                "Add a change",
                "A",
                "Of the data, the settings, or a note: what nobody here can see",
                self._write,
            ),
            bound("export", "Export", "E", "What is shown, as JSON or CSV", self._export),
            bound("open", "Open the service", "S", "Its charts around this event", self._open_picked),
            bound("mark", "Compare this event", "Space", "A second mark shows what differs between", self._mark),
            bound("brush", "Charts of this time", "B", "Between both marks, or around this event", self._brush_here),
            bound("clear", "Clear", "Esc", "Form, marks and brush first, then kinds and words", self._clear),
        )

    @property
    def subtitle(self) -> str:
        span = duration_text(self.chart.until_s - self.chart.since_s)
        scope = self._title(self.service_id) if self.only_service else "every service"
        return f"{scope}, {span}{' up to now' if self.follows else ''}"

    def show_for(self, service_id: str | None, **context: Any) -> None:
        """``event`` picks one; ``at_s`` shows its surroundings."""
        super().show_for(service_id, **context)
        at_s = context.get("at_s")
        if isinstance(at_s, int | float):
            self.follows = False
            self._set_span(float(at_s) - SPANS_S[0] / 2, float(at_s) + SPANS_S[0] / 2)
        if isinstance(context.get("event"), str):
            self.pick(context["event"])

    def refresh(self, changes: Changes) -> None:
        state = self.bridge.state if self.bridge is not None else None
        if state is None:
            return
        # Which version serves changes seldom, the services' facts with each poll: the next second draws them.
        self._behind |= bool(changes.services)
        if changes.events or changes.settings:
            self._take(state.events)
            self._draw()

    # --- data ---

    def _take(self, events: tuple[TimelineEvent, ...]) -> None:
        self.events.update((event.id, event) for event in events)
        self.events = bounded(self.events)

    def _query(self) -> None:
        if self.bridge is None or not self.bridge.connected:
            return

        def on_answer(event: Any) -> None:
            if isinstance(event, m.TimelineAnswer):
                self._problem, self._answered = None, True
                self._take(event.events)
            elif isinstance(event, m.Refused):
                self._problem = event.problem
            self._draw()

        span = None if not self._answered else (self.chart.since_s, self.chart.until_s)
        for question in questions(self._filter(), span, self.bridge.request_id):
            self.bridge.ask(question, on_answer)

    def _search(self) -> None:
        """What is known at once; what else the engine has soon after."""
        self._draw()
        self._ask_soon.start()

    # --- drawing ---

    def _filter(self) -> Filter:
        return Filter(self.chips.chosen, self.service_id if self.only_service else None, self.text.text())

    def _draw(self) -> None:
        state = self.bridge.state if self.bridge is not None else None
        if state is None:
            return
        self._behind = False
        if self.follows and self.isVisible():
            span = self.chart.until_s - self.chart.since_s
            self.chart.until_s = time.time()
            self.chart.since_s = self.chart.until_s - span
        wanted, since_s, until_s = self._filter(), self.chart.since_s, self.chart.until_s
        titles = {s.id: s.title or s.id for s in state.settings.services.values()}
        titles.update((s.id, s.title or s.id) for s in state.services.values())
        used = {s.id: s.used.single for s in state.services.values()}
        everything = tuple(self.events.values())
        drawn = lanes(everything, titles, wanted, since_s, until_s, used)
        self.chart.set_lanes(drawn, since_s, until_s)
        room = max(theme.px(120), self.height() // 2)
        self._scroll.setFixedHeight(min(room, self.chart.sizeHint().height() + 2))
        shown = sorted((e for e in everything if matches(e, wanted)), key=lambda e: (-e.at_s, e.id))
        self.list.set_rows([event_row(event, self._title(event.service)) for event in shown[:500]])
        self._count.setText(count_words(len(shown), len(everything)))
        self._stack.setCurrentIndex(1 if not everything else 0)
        if not everything and self._problem is not None:
            self._empty.say(self._problem.what, f"{self._problem.why} {self._problem.next}".strip(), state="unknown")
        self.head.span.set_label(duration_text(until_s - since_s) + (" to now" if self.follows else ""))
        self.head.scope.set_label(self._title(self.service_id) if self.only_service else "All services")
        self._show_details()
        self.heading_changed.emit()

    def pick(self, event_id: str) -> None:
        self.picked = event_id
        self.chart.pick(event_id)
        if self.list.current_id() != event_id and any(row.id == event_id for row in self.list.rows):
            self.list.set_rows(self.list.rows, select=event_id)
            self.list.scrollTo(self.list.currentIndex())
        self._show_details()

    def _show_details(self) -> None:
        state = self.bridge.state if self.bridge is not None else None
        event = self.events.get(self.picked or "")
        marked = [self.events[i] for i in self.marks if i in self.events]
        if len(marked) == 2 and state is not None:
            self.side.show_pair(marked[0], marked[1], tuple(self.events.values()), state.services)
            self._show_world(max(e.at_s for e in marked))
        elif event is None:
            self.side.show_nothing()
            self._show_world(self.chart.moment_s if self.chart.moment_s is not None else time.time())
        else:
            self.side.show_event(event, self._title(event.service))
            self._show_world(event.at_s)

    def _show_world(self, at_s: float) -> None:
        state = self.bridge.state if self.bridge is not None else None
        if state is None:
            return
        events = tuple(self.events.values())
        if self.brush is not None:
            since_s, until_s, brushed = self.brush
            self.side.show_span(events, since_s, until_s, brushed, self._title(brushed))
        else:
            self.side.show_world(events, at_s, state.services, observed_from(events))

    # --- acting ---

    def _set_span(self, since_s: float, until_s: float) -> None:
        self.chart.since_s, self.chart.until_s = since_s, until_s
        self._search()

    def _on_span_changed(self, _since_s: float, until_s: float) -> None:
        self.follows = until_s >= time.time() - 1
        self._search()

    def _next_span(self) -> None:
        span = self.chart.until_s - self.chart.since_s
        wanted = next((s for s in SPANS_S if s > span + 1), SPANS_S[0]) if self.follows else span
        self.follows = True
        self._set_span(time.time() - wanted, time.time())

    def _toggle_scope(self) -> None:
        event = self.events.get(self.picked or "")
        if event is not None and event.service:
            self.service_id = event.service
        self.only_service = not self.only_service and self.service_id is not None
        self._draw()

    def brush_span(self, since_s: float, until_s: float, service: str) -> None:
        """Show the charts of a span in place of the list; without a service, of the lane that changed in it last."""
        bridge = self.bridge
        if bridge is None or bridge.state is None or until_s - since_s < 1.0:
            return
        inside = sorted((e for e in self.events.values() if since_s <= e.at_s <= until_s), key=lambda e: e.at_s)
        service = (
            service
            or next((e.service for e in reversed(inside) if e.service), "")
            or next(iter(bridge.state.services), "")
        )
        self.brush = since_s, until_s, service
        self.chart.set_brush((since_s, until_s))
        words = f"{self._title(service)}   {moment_text(since_s)} to {moment_text(until_s)[11:]}   charts of the brushed span"
        self.charts.show_span(bridge, service, words, since_s, until_s, inside)
        self._below.setCurrentIndex(1)
        self._show_details()

    def _brush_here(self) -> None:
        marked = [self.events[i] for i in self.marks if i in self.events]
        event = self.events.get(self.picked or "")
        if len(marked) == 2:
            first, last = sorted(e.at_s for e in marked)
            margin = max(60.0, (last - first) / 4)
            self.brush_span(first - margin, last + margin, next((e.service for e in marked if e.service), ""))
        elif event is not None:
            self.brush_span(event.at_s - 600.0, event.at_s + 600.0, event.service or "")
        elif self.shell is not None:
            self.shell.toast("Choose an event first, or drag over a lane with Shift held", "warning")

    def _mark(self) -> None:
        if self.picked is None:
            return
        if self.picked in self.marks:
            self.marks = tuple(i for i in self.marks if i != self.picked)
        else:
            self.marks = (*self.marks[-1:], self.picked)
        self.chart.set_marks(self.marks)
        self._show_details()

    def _write(self) -> None:
        """Record a change, in place of the list."""
        self._below.setCurrentWidget(self.form)
        event = self.events.get(self.picked or "")
        self.form.begin(self, event.service if event is not None else None)

    def _leave_form(self) -> None:
        self._below.setCurrentIndex(0 if self.brush is None else 1)
        self.list.setFocus()

    def _clear(self) -> None:
        if self._below.currentWidget() is self.form:
            self._leave_form()
            return
        if self.brush is not None or self.marks:
            self.brush, self.marks = None, ()
            self.chart.set_brush(None)
            self.chart.set_marks(())
            self._below.setCurrentIndex(0)
            self._show_details()
            return
        self.text.clear()
        self.chips.clear()
        self.list.setFocus()

    def _open_picked(self, _id: str = "") -> None:
        event = self.events.get(self.picked or "")
        if event is None or self.shell is None:
            return
        if event.operation and self.bridge and self.bridge.state and event.operation in self.bridge.state.operations:
            self.shell.open_page("rollouts", event.service, operation=event.operation)
        elif event.service:
            self.shell.open_page("service", event.service, at_s=event.at_s)

    def _export(self) -> None:
        ask_for_file(self, self.export_to)

    def export_to(self, path: Path) -> None:
        """CSV by the file's ending, else JSON; what the filter shows, oldest first."""
        wanted = self._filter()
        shown = sorted((e for e in self.events.values() if matches(e, wanted)), key=lambda e: (e.at_s, e.id))
        problem = write_events(shown, path)
        if self.shell is not None and problem is not None:
            self.shell.problem(problem)
        elif self.shell is not None:
            self.shell.toast(f"{count_text(len(shown), 'event')} written to {path.name}", "done")

    def _on_second(self) -> None:
        if self.isVisible() and (self.follows or self._behind):
            self._draw()

    def _title(self, service_id: str | None) -> str:
        state = self.bridge.state if self.bridge is not None else None
        known = state.services.get(service_id) if state is not None and service_id else None
        return known.title or known.id if known is not None else service_id or "All services"

"""Service: everything about one service on one time axis, its generations and its versions below."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.state import Changes
from mlcontrol.core.types import Sample
from mlcontrol.engine import messages as m
from mlcontrol.gui import actions as a
from mlcontrol.gui.actions import Action, Bound
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.charts.scale import Span
from mlcontrol.gui.charts.stack import ChartStack, span_words
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.pages.page import Page, Shell
from mlcontrol.gui.pages.service_copies import (
    COPY_LINK,
    COPY_PICTURE,
    COPY_TABLE,
    COPY_WORDS,
    copy_link,
    copy_picture,
    copy_table,
    copy_words,
)
from mlcontrol.gui.pages.service_foot import CHART, VIEW, ServiceFoot
from mlcontrol.gui.pages.service_keys import CLOSER, COMPARE, FOLLOW, LARGE, LOG, NEXT, PAST, PREVIOUS, WIDER
from mlcontrol.gui.viewmodels.chart_rows import ChartRow
from mlcontrol.gui.viewmodels.comparison import Comparison, comparisons, with_past
from mlcontrol.gui.viewmodels.service_charts import METRICS, chart_rows, version_slots
from mlcontrol.gui.viewmodels.service_facts import service_facts
from mlcontrol.gui.viewmodels.signal_cells import Now
from mlcontrol.gui.viewmodels.status_facts import poll_interval_s
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.large_chart import LargeChart
from mlcontrol.gui.widgets.service_head import ServiceHead
from mlcontrol.gui.widgets.side_facts import SideFacts

REDRAW_MS = 250


class ServicePage(Page):
    name: ClassVar[str] = "service"
    title = "Service"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.store = SeriesStore("")
        self.past = SeriesStore("")
        self.compared: Comparison | None = None
        self.answered = 0  # history answers drawn, for who waits until the charts are filled
        self._history_of = ""
        self._asked: tuple[float, float] = (0.0, 0.0)
        self._live = False  # whether what was asked for went up to now
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.head = ServiceHead()
        self.charts = ChartStack()
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(1)
        self.side = SideFacts()
        upper = QWidget()
        beside = QHBoxLayout(upper)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        self.large = LargeChart()
        self._upper = QStackedWidget()
        self._upper.addWidget(self.charts)
        self._upper.addWidget(self.large)
        beside.addWidget(self._upper, 1)
        beside.addWidget(self.side)
        split.addWidget(upper)
        self.foot = ServiceFoot()
        self.versions = self.foot.versions
        split.addWidget(self.foot)
        split.setStretchFactor(0, 7)
        split.setStretchFactor(1, 2)
        split.setSizes([700, 200])
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self.head)
        inner.addWidget(split, 1)
        self._empty = EmptyState("Choose a service", "The fleet page lists them; J and K walk through them here.")
        self._stack = QStackedWidget()
        self._stack.addWidget(content)
        self._stack.addWidget(self._empty)
        self._content = content
        column.addWidget(self._stack)
        self.setFocusProxy(self.charts)
        self.charts.span_changed.connect(self._on_span)
        self.large.closed.connect(lambda: self._show_large(False))
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self._draw)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(300)
        self._later.timeout.connect(self._ask_if_needed)
        self.large.looked.connect(lambda *_: self._later.start())
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._on_second)
        self._clock.start()

    @property
    def ready(self) -> bool:
        return self.answered > 0 or self.nothing_watched

    @property
    def subtitle(self) -> str:
        service = self.service()
        if service is None:
            return ""
        parts = [
            service.kind.replace("-", " "),
            service.team,
            service.environment,
            f"span {span_words(self.charts.span)}",
        ]
        return " · ".join(part for part in parts if part)

    @property
    def _is_large(self) -> bool:
        return self._upper.currentWidget() is self.large

    @property
    def _shown_span(self) -> Span:
        """What the person looks at: of the stack, or of the one chart in its place."""
        return self.large.span if self._is_large else self.charts.span

    @property
    def _shown_rows(self) -> tuple[ChartRow, ...]:
        return (self.large.row,) if self._is_large and self.large.row is not None else self.charts.rows

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        acts: dict[Action, Callable[[], None]] = {
            a.ROLL_BACK: partial(self._plan, "rollback"),
            a.PROMOTE: partial(self._plan, "promote"),
            CLOSER: partial(self.charts.zoom, -1),
            WIDER: partial(self.charts.zoom, 1),
            FOLLOW: self.charts.follow,
            NEXT: partial(self._walk, 1),
            PREVIOUS: partial(self._walk, -1),
            COMPARE: self._compare,
            LOG: self._toggle_log,
            LARGE: lambda: self._show_large(not self._is_large),
            PAST: self._next_comparison,
            VIEW: self.foot.next_view,
            CHART: self.foot.next_chart,
            COPY_PICTURE: lambda: self._copied(copy_picture(self.large if self._is_large else self.charts)),
            COPY_TABLE: lambda: self._copied(copy_table(self._shown_rows, self._shown_span)),
            COPY_WORDS: lambda: self._copied(
                copy_words(self._shown_rows, self._shown_span, self.title, self.service_id or "")
            ),
            COPY_LINK: lambda: self._copied(copy_link(self._shown_span, self.service_id or "")),
        }
        return tuple(Bound(action, act) for action, act in acts.items())

    def attach(self, bridge: Bridge, shell: Shell) -> None:
        super().attach(bridge, shell)
        self.foot.attach(bridge)
        bridge.samples_arrived.connect(self._on_samples)
        bridge.engine_state_changed.connect(lambda _engine: self._on_engine())
        self.large.loading.start()
        self.head.roll_back.clicked.connect(partial(self._plan, "rollback"))
        self.head.promote.clicked.connect(partial(self._plan, "promote"))
        self.charts.event_picked.connect(
            lambda event: shell.open_page("timeline", service=self.service_id, event=event)
        )

    def show_for(self, service_id: str | None, **context: Any) -> None:
        before = self.service_id
        super().show_for(service_id, **context)
        state = self.bridge.state if self.bridge is not None else None
        if self.service_id is None and state is not None and state.services:
            self.service_id = next(iter(state.services))
        at_s = context.get("at_s")
        if isinstance(at_s, int | float):
            length = self.charts.span.until_s - self.charts.span.since_s
            self.charts.look_at(float(at_s) - length / 2, float(at_s) + length / 2)
        elif context.get("span") is not None:
            self.charts.look_at(*context["span"])
        if self.service_id != before:
            self.store = SeriesStore(self.service_id or "")
            self.compared = None
            self._asked = (0.0, 0.0)
        self._ask_if_needed()
        self._draw()

    def refresh(self, changes: Changes) -> None:
        if self.service_id is None:
            self.show_for(None)
        if changes.settings or changes.events or self.service_id in changes.services:
            self._draw()

    def _walk(self, steps: int) -> None:
        state = self.bridge.state if self.bridge is not None else None
        if state is None or not state.services:
            return
        ids = list(state.services)
        at = ids.index(self.service_id) if self.service_id in ids else 0
        if self.shell is not None:
            self.shell.open_page("service", service=ids[(at + steps) % len(ids)])

    def _plan(self, what: str) -> None:
        if self.shell is not None and self.service_id is not None:
            self.shell.open_page("rollouts", service=self.service_id, **{what: True})

    # Samples.

    def _on_engine(self) -> None:
        if self.bridge is not None and self.bridge.connected:
            self._asked = (0.0, 0.0)
            self._ask_if_needed()
            self.foot.ask()

    def _on_samples(self, samples: tuple[Sample, ...]) -> None:
        if self.store.take_samples(samples) and self.isVisible() and not self._redraw.isActive():
            self._redraw.start()

    def _on_span(self) -> None:
        self._later.start()
        self._redraw.start()
        self.heading_changed.emit()

    def _ask_if_needed(self) -> None:
        """History is asked for once per span; live samples extend it."""
        bridge, service_id = self.bridge, self.service_id
        if bridge is None or service_id is None or not bridge.connected:
            return
        span, now_s = self._shown_span, time.time()
        since_s, until_s = span.since_s - 60, min(span.until_s, now_s)
        had_since, had_until = self._asked
        length = span.until_s - span.since_s
        known_s = had_until + (120 if self._live else 0)
        if had_since <= since_s and until_s <= known_s and length > (had_until - had_since) / 8:
            return
        # Who looks back asks around what they see, as finely as it can be seen; towards now, live samples go on from there.
        end_s = now_s if until_s > now_s - length else until_s + length / 2
        self._asked, self._live = (since_s - length / 2, end_s), end_s == now_s
        command = m.QueryHistory(
            request=bridge.request_id(),
            service=service_id,
            metrics=METRICS,
            since_s=self._asked[0],
            until_s=self._asked[1],
            points=2000,
        )
        bridge.ask(command, self._on_history)
        self._ask_past()

    def _ask_past(self) -> None:
        by, bridge, service_id = self.compared, self.bridge, self.service_id
        if by is None or bridge is None or service_id is None or not bridge.connected:
            return
        since_s, until_s = self._asked
        command = m.QueryHistory(
            request=bridge.request_id(),
            service=service_id,
            metrics=METRICS,
            since_s=since_s - by.shift_s,
            until_s=max(until_s, self._shown_span.until_s) - by.shift_s,
            points=2000,
        )

        def on_answer(answer: Any) -> None:
            if not isinstance(answer, m.HistoryAnswer) or self.compared is not by or answer.service != self.service_id:
                return
            self.past = SeriesStore(answer.service)
            self.past.take_history(answer.series)
            if not answer.series and self.shell is not None:
                self.shell.toast(f"Nothing was recorded {by.words}", "unknown")
            self._draw()

        bridge.ask(command, on_answer)

    def _on_history(self, answer: Any) -> None:
        if isinstance(answer, m.HistoryAnswer):
            if answer.service == self.service_id:
                self.store.take_history(answer.series)
                self.answered += 1
                self._history_of = answer.service
                self._draw()
        else:
            self._asked = (0.0, 0.0)
            if self.shell is not None:
                self.shell.problem(answer.problem)

    # Drawing.

    def _on_second(self) -> None:
        if self.isVisible():
            self.charts.advance(time.time())
            self._draw()

    def _draw(self) -> None:
        bridge = self.bridge
        if bridge is None or bridge.state is None or (service := self.service()) is None:
            self._stack.setCurrentWidget(self._empty)
            if self.title != "Service":  # of the one that was shown before
                self.title = "Service"
                self.heading_changed.emit()
            return
        self._stack.setCurrentWidget(self._content)
        if self.title != (service.title or service.id):
            self.title = service.title or service.id
            self.heading_changed.emit()
        poll_s = poll_interval_s(bridge.state)
        if self._history_of == service.id:  # else the first live samples would look like all there is
            self.charts.fit(self.store.oldest_s)
        span = self.charts.span
        settings = bridge.state.settings.services.get(service.id)
        objectives = settings.objectives if settings is not None else {}
        events = [e for e in bridge.state.events if e.service in (None, service.id)]
        by = self.compared
        self.charts.set_rows(self._rows_of(span, poll_s, objectives), events)
        own = self.charts.rows
        if self._is_large and not self.large.follows:
            own = self.charts.with_logs(self._rows_of(self.large.span, poll_s, objectives))
        self.large.put(own, events, span)
        self.side.put(service_facts(service, span.until_s - span.since_s, self.charts.follows, by))
        now = Now.read(poll_s, cached=bridge.cached_s is not None)
        self.head.show_service(service, version_slots(self.store, span.since_s), now, self.context())
        self.foot.show_service(service)

    def _rows_of(self, span: Span, poll_s: float, objectives: Mapping[str, float]) -> tuple[ChartRow, ...]:
        rows, by = chart_rows(self.store, span.since_s, span.until_s, poll_s, objectives), self.compared
        if by is None or not self.past.series:
            return rows
        since_s, until_s = span.since_s - by.shift_s, span.until_s - by.shift_s
        return with_past(rows, chart_rows(self.past, since_s, until_s, poll_s, objectives), by)

    def _show_large(self, large: bool) -> None:
        shown: QWidget = self.large if large else self.charts
        self._upper.setCurrentWidget(shown)
        if large:
            self.large.open(self.charts.row_at_pointer())
        shown.setFocus()
        self._later.start()

    def _toggle_log(self) -> None:
        shows = self.charts.toggle_log()
        if self.shell is not None:
            self.shell.toast("Axis in powers of ten" if shows else "Axis from zero")

    def _next_comparison(self) -> None:
        state = self.bridge.state if self.bridge is not None else None
        if state is None or self.service_id is None:
            return
        known = [None, *comparisons(state.events, self.service_id)]
        words = self.compared.words if self.compared is not None else None
        at = next((i for i, by in enumerate(known) if (by.words if by is not None else None) == words), 0)
        self.compared = known[(at + 1) % len(known)]
        self.past = SeriesStore("")
        self._ask_past()
        self._draw()

    def _copied(self, words: str) -> None:
        if self.shell is not None:
            self.shell.toast(words, "done")

    def _compare(self) -> None:
        service = self.service()
        if service is None:
            return
        other, current = service.way_back.target, service.intended.single or service.used.single
        if other and current and other != current:
            self.versions.compare(other, current)
        elif self.shell is not None:
            self.shell.toast("There are no two versions to compare: the way back names none", "warning")

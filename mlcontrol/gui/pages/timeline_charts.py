"""Charts of a brushed span of the timeline: one service, the rows that tell most, its events drawn across them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlcontrol.core.types import TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.charts.stack import ChartStack
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.viewmodels.service_charts import METRICS, chart_rows
from mlcontrol.gui.viewmodels.status_facts import poll_interval_s
from mlcontrol.gui.widgets.label import PlainLabel

ROWS = ("queries", "errors", "latency", "quality")


class SpanCharts(QWidget):
    """*Thread:* GUI. `show_span` asks the engine; the answer draws itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.service = ""
        self.answered = 0
        self._store = SeriesStore("")
        self._bridge: Bridge | None = None
        self._events: Sequence[TimelineEvent] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._title = PlainLabel("", "strong", elide=True)
        self._title.setContentsMargins(16, 6, 16, 6)
        self.stack = ChartStack()
        self.stack.follows = False
        column.addWidget(self._title)
        column.addWidget(self.stack, 1)

    def show_span(
        self, bridge: Bridge, service: str, words: str, since_s: float, until_s: float, events: Sequence[TimelineEvent]
    ) -> None:
        """``words``: what stands above the charts. Times are UTC seconds."""
        self._bridge, self._events = bridge, [e for e in events if e.service in (None, service)]
        if service != self.service:
            self.service, self._store = service, SeriesStore(service)
        self._title.setText(words)
        self.stack.look_at(since_s, until_s)
        self.draw()
        margin = (until_s - since_s) / 20
        command = m.QueryHistory(
            request=bridge.request_id(), service=service, metrics=METRICS, since_s=since_s - margin,
            until_s=min(until_s + margin, time.time()), points=2000,
        )  # fmt: skip
        bridge.ask(command, self._on_answer)

    def _on_answer(self, answer: Any) -> None:
        if isinstance(answer, m.HistoryAnswer) and answer.service == self.service:
            self._store.take_history(answer.series)
            self.answered += 1
            self.draw()

    def draw(self) -> None:
        bridge = self._bridge
        if bridge is None or bridge.state is None or not self.service:
            return
        settings = bridge.state.settings.services.get(self.service)
        span = self.stack.span
        objectives = settings.objectives if settings is not None else {}
        rows = chart_rows(self._store, span.since_s, span.until_s, poll_interval_s(bridge.state), objectives)
        self.stack.set_rows([row for row in rows if row.id in ROWS], self._events)

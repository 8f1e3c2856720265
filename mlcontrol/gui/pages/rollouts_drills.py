"""Drills beside the overview: how the way back was walked so far, the trend, and one more on a shadow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.core.drill import Drill, DrillMode, is_old, trend
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import may_change
from mlcontrol.gui.pages.rollouts_overview import column_head, service_title
from mlcontrol.gui.pages.rollouts_side import SidePage
from mlcontrol.gui.viewmodels.phrases import age_text, version_text, visible_text
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

REASON = "drill from the rollouts page"


class RolloutsDrills(QWidget):
    """``M`` opens it, and again drills on a shadow: no traffic moves. A drill for real is asked for on the command line, which
    names the traffic that may feel it."""

    def __init__(self, page: SidePage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self._service = self._asked = self._running = ""
        self._drills: tuple[Drill, ...] = ()
        self.drills = RowList("Drills of the way back, newest first")
        self.walk = KeyButton("Drill on a shadow", "M")
        self.walk.clicked.connect(lambda _checked=False: self.run())
        self._note = PlainLabel("", "small", "quiet")
        self.trend, self.said = PlainLabel("", tone="secondary", wrap=True), PlainLabel("", "small", "quiet", wrap=True)
        self._none = EmptyState(
            "The way back was never drilled", "A drill on a shadow loads the target and asks it; no traffic moves."
        )
        bar = QHBoxLayout()
        bar.setContentsMargins(16, 8, 16, 12)
        bar.addWidget(self.said, 1)
        bar.addWidget(self.walk)
        told = QVBoxLayout()
        told.setContentsMargins(12, 8, 12, 8)
        told.addWidget(self.trend)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(column_head("Drills", self._note))
        column.addLayout(told)
        column.addWidget(self.drills, 1)
        column.addWidget(self._none, 1)
        column.addLayout(bar)

    def begin(self) -> None:
        """Opened for the page's service, or asked for again: then a drill is meant."""
        page = self._page
        if page.bridge is None or page.service_id is None:
            return
        if self.isVisible() and page.service_id == self._service:
            self.run()
            return
        self._service, self._drills = page.service_id, ()
        self.said.setText(f"For real, in a quiet hour: mlcontrol drill {self._service} --for-real --reason …")
        page.show_side(self)
        self.draw()
        self._ask()
        self.drills.setFocus()

    def _ask(self) -> None:
        page = self._page
        if page.bridge is None:
            return
        self._asked = request = page.bridge.request_id()

        def on_answer(event: Any) -> None:
            if request == self._asked and isinstance(event, m.DrillsAnswer):
                self._drills = event.drills
                self.draw()

        page.bridge.ask(m.QueryDrills(request=request, service=self._service), on_answer)

    def run(self) -> None:
        """Walk the way back on a shadow; the answer may take as long as a load."""
        page = self._page
        if page.bridge is None or self.walk.reason:
            return
        self._running = request = page.bridge.request_id()
        self.said.setText("Walking the way back on a shadow; no traffic moves.")

        def on_answer(event: Any) -> None:
            if request != self._running:
                return
            self._running = ""
            if isinstance(event, m.Refused):
                self.said.setText(visible_text(f"{event.problem.what} {event.problem.why}".strip(), 400))
            elif isinstance(event, m.DrillAnswer):
                self.said.setText("It passed." if event.drill.ok else visible_text(event.drill.words, 400))
                self._ask()
            self.draw()

        page.bridge.ask(
            m.RunDrill(
                request=request, service=self._service, mode=DrillMode.SHADOW, actor=page.actor(), reason=REASON
            ),
            on_answer,
        )
        self.draw()

    def draw(self) -> None:
        context, now_s = self._page.context(), time.time()
        title = service_title(context.state, self._service) if context.state is not None else self._service
        passed = next((drill.at_s for drill in self._drills if drill.ok), None)
        old = "the last one that passed is old" if is_old(passed, now_s) else "rehearsed lately"
        self._note.setText(f"{title} · {old}")
        self.trend.setText(f"Trend: {words}" if (words := trend(self._drills)) else "")
        self.trend.setVisible(bool(words))
        self.drills.set_rows(drill_rows(self._drills, now_s))
        self.drills.setVisible(bool(self._drills))
        self._none.setVisible(not self._drills)
        self.walk.set_reason("it runs" if self._running else may_change(context))


def drill_rows(drills: Sequence[Drill], now_s: float) -> list[Row]:
    """One a drill: what it reached, and the seconds of each part; "?" for a part that was not reached."""
    return [
        Row(
            f"{i}-{drill.operation}",
            f"{'Passed' if drill.ok else 'Failed'}: back to {version_text(drill.to_version)}, {_MODES[drill.mode]}",
            "ok" if drill.ok else "critical",
            (
                (", ".join(f"{name} {_seconds(value)}" for name, value in _parts(drill)), "secondary"),
                *(((visible_text(drill.words, 300), "quiet"),) if drill.words else ()),
            ),
            right=f"{_seconds(drill.total_s)} · {age_text(drill.at_s, now_s)}",
        )
        for i, drill in enumerate(drills)
    ]


_MODES = {DrillMode.SHADOW: "on a shadow", DrillMode.REAL: "for real"}


def _parts(drill: Drill) -> tuple[tuple[str, float | None], ...]:
    return ("detect", drill.detect_s), ("decide", drill.decide_s), ("act", drill.act_s), ("verify", drill.verify_s)


def _seconds(seconds: float | None) -> str:
    return "?" if seconds is None else f"{seconds:.2f} s"

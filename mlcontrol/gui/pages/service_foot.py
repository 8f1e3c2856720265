"""The foot of the service page: the generations, the quality of logged answers, or what differs between two versions; and the
versions beside it."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.quality.generations import Generations, generations, metric_of
from mlcontrol.core.types import ServiceState, VersionSummary
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Action
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.charts.control_charts import ControlCharts
from mlcontrol.gui.charts.forecast_chart import ForecastChart
from mlcontrol.gui.charts.generations_chart import GenerationsChart, KindLegend
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels import data_rows as data, quality_rows as quality
from mlcontrol.gui.viewmodels.capacity_words import capacity_sentence, pressure_sentence, worst_tone
from mlcontrol.gui.viewmodels.control_words import control_sentence
from mlcontrol.gui.viewmodels.generations import ordered, version_difference
from mlcontrol.gui.viewmodels.phrases import version_text, visible_text
from mlcontrol.gui.viewmodels.pipeline_words import cells, pipeline_sentence
from mlcontrol.gui.widgets.difference_list import DifferenceList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.pipeline_strip import PipelineStrip
from mlcontrol.gui.widgets.plain_table import PlainTable
from mlcontrol.gui.widgets.version_table import VersionTable
from mlcontrol.gui.widgets.view_chips import ViewChips

VIEW = Action(
    "service.view", "Next view of the foot", "V", "Generations, quality, data, control charts, capacity", "service"
)
CHART = Action("service.chart", "Control charts, the next kind", "X", "EWMA, Shewhart, CUSUM, Nelson", "service")
ASK_EVERY_MS = 30_000
CAPACITY, PIPELINE = 4, 5
WIDE_PX = 1500  # from here on the versions have room beside a forecast or a pipeline
_PANE_PX = {CAPACITY: 84, PIPELINE: 100}  # so high a pane says what it has to say
_LEAST_PX = 64
_KINDS = ("ewma", "shewhart", "cusum", "nelson")


class ServiceFoot(QWidget):
    """Asks the engine for what it shows, when it is shown, and again every half minute. *Thread:* GUI."""

    NAMES: ClassVar[tuple[str, ...]] = ("Generations", "Quality", "Data", "Control", "Capacity", "Pipeline")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge: Bridge | None = None
        self._service: ServiceState | None = None
        self._told: Generations | None = None
        self._kind = 0
        self.answered = 0
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        left = QVBoxLayout()
        left.setContentsMargins(16, 4, 8, 4)
        left.setSpacing(2)
        top = QHBoxLayout()
        self.views = ViewChips(self.NAMES)
        self._legend = KindLegend()
        top.addWidget(self.views)
        top.addSpacing(4)
        top.addWidget(self._legend, 1)
        top.addStretch(0)
        left.addLayout(top)
        self.verdict = PlainLabel("", "small", "secondary", wrap=True)
        left.addWidget(self.verdict)
        self.chart = GenerationsChart()
        self.quality = PlainTable(
            "Quality of logged answers", quality.COLUMNS, lambda r: f"{r.of} {r.measure}", quality.WIDTHS
        )
        self.data = PlainTable("What changed in the data", data.COLUMNS, lambda f: "|".join(f.key), data.WIDTHS)
        self.control = ControlCharts()
        self.capacity = ForecastChart()
        self.pipeline = PipelineStrip()
        self.difference = DifferenceList()
        self.panes = QStackedWidget()
        for pane in (self.chart, self.quality, self.data, self.control, self.capacity, self.pipeline, self.difference):
            self.panes.addWidget(pane)
        left.addWidget(self.panes, 1)
        row.addLayout(left, 3)
        self.versions = VersionTable()
        self.versions.picked.connect(self._on_picked)
        row.addWidget(self.versions, 2)
        self.views.chosen.connect(self._on_view)
        self._again = QTimer(self)
        self._again.setInterval(ASK_EVERY_MS)
        self._again.timeout.connect(self.ask)

    def attach(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._again.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """A forecast and a pipeline get the width where it is short, and what is said is never cut off below."""
        view = self.views.current
        self.versions.setVisible(view not in (CAPACITY, PIPELINE) or self.width() >= theme.px(WIDE_PX))
        share = 0.6 if self.versions.isVisibleTo(self) else 1.0
        words = self.verdict.heightForWidth(max(200, round(share * self.width()) - 24)) if self.verdict.text() else 0
        pane = theme.px(_PANE_PX.get(view, _LEAST_PX))
        self.setMinimumHeight(self.views.sizeHint().height() + words + pane + 16)

    def show_service(self, service: ServiceState) -> None:
        """Called whenever the service's state is drawn anew; asks the engine only for another service."""
        other = self._service is None or self._service.id != service.id
        self._service = service
        self.versions.put(list(reversed(ordered(service.versions))))
        if other:
            self._told = None
            if self.views.current:
                self._say("Asking …", "quiet")
            self.quality.table.put(())
            self.data.table.put(())
            self.control.put(())
            self.capacity.put(None)
            self.pipeline.put(())
            self.versions.clearSelection()
            self._draw()
            self.ask()
        elif self.panes.currentWidget() is self.chart:
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.ask()

    def next_view(self) -> None:
        self.versions.clearSelection()
        self.views.choose((self.views.current + 1) % len(self.NAMES))

    def next_chart(self) -> None:
        """EWMA, Shewhart, CUSUM, Nelson; shows the control charts if they are not shown."""
        if self.views.current == 3:
            self._kind = (self._kind + 1) % len(_KINDS)
            self.ask()
        else:
            self.views.choose(3)

    def ask(self) -> None:
        bridge, service = self._bridge, self._service
        if bridge is None or service is None or not bridge.connected or not self.isVisible():
            return
        if self.views.current == 0:
            bridge.ask(m.QueryGenerations(request=bridge.request_id(), service=service.id), self._on_answer)
        elif self.views.current == 2:
            bridge.ask(m.QueryData(request=bridge.request_id(), service=service.id), self._on_answer)
        elif self.views.current == 3:
            kind = _KINDS[self._kind]
            bridge.ask(m.QueryControl(request=bridge.request_id(), service=service.id, kind=kind), self._on_answer)
        elif self.views.current == CAPACITY:
            bridge.ask(m.QueryCapacity(request=bridge.request_id(), service=service.id), self._on_answer)
        elif self.views.current == PIPELINE:
            bridge.ask(m.QueryPipeline(request=bridge.request_id(), service=service.id), self._on_answer)
        else:
            bridge.ask(m.QueryQuality(request=bridge.request_id(), service=service.id), self._on_answer)

    def _on_view(self, index: int) -> None:
        self.panes.setCurrentIndex(index)
        self._legend.setVisible(index == 0)
        self.verdict.setText("" if index == 0 else "Asking …")
        self.verdict.set_tone("quiet")
        self._fit()
        self._draw()
        self.ask()

    def _on_answer(self, answer: Any) -> None:
        service = self._service
        self.answered += 1
        if isinstance(answer, m.GenerationsAnswer):
            if service is not None and answer.service == service.id:
                self._told = answer.found
                self._draw()
        elif isinstance(answer, m.QualityAnswer):
            if service is not None and answer.report.service == service.id and self.views.current == 1:
                self.quality.table.put(quality.quality_rows(answer.report))
                self._say(*quality.quality_sentence(answer.report))
        elif isinstance(answer, m.DataAnswer):
            if service is not None and answer.service == service.id and self.views.current == 2:
                self.data.table.put(answer.report.findings if answer.report is not None else ())
                self._say(*data.data_sentence(answer.report, answer.why, time.time()))
        elif isinstance(answer, m.ControlAnswer):
            if service is not None and answer.service == service.id and self.views.current == 3:
                self.control.put(answer.charts)
                self._say(*control_sentence(answer.charts))
        elif isinstance(answer, m.CapacityAnswer):
            if service is not None and answer.service == service.id and self.views.current == CAPACITY:
                now_s = time.time()
                words, tone = capacity_sentence(answer.found, now_s)
                said = [pressure_sentence(one, now_s) for one in answer.pressures]
                words = "\n".join((words, *(line for line, _ in said)))
                self.capacity.put(answer.found, words)
                self._say(words, worst_tone((tone, *(of for _, of in said))))
                self.verdict.setToolTip(words)
        elif isinstance(answer, m.PipelineAnswer):
            if service is not None and answer.service == service.id and self.views.current == PIPELINE:
                self.pipeline.put(cells(answer.found))
                self._say(*pipeline_sentence(answer.found, time.time()))
        elif isinstance(answer, m.Refused) and self.views.current > 0:
            self.quality.table.put(())
            self._say(visible_text(str(answer.problem), 300), "unknown")

    def _draw(self) -> None:
        if self._service is None or self.views.current != 0 or self.panes.currentWidget() is self.difference:
            return
        found = self._told or _of_registry(self._service)
        self.chart.show_generations(found)
        self._legend.show_kinds(found)
        words, tone = found.findings[0] if found is not None and found.findings else ("", "quiet")
        more = f" And {len(found.findings) - 1} more." if found is not None and len(found.findings) > 1 else ""
        self._say(words + more, tone)
        self.verdict.setToolTip("\n".join(one for one, _ in found.findings) if found is not None else "")

    def _say(self, words: str, tone: str) -> None:
        self.verdict.setText(words)
        self.verdict.set_tone(tone)
        self._fit()

    def _on_picked(self, versions: list[VersionSummary]) -> None:
        if len(versions) != 2:
            if self.panes.currentWidget() is self.difference:
                self._on_view(self.views.current)
            return
        old, new = versions
        rows = version_difference(old, new)
        self.difference.put(version_text(old.version), version_text(new.version), rows)
        head = f"{version_text(old.version)} against {version_text(new.version)}: "
        self._say(
            head + (f"{len(rows)} differences" if rows else "nothing that the registry tells differs"), "secondary"
        )
        self._legend.hide()
        self.panes.setCurrentWidget(self.difference)


def _of_registry(service: ServiceState) -> Generations | None:
    """What the registry alone says, until the engine has told what was measured."""
    versions = [(v.version, v.metrics) for v in ordered(service.versions)]
    metric = metric_of([metrics for _, metrics in versions])
    return None if metric is None else generations(metric, versions, (), service.intended.single)

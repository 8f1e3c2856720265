"""What the incident page knows and asks for: the brief of one incident, its series, the incidents there are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from mlcontrol.core.incidents.brief import Brief, SuspectLine
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.incidents.suspect_facts import SuspectFacts
from mlcontrol.core.incidents.tick import TickState
from mlcontrol.core.types import Sample
from mlcontrol.engine import messages as m
from mlcontrol.gui.bridge import Bridge
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.viewmodels.service_charts import METRICS

HISTORY_S = 7200.0
HISTORY_AGAIN_S = 3600.0
POINTS = 4000
LOOK_EVERY_S = 8.0


class IncidentFacts(QObject):
    """*Signals:* ``arrived()``: something has come; ``moved(service)``: the brief is of another service than was asked for.

    ``incident_id``: empty while nobody has declared one; then ``brief`` says what it would be.
    """

    arrived = Signal()
    moved = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.bridge: Bridge | None = None
        self.brief: Brief | None = None
        self.incident_id = ""
        self.service_id: str | None = None
        self.alert = ""
        self.found: tuple[Incident, ...] = ()
        self.store = SeriesStore("")
        self._asked = ""
        self._history_s = 0.0
        self._looked_s = float("-inf")

    @property
    def me(self) -> str:
        return self.bridge.hello.user if self.bridge is not None and self.bridge.hello is not None else ""

    def choose(self, service_id: str | None, incident_id: str, alert: str) -> bool:
        """Whether that is another incident than before."""
        other = incident_id != self.incident_id or service_id != self.service_id
        if other:
            self.brief = None
        self.incident_id, self.alert = incident_id, alert
        self._of(service_id)
        return other

    def ask(self) -> None:
        """One question at a time: the next goes out when the last is answered."""
        bridge = self.bridge
        if bridge is None or not bridge.connected or self._asked or not (self.incident_id or self.service_id):
            return
        self._asked = bridge.request_id()
        service, about = self.service_id or "", (self.incident_id, self.service_id)
        question = m.QueryIncident(request=self._asked, incident=self.incident_id, service=service)
        bridge.ask(question, lambda answer: self._on_brief(about, answer))
        if service and time.time() - self._history_s > HISTORY_AGAIN_S:
            self._history_s = now = time.time()
            bridge.ask(
                m.QueryHistory(
                    request=bridge.request_id(),
                    service=service,
                    metrics=METRICS,
                    since_s=now - HISTORY_S,
                    until_s=now,
                    points=POINTS,
                ),
                self._on_history,
            )

    def ask_suspect(self, line: SuspectLine, then: Callable[[SuspectFacts], None]) -> None:
        """How a suspected version was judged and what its signature changed; nothing where the suspect is no change of version."""
        bridge = self.bridge
        if bridge is None or not bridge.connected or not (self.service_id and line.version_from and line.version_to):
            return

        def on_answer(answer: Any) -> None:
            if isinstance(answer, m.SuspectAnswer) and answer.service == self.service_id:
                then(answer.facts)

        command = m.QuerySuspect(
            request=bridge.request_id(), service=self.service_id, version_from=line.version_from,
            version_to=line.version_to, operation=line.operation,
        )  # fmt: skip
        bridge.ask(command, on_answer)

    def look_closer(self) -> None:
        """While recovery is being proven every source is asked now and again, also one that was silent and is asked seldom."""
        bridge, brief = self.bridge, self.brief
        proving = brief is not None and any(t.state in (TickState.RUNNING, TickState.WAITING) for t in brief.ticks)
        if bridge is None or not bridge.connected or not proving or time.monotonic() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = time.monotonic()
        bridge.ask(m.RefreshNow(request=bridge.request_id(), service=self.service_id), lambda _answer: self.ask())

    def find(self) -> None:
        if self.bridge is not None and self.bridge.connected:
            self.bridge.ask(m.FindIncidents(request=self.bridge.request_id()), self._on_found)

    def take_samples(self, samples: tuple[Sample, ...]) -> None:
        self.store.take_samples(samples)

    def _of(self, service_id: str | None) -> None:
        self.service_id = service_id
        if service_id != self.store.service:
            self.store = SeriesStore(service_id or "")
            self._history_s = 0.0

    def _on_brief(self, about: tuple[str, str | None], answer: Any) -> None:
        self._asked = ""
        if about != (self.incident_id, self.service_id):  # asked before another was chosen
            self.ask()
            return
        if not isinstance(answer, m.BriefAnswer):
            return
        incident = answer.brief.incident
        self.incident_id, self.brief = incident.id, answer.brief
        if incident.service != self.service_id:
            self._of(incident.service)
            self.moved.emit(incident.service)
        self.arrived.emit()

    def _on_history(self, answer: Any) -> None:
        if isinstance(answer, m.HistoryAnswer) and answer.service == self.store.service:
            self.store.take_history(answer.series)
            self.arrived.emit()

    def _on_found(self, answer: Any) -> None:
        if isinstance(answer, m.IncidentsAnswer):
            self.found = answer.incidents

"""The side of the timeline: the chosen event or what lies between two, and what served at that moment."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlcontrol.core.recorded import recorded
from mlcontrol.core.types import ServiceState, TimelineEvent
from mlcontrol.core.world import served_at
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.phrases import age_text, clock_text, moment_text, version_text, visible_text
from mlcontrol.gui.viewmodels.timeline_compare import pair_rows, span_rows
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel

SERVICES_SHOWN = 12


class TimelineSide(QWidget):
    """*Thread:* GUI. Holds no state but what it shows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self.setFixedWidth(theme.px(288))
        self.heading = PlainLabel("", "strong", elide=True)
        self.facts, self.world = FactList(), FactList()
        self._world_head = PlainLabel("", "small", "quiet", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for title, widgets in (
            ("Event", (self.heading, self.facts)),
            ("What served then", (self._world_head, self.world)),
        ):
            column.addWidget(column_head(title))
            held = QVBoxLayout()
            held.setContentsMargins(12, 8, 12, 12)
            held.setSpacing(8)
            for widget in widgets:
                held.addWidget(widget)
            column.addLayout(held)
        column.addStretch(1)

    def show_nothing(self) -> None:
        self.heading.setText("No event is chosen")
        self.facts.set_facts((("how", "arrows in the list, or a click on a shape"),))

    def show_pair(
        self,
        first: TimelineEvent,
        second: TimelineEvent,
        events: Sequence[TimelineEvent],
        services: Mapping[str, ServiceState],
    ) -> None:
        self.heading.setText("Between 1 and 2")
        self.facts.set_facts(pair_rows(first, second, events, services))

    def show_event(self, event: TimelineEvent, where: str) -> None:
        """``where``: the title of its service."""
        self.heading.setText(visible_text(event.title, 200))
        # A snapshot's version is its own, not one of a model: it is shown as it was told.
        said = (lambda version: visible_text(version or "?", 100)) if recorded(event) else version_text
        moved = f"{said(event.version_from)} to {said(event.version_to)}" if event.version_to else ""
        facts = (
            ("at", moment_text(event.at_s)),
            ("by its source", moment_text(event.source_at_s) if event.source_at_s is not None else ""),
            ("age", age_text(event.at_s, time.time())),
            ("kind", event.kind.value),
            ("service", where if event.service else "none, the fleet"),
            ("versions", moved),
            ("source", event.source),
            # What the engine has noticed has no actor; who moved what it saw is not known.
            ("actor", event.actor or ("" if event.source in ("engine", "alerts") else "? not said")),
            ("state", event.severity.value),
            ("operation", (event.operation or "")[:12]),
            ("detail", visible_text(event.detail, 800)),
        )
        self.facts.set_facts([(name, words) for name, words in facts if words])

    def show_span(
        self, events: Sequence[TimelineEvent], since_s: float, until_s: float, service: str, where: str
    ) -> None:
        """What happened in the brushed span."""
        self._world_head.setText(f"in the brushed span, {where}")
        self.world.set_facts(span_rows(events, since_s, until_s, service))

    def show_world(
        self, events: Sequence[TimelineEvent], at_s: float, services: Mapping[str, ServiceState], observed_s: float
    ) -> None:
        """From the moves alone; where they do not say, or nobody watched yet, it is unknown."""
        by_service: dict[str, list[TimelineEvent]] = {}
        for event in events:
            by_service.setdefault(event.service or "", []).append(event)
        rows = []
        for service in list(services.values())[:SERVICES_SHOWN]:
            version = served_at(by_service.get(service.id, ()), at_s, service.used.single, observed_s)
            words = version_text(version) if version else "? the events do not say"
            rows.append((service.title or service.id, words))
        hidden = len(services) - len(rows)
        if hidden > 0:
            rows.append((f"{hidden} more", "choose one with O"))
        self._world_head.setText(f"at {clock_text(at_s)} UTC, by the moves that are known")
        self.world.set_facts(rows)

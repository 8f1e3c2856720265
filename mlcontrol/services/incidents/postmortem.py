"""The postmortem that writes itself: timeline, charts as they were, how long each decision took, what would have caught it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlcontrol.core import journal
from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.chart_svg import Mark, chart_svg
from mlcontrol.core.incidents.data_change import moved_words
from mlcontrol.core.incidents.decision_times import DecisionTimes, decision_times
from mlcontrol.core.incidents.incident import EntryKind
from mlcontrol.core.incidents.story import clock, duration, percent
from mlcontrol.core.recorded import concerns, recorded
from mlcontrol.core.types import EventKind
from mlcontrol.core.visible import visible
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.onsets import Track, read

AROUND_S = 600.0
UPSTREAM = (EventKind.CONFIG, EventKind.DATA, EventKind.NOTE)
"""Kinds of what pipelines and people record, for this service or the whole fleet."""


@dataclass(frozen=True, slots=True)
class Postmortem:
    """``charts``: SVG by file name. ``printable``: for a printer that knows tables and pictures and little else."""

    name: str
    markdown: str
    html: str
    printable: str
    charts: dict[str, str]


class Postmortems:
    """``templates``: where the templates lie. *Thread:* any."""

    def __init__(self, ctx: ServiceContext, briefing: Briefing, templates: Path) -> None:
        self._ctx = ctx
        self._briefing = briefing
        self._templates = templates

    def make(self, incident_id: str) -> Postmortem:
        """The document as of now; it can be made again at any time."""
        brief = self._briefing.brief(incident_id)
        incident = brief.incident
        charts = self._charts(brief)
        names = self._ctx.store.audit.recent_operations(200)
        operations = [o for n in names if (o := journal.fold(self._ctx.store.audit.of_operation(n))) is not None]
        began_s = brief.onset.at_s if brief.onset is not None else None
        times = decision_times(incident, operations, began_s)
        facts = {
            "brief": brief,
            "incident": incident,
            "times": times,
            "steps": _steps(times),
            "log": brief.log,
            "items": [e for e in incident.entries if e.kind is EntryKind.ACTION_ITEM],
            "decisions": [e for e in incident.entries if e.kind in (EntryKind.DECISION, EntryKind.HYPOTHESIS)],
            "day": datetime.fromtimestamp(incident.detected_s, UTC).strftime("%Y-%m-%d"),
            "lasted": duration(brief.impact.seconds),
            "verdict": self._ctx.store.audit.newest(),
            "charts": charts,
        }
        service = re.sub(r"[^A-Za-z0-9._-]+", "-", incident.service)
        name = f"postmortem-{facts['day']}-{incident.number}-{service}"
        return Postmortem(
            name,
            self._render("postmortem.md", **facts),
            self._render("postmortem.html", **facts),
            self._render("printable.html", **facts),
            {f"{key}.svg": svg for key, svg in charts.items()},
        )

    def _render(self, template: str, **facts: Any) -> str:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        made = Environment(
            loader=FileSystemLoader(self._templates),
            autoescape=template.endswith(".html"),
            undefined=StrictUndefined,
            finalize=lambda value: visible(value) if type(value) is str else value,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters |= {"clock": clock, "percent": percent, "duration": duration, "cell": _cell, "data_uri": _data_uri}
        made.filters["moved"] = moved_words
        return made.get_template(f"{template}.j2").render(**facts)

    def _charts(self, brief: Brief) -> dict[str, str]:
        incident = brief.incident
        began_s = brief.onset.at_s if brief.onset is not None else incident.detected_s
        end_s = next((t for t in (incident.resolved_s, incident.mitigated_s) if t is not None), brief.made_s)
        since_s, until_s = began_s - AROUND_S, min(end_s + AROUND_S, brief.made_s)
        evidence = read(self._ctx, incident.service, began_s, until_s)
        settings = self._ctx.settings.services.get(incident.service)
        objectives = settings.objectives if settings is not None else {}
        own = self._ctx.store.timeline.query(incident.service, since_s, until_s, (), "", 200)
        upstream = self._ctx.store.timeline.query(None, since_s, until_s, UPSTREAM, "", 200)
        kinds = (
            EventKind.DEPLOY,
            EventKind.ROLLBACK,
            EventKind.ALERT,
            EventKind.ROUTE,
            EventKind.ALIAS,
            EventKind.LOAD,
            EventKind.DATA,
        )
        told = [e for e in own if e.kind in kinds] + [e for e in upstream if recorded(e)]
        found = {e.id: e for e in told if concerns(e, incident.service)}
        marks = [Mark(e.at_s, e.title, e.kind.value) for e in found.values()]
        wrong = (began_s, incident.mitigated_s if incident.mitigated_s is not None else end_s)
        charts = {}
        for track in evidence.tracks:
            limit = objectives.get(_OBJECTIVES.get(track.name, ""))
            charts[track.name.replace(" ", "-")] = chart_svg(
                _TITLES[track.name], track.at_s, track.value, since_s, until_s, _words(track),
                limit=limit, wrong=wrong, marks=marks, from_zero=track.name != "quality",
                gap_s=90.0 if track.name == "quality" else 30.0,
            )  # fmt: skip
        return charts


_OBJECTIVES = {"errors": "error_rate", "latency p99": "p99_ms", "latency of callers": "p99_ms", "quality": "accuracy"}
_TITLES = {
    "errors": "Errors, share of answers",
    "latency p99": "Latency p99, ms",
    "latency of callers": "Latency p99 as callers wait, ms",
    "traffic": "Queries per second",
    "quality": "Quality by labels",
}


def _words(track: Track) -> Any:
    if track.absolute:
        return percent
    if track.name.startswith("latency"):
        return lambda v: f"{v:.0f} ms"
    return (lambda v: f"{v:.0f} /s") if track.name == "traffic" else (lambda v: f"{v:.3f}")


def _steps(times: DecisionTimes) -> list[tuple[str, str, str]]:
    """(step, since it began, since the step before), in words."""

    def words(seconds: float | None) -> str:
        return "not recorded" if seconds is None else duration(seconds)

    return [(name, words(total), words(own)) for name, total, own in times.steps]


def _cell(text: object) -> str:
    """Text of people and servers as it may stand in a cell of a Markdown table: no mark-up, no line of its own."""
    words = visible(" ".join(str(text).split()))
    plain = "".join(f"\\{char}" if char in "\\`*_{}[]<>()#+-!|&~$" else char for char in words)
    return plain.replace("://", "\\://").replace("www.", "www\\.")  # some renderers make links of these


def _data_uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()

"""Incidents: declare, write, look, hand over; and the postmortem."""

from __future__ import annotations

import msgspec

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.incident import EntryKind, Incident
from mlcontrol.engine.messages.shape import Request


class DeclareIncident(Request, frozen=True, kw_only=True):
    """Open an incident of a service, or join the one that is open. ``detected_s`` `None`: when the panel noticed.
    Answer: `IncidentAnswer`."""

    service: str
    actor: str
    title: str = ""
    alert: str = ""
    detected_s: float | None = None
    practice: str = ""


class WriteIncident(Request, frozen=True, kw_only=True):
    """Add an entry. Refused (code "conflict") when somebody else holds the incident, or it is over. Answer: `IncidentAnswer`."""

    incident: str
    kind: EntryKind
    actor: str
    text: str = ""
    data: dict[str, str] = msgspec.field(default_factory=dict)


class FindIncidents(Request, frozen=True, kw_only=True):
    """Newest first; every word of ``text`` must occur. Answer: `IncidentsAnswer`."""

    text: str = ""


class QueryIncident(Request, frozen=True, kw_only=True):
    """All that is known of it now. Without an ``incident``: of the open one of ``service``, else as it would be if it were declared
    now. Answer: `BriefAnswer`."""

    incident: str = ""
    service: str = ""


class SilenceIncident(Request, frozen=True, kw_only=True):
    """All alerts of the incident's service are silent for so long, also those of other systems. Answer: `IncidentAnswer`."""

    incident: str
    for_s: float
    reason: str
    actor: str


class LiftSilences(Request, frozen=True, kw_only=True):
    """The incident's service may be heard again, everywhere. Answer: `IncidentAnswer`."""

    incident: str
    actor: str


class AddPrevention(Request, frozen=True, kw_only=True):
    """Put a proposal of the brief (its id) into effect. Answer: `IncidentAnswer`."""

    incident: str
    prevention: str
    actor: str


class MakePostmortem(Request, frozen=True, kw_only=True):
    """The document as of now. Answer: `PostmortemAnswer`."""

    incident: str


class IncidentAnswer(Request, frozen=True, kw_only=True):
    incident: Incident


class IncidentsAnswer(Request, frozen=True, kw_only=True):
    incidents: tuple[Incident, ...]


class BriefAnswer(Request, frozen=True, kw_only=True):
    brief: Brief


class PostmortemAnswer(Request, frozen=True, kw_only=True):
    """``markdown`` and ``html`` hold the charts; ``printable``: HTML for a printer of few means (Qt's), with the charts
    by name; ``charts``: SVG. ``name``: for the files, without a suffix."""

    name: str
    markdown: str
    html: str
    printable: str
    charts: dict[str, str]


Command = (
    DeclareIncident
    | WriteIncident
    | FindIncidents
    | QueryIncident
    | SilenceIncident
    | LiftSilences
    | AddPrevention
    | MakePostmortem
)
Event = IncidentAnswer | IncidentsAnswer | BriefAnswer | PostmortemAnswer

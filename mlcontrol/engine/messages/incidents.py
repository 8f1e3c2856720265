"""Incidents: declare, write, look, hand over; and the postmortem."""

from __future__ import annotations

import msgspec

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.exercise import Practice, Score
from mlcontrol.core.incidents.incident import EntryKind, Incident
from mlcontrol.core.incidents.suspect_facts import SuspectFacts
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


class PlanBisect(Request, frozen=True, kw_only=True):
    """The plan that separates the two closest suspects of an incident, or of a service's: a small share back to the version
    before, compared, and back again. `Execute` runs it, `Abort` ends it. Answer: `PlanAnswer`."""

    incident: str = ""
    service: str = ""


class QuerySuspect(Request, frozen=True, kw_only=True):
    """How a suspected version was judged before it took the traffic, and what its signature changed. ``operation``: that
    brought it, where it is known. Answer: `SuspectAnswer`."""

    service: str
    version_from: str
    version_to: str
    operation: str | None = None


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


class QueryPractice(Request, frozen=True, kw_only=True):
    """What ``actor`` may play here, plays, and has scored. Answer: `PracticeAnswer`."""

    actor: str


class StartPractice(Request, frozen=True, kw_only=True):
    """Play a fault of the sandbox as an exercise; without a name any, and it is not told which. Answer: `PracticeAnswer`."""

    actor: str
    fault: str = ""


class ScorePractice(Request, frozen=True, kw_only=True):
    """End the exercise with its score. Refused before recovery is proven, unless it is given up. Answer: `ScoreAnswer`."""

    actor: str
    give_up: bool = False


class PracticeAnswer(Request, frozen=True, kw_only=True):
    practice: Practice


class ScoreAnswer(Request, frozen=True, kw_only=True):
    score: Score


class IncidentAnswer(Request, frozen=True, kw_only=True):
    incident: Incident


class IncidentsAnswer(Request, frozen=True, kw_only=True):
    incidents: tuple[Incident, ...]


class BriefAnswer(Request, frozen=True, kw_only=True):
    brief: Brief


class SuspectAnswer(Request, frozen=True, kw_only=True):
    service: str
    facts: SuspectFacts


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
    | PlanBisect
    | QuerySuspect
    | QueryPractice
    | StartPractice
    | ScorePractice
    | SilenceIncident
    | LiftSilences
    | AddPrevention
    | MakePostmortem
)
Event = IncidentAnswer | IncidentsAnswer | BriefAnswer | SuspectAnswer | PostmortemAnswer | PracticeAnswer | ScoreAnswer

"""Incidents and their postmortems."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell


def _declare(s: Services, c: m.DeclareIncident, _tell: Tell) -> m.Event:
    s.may_write()
    found = s.incidents.declare(c.service, c.actor, c.title, c.alert, c.detected_s, c.practice)
    return m.IncidentAnswer(request=c.request, incident=found)


def _write(s: Services, c: m.WriteIncident, _tell: Tell) -> m.Event:
    s.may_write()
    return m.IncidentAnswer(request=c.request, incident=s.incidents.write(c.incident, c.kind, c.text, c.actor, c.data))


def _find(s: Services, c: m.FindIncidents, _tell: Tell) -> m.Event:
    return m.IncidentsAnswer(request=c.request, incidents=s.incidents.find(c.text))


def _brief(s: Services, c: m.QueryIncident, _tell: Tell) -> m.Event:
    return m.BriefAnswer(request=c.request, brief=s.briefing.brief(c.incident, c.service))


def _silence(s: Services, c: m.SilenceIncident, _tell: Tell) -> m.Event:
    s.may_write()
    return m.IncidentAnswer(request=c.request, incident=s.silencing.silence(c.incident, c.for_s, c.reason, c.actor))


def _lift(s: Services, c: m.LiftSilences, _tell: Tell) -> m.Event:
    s.may_write()
    return m.IncidentAnswer(request=c.request, incident=s.silencing.lift(c.incident, c.actor))


def _add(s: Services, c: m.AddPrevention, _tell: Tell) -> m.Event:
    s.may_write()
    return m.IncidentAnswer(request=c.request, incident=s.adding.add(c.incident, c.prevention, c.actor))


def _postmortem(s: Services, c: m.MakePostmortem, _tell: Tell) -> m.Event:
    made = s.postmortems.make(c.incident)
    return m.PostmortemAnswer(
        request=c.request,
        name=made.name,
        markdown=made.markdown,
        html=made.html,
        printable=made.printable,
        charts=made.charts,
    )


TABLE: Table = {
    m.DeclareIncident: (Lane.QUICK, _declare),
    m.WriteIncident: (Lane.QUICK, _write),
    m.FindIncidents: (Lane.QUICK, _find),
    m.QueryIncident: (Lane.SLOW, _brief),
    m.SilenceIncident: (Lane.SLOW, _silence),
    m.LiftSilences: (Lane.SLOW, _lift),
    m.AddPrevention: (Lane.SLOW, _add),
    m.MakePostmortem: (Lane.SLOW, _postmortem),
}

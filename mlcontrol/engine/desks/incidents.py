"""Incidents and their postmortems."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell
from mlcontrol.services.incidents.suspecting import suspect_facts


def _declare(s: Services, c: m.DeclareIncident, _tell: Tell) -> m.Event:
    s.may_write()
    practice = c.practice or s.practice.fault_of(c.actor)
    found = s.incidents.declare(c.service, c.actor, c.title, c.alert, c.detected_s, practice)
    return m.IncidentAnswer(request=c.request, incident=found)


def _write(s: Services, c: m.WriteIncident, _tell: Tell) -> m.Event:
    s.may_write()
    return m.IncidentAnswer(request=c.request, incident=s.incidents.write(c.incident, c.kind, c.text, c.actor, c.data))


def _find(s: Services, c: m.FindIncidents, _tell: Tell) -> m.Event:
    return m.IncidentsAnswer(request=c.request, incidents=s.incidents.find(c.text))


def _brief(s: Services, c: m.QueryIncident, _tell: Tell) -> m.Event:
    return m.BriefAnswer(request=c.request, brief=s.briefing.brief(c.incident, c.service))


def _bisect(s: Services, c: m.PlanBisect, _tell: Tell) -> m.Event:
    plan = s.bisecting.plan(c.incident, c.service)
    return m.PlanAnswer(request=c.request, plan=plan, plan_hash=plan.hash)


def _suspect(s: Services, c: m.QuerySuspect, _tell: Tell) -> m.Event:
    facts = suspect_facts(s.ctx, c.service, c.version_from, c.version_to, c.operation)
    return m.SuspectAnswer(request=c.request, service=c.service, facts=facts)


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


def _practice(s: Services, c: m.QueryPractice, _tell: Tell) -> m.Event:
    return m.PracticeAnswer(request=c.request, practice=s.practice.of(c.actor))


def _start_practice(s: Services, c: m.StartPractice, _tell: Tell) -> m.Event:
    s.may_write()
    return m.PracticeAnswer(request=c.request, practice=s.practice.start(c.fault, c.actor))


def _score_practice(s: Services, c: m.ScorePractice, _tell: Tell) -> m.Event:
    return m.ScoreAnswer(request=c.request, score=s.practice.score(c.actor, c.give_up))


TABLE: Table = {
    m.DeclareIncident: (Lane.QUICK, _declare),
    m.WriteIncident: (Lane.QUICK, _write),
    m.FindIncidents: (Lane.QUICK, _find),
    m.QueryIncident: (Lane.SLOW, _brief),
    m.PlanBisect: (Lane.SLOW, _bisect),
    m.QueryPractice: (Lane.QUICK, _practice),
    m.StartPractice: (Lane.SLOW, _start_practice),
    m.ScorePractice: (Lane.SLOW, _score_practice),
    m.QuerySuspect: (Lane.SLOW, _suspect),
    m.SilenceIncident: (Lane.SLOW, _silence),
    m.LiftSilences: (Lane.SLOW, _lift),
    m.AddPrevention: (Lane.SLOW, _add),
    m.MakePostmortem: (Lane.SLOW, _postmortem),
}

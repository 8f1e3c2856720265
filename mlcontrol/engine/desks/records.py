"""Timeline and audit log."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell


def _timeline(s: Services, c: m.QueryTimeline, _tell: Tell) -> m.Event:
    events = s.records.timeline(c.service, c.since_s, c.until_s, c.kinds, c.text, c.limit)
    return m.TimelineAnswer(request=c.request, events=events)


def _record(s: Services, c: m.RecordChange, _tell: Tell) -> m.Event:
    s.may_write()
    event, fresh = s.records.record(c.change, c.actor)
    return m.ChangeRecorded(request=c.request, event=event, fresh=fresh)


def _audit(s: Services, c: m.QueryAudit, _tell: Tell) -> m.Event:
    rows, total = s.audit.rows(c.before, c.limit)
    return m.AuditAnswer(request=c.request, rows=rows, total=total)


def _verify(s: Services, c: m.VerifyAudit, _tell: Tell) -> m.Event:
    return m.AuditVerified(request=c.request, verdict=s.audit.verify())


def _standing(s: Services, c: m.QueryStanding, _tell: Tell) -> m.Event:
    return m.StandingAnswer(request=c.request, standing=s.audit.standing(c.service, c.at_s))


def _checkpoints(s: Services, c: m.QueryCheckpoints, _tell: Tell) -> m.Event:
    return m.CheckpointsAnswer(request=c.request, checkpoints=s.audit.checkpoints())


def _evidence(s: Services, c: m.QueryEvidence, _tell: Tell) -> m.Event:
    return m.EvidenceAnswer(request=c.request, body=s.audit.evidence(c.digest))


TABLE: Table = {
    m.QueryTimeline: (Lane.QUICK, _timeline),
    m.RecordChange: (Lane.QUICK, _record),
    m.QueryAudit: (Lane.QUICK, _audit),
    m.VerifyAudit: (Lane.SLOW, _verify),
    m.QueryStanding: (Lane.QUICK, _standing),
    m.QueryCheckpoints: (Lane.SLOW, _checkpoints),
    m.QueryEvidence: (Lane.QUICK, _evidence),
}

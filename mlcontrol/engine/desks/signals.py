"""Quality and data of a service. All of it reads logs: the slow lane."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell


def _quality(s: Services, c: m.QueryQuality, _tell: Tell) -> m.Event:
    return m.QualityAnswer(request=c.request, report=s.quality.report(c.service, c.version, c.span_s))


def _generations(s: Services, c: m.QueryGenerations, _tell: Tell) -> m.Event:
    return m.GenerationsAnswer(request=c.request, service=c.service, found=s.quality.generations(c.service))


TABLE: Table = {
    m.QueryQuality: (Lane.SLOW, _quality),
    m.QueryGenerations: (Lane.SLOW, _generations),
}

"""Polling now, and history."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell

MOST_POINTS = 20_000


def _refresh(s: Services, c: m.RefreshNow, _tell: Tell) -> m.Event:
    s.collector.refresh(c.service)
    return m.Done(request=c.request, text="polled")


def _history(s: Services, c: m.QueryHistory, _tell: Tell) -> m.Event:
    series = s.history.of(c.service, c.metrics, c.since_s, c.until_s, max(2, min(c.points, MOST_POINTS)))
    return m.HistoryAnswer(request=c.request, service=c.service, since_s=c.since_s, until_s=c.until_s, series=series)


TABLE: Table = {
    m.RefreshNow: (Lane.SLOW, _refresh),
    m.QueryHistory: (Lane.QUICK, _history),
}

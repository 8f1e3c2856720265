"""Golden sets."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell
from mlcontrol.services.golden_book import GoldenBook


def _golden(s: Services, c: m.QueryGolden, _tell: Tell) -> m.Event:
    return m.GoldenSetAnswer(request=c.request, service=c.service, look=GoldenBook(s.ctx).look(c.service))


TABLE: Table = {m.QueryGolden: (Lane.QUICK, _golden)}

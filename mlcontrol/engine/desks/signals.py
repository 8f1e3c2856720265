"""Quality and data of a service. All of it reads logs: the slow lane."""

from __future__ import annotations

from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell


def _quality(s: Services, c: m.QueryQuality, _tell: Tell) -> m.Event:
    return m.QualityAnswer(request=c.request, report=s.quality.report(c.service, c.version, c.span_s))


def _generations(s: Services, c: m.QueryGenerations, _tell: Tell) -> m.Event:
    return m.GenerationsAnswer(request=c.request, service=c.service, found=s.quality.generations(c.service))


def _data(s: Services, c: m.QueryData, _tell: Tell) -> m.Event:
    known = s.collector.data_report(c.service)
    why = f"{known.failed.what} {known.failed.why}".strip() if known.failed is not None else ""
    return m.DataAnswer(request=c.request, service=c.service, report=known.value, why=why)


def _control(s: Services, c: m.QueryControl, _tell: Tell) -> m.Event:
    return m.ControlAnswer(request=c.request, service=c.service, charts=s.control.charts(c.service, c.kind))


def _capacity(s: Services, c: m.QueryCapacity, _tell: Tell) -> m.Event:
    found, pressures = s.capacity.forecast(c.service), s.capacity.pressures(c.service)
    return m.CapacityAnswer(request=c.request, service=c.service, found=found, pressures=pressures)


def _pipeline(s: Services, c: m.QueryPipeline, _tell: Tell) -> m.Event:
    return m.PipelineAnswer(request=c.request, service=c.service, found=s.pipelines.of(c.service, c.version))


TABLE: Table = {
    m.QueryCapacity: (Lane.SLOW, _capacity),
    m.QueryControl: (Lane.SLOW, _control),
    m.QueryData: (Lane.QUICK, _data),
    m.QueryPipeline: (Lane.SLOW, _pipeline),
    m.QueryQuality: (Lane.SLOW, _quality),
    m.QueryGenerations: (Lane.SLOW, _generations),
}

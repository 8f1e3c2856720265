"""Quality, generations and data of one service, asked when somebody looks."""

from __future__ import annotations

from mlcontrol.core.capacity import Forecast, Pressure
from mlcontrol.core.control_chart import ControlChart
from mlcontrol.core.data_report import DataReport
from mlcontrol.core.pipeline import Pipeline
from mlcontrol.core.quality.generations import Generations
from mlcontrol.core.quality.report import QualityReport
from mlcontrol.engine.messages.shape import Request


class QueryQuality(Request, frozen=True, kw_only=True):
    """``version`` `None`: the one that answers now. Answer: `QualityAnswer`."""

    service: str
    version: str | None = None
    span_s: float = 6 * 3600.0


class QueryGenerations(Request, frozen=True, kw_only=True):
    """Answer: `GenerationsAnswer`."""

    service: str


class QueryData(Request, frozen=True, kw_only=True):
    """Answer: `DataAnswer`, the newest look."""

    service: str


class QueryControl(Request, frozen=True, kw_only=True):
    """``kind``: "ewma", "shewhart", "cusum" or "nelson". Answer: `ControlAnswer`."""

    service: str
    kind: str = "ewma"


class QueryCapacity(Request, frozen=True, kw_only=True):
    """When the traffic reaches what the service can carry. Answer: `CapacityAnswer`."""

    service: str


class QueryPipeline(Request, frozen=True, kw_only=True):
    """How a version was made; ``version`` `None`: the one that answers now. Answer: `PipelineAnswer`."""

    service: str
    version: str | None = None


class PipelineAnswer(Request, frozen=True, kw_only=True):
    service: str
    found: Pipeline


class CapacityAnswer(Request, frozen=True, kw_only=True):
    service: str
    found: Forecast
    pressures: tuple[Pressure, ...] = ()


class ControlAnswer(Request, frozen=True, kw_only=True):
    service: str
    charts: tuple[ControlChart, ...]


class QualityAnswer(Request, frozen=True, kw_only=True):
    report: QualityReport


class GenerationsAnswer(Request, frozen=True, kw_only=True):
    """``found`` `None`: no version carries a score of any kind."""

    service: str
    found: Generations | None


class DataAnswer(Request, frozen=True, kw_only=True):
    """``report`` `None`: not looked yet, or the look failed; then ``why``."""

    service: str
    report: DataReport | None
    why: str = ""


Command = QueryQuality | QueryGenerations | QueryData | QueryControl | QueryCapacity | QueryPipeline
Event = QualityAnswer | GenerationsAnswer | DataAnswer | ControlAnswer | CapacityAnswer | PipelineAnswer

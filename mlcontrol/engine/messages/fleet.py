"""The fleet as it is: the state, live points, history; the engine itself."""

from __future__ import annotations

from mlcontrol.core.clock_notice import ClockNotice
from mlcontrol.core.operation import Operation
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ConnectionState, Sample, SeriesData, ServiceState, TimelineEvent
from mlcontrol.engine.messages.shape import Message, Request


class RefreshNow(Request, frozen=True, kw_only=True):
    """Poll now instead of at the next turn. Answer: `Done` when the poll has been folded in."""

    service: str | None = None


class QueryHistory(Request, frozen=True, kw_only=True):
    """Answer: `HistoryAnswer`. ``points``: about how many per series are of use (pixels)."""

    service: str
    metrics: tuple[str, ...]
    since_s: float
    until_s: float
    points: int = 1000


class StopEngine(Request, frozen=True, kw_only=True):
    """Refused while an operation runs, unless ``force``. Answer: `Done`, then the connection ends."""

    force: bool = False


class Hello(Message, frozen=True, kw_only=True):
    """First message on every connection. ``mono_s``/``utc_s``: the engine's clocks at that moment."""

    protocol: int
    pid: int
    version: str
    started_s: float
    utc_s: float
    mono_s: float
    user: str
    view_only: str = ""  # why this engine may not act, if so


class Snapshot(Message, frozen=True, kw_only=True):
    """The whole state; sent after `Hello` and whenever the engine cannot tell what a shell has missed."""

    state: FleetState


class SettingsChanged(Message, frozen=True, kw_only=True):
    settings: WorkspaceSettings


class ServiceChanged(Message, frozen=True, kw_only=True):
    service: ServiceState


class ServiceRemoved(Message, frozen=True, kw_only=True):
    service: str


class ConnectionChanged(Message, frozen=True, kw_only=True):
    connection: ConnectionState


class ConnectionRemoved(Message, frozen=True, kw_only=True):
    connection: str


class OperationChanged(Message, frozen=True, kw_only=True):
    operation: Operation


class TimelineGrew(Message, frozen=True, kw_only=True):
    events: tuple[TimelineEvent, ...]


class SamplesArrived(Message, frozen=True, kw_only=True):
    """Live points since the last batch, any service."""

    samples: tuple[Sample, ...]


class AuditChanged(Message, frozen=True, kw_only=True):
    rows: int
    ok: bool | None
    verified_s: float | None


class ClockChanged(Message, frozen=True, kw_only=True):
    """``notice`` `None`: clocks do not differ any more."""

    notice: ClockNotice | None


class HistoryAnswer(Request, frozen=True, kw_only=True):
    service: str
    since_s: float
    until_s: float
    series: tuple[SeriesData, ...]


Command = RefreshNow | QueryHistory | StopEngine
Event = (
    Hello
    | Snapshot
    | SettingsChanged
    | ServiceChanged
    | ServiceRemoved
    | ConnectionChanged
    | ConnectionRemoved
    | OperationChanged
    | TimelineGrew
    | SamplesArrived
    | AuditChanged
    | ClockChanged
    | HistoryAnswer
)

"""Commands and events: the whole wire between the engine and any shell (window, command line, test).

Encoded as MessagePack, one message a frame, tagged by class name. A command that expects an answer carries ``request``; its
answer, `Done` or `Refused`, carries the same. Nothing here holds a secret.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mlcontrol.core.audit import AuditRow, ChainVerdict
from mlcontrol.core.compatibility.report import Report
from mlcontrol.core.operation import Operation, OperationKind
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem
from mlcontrol.core.review import Judgement, JudgementVerdict, ReviewItem, Score
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ConnectionState, EventKind, Sample, SeriesData, ServiceState, TimelineEvent

PROTOCOL = 1


class _Message(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    pass


class _Request(_Message, frozen=True, kw_only=True):
    request: str


# --- commands ---


class RefreshNow(_Request, frozen=True, kw_only=True):
    """Poll now instead of at the next turn. Answer: `Done` when the poll has been folded in."""

    service: str | None = None


class QueryHistory(_Request, frozen=True, kw_only=True):
    """Answer: `HistoryAnswer`. ``points``: about how many per series are of use (pixels)."""

    service: str
    metrics: tuple[str, ...]
    since_s: float
    until_s: float
    points: int = 1000


class QueryTimeline(_Request, frozen=True, kw_only=True):
    """Answer: `TimelineAnswer`, newest first."""

    service: str | None = None
    since_s: float = 0.0
    until_s: float | None = None
    kinds: tuple[EventKind, ...] = ()
    text: str = ""
    limit: int = 500


class CheckVersion(_Request, frozen=True, kw_only=True):
    """Compatibility of a registered version with what is served now. ``probe``: also load it beside the current version and run
    the golden set on the real server (journaled; no traffic moves). Answer: `CheckAnswer`; progress as `Progress`."""

    service: str
    version: str
    probe: bool = False
    actor: str = ""


class MakePlan(_Request, frozen=True, kw_only=True):
    """``version`` `None` with a rollback: the last version known good. Answer: `PlanAnswer`."""

    kind: OperationKind
    service: str
    version: str | None = None
    express: bool = False


class Execute(_Request, frozen=True, kw_only=True):
    """Run a plan the engine made (`MakePlan`), named by its hash. The same ``operation`` id twice is one operation.
    Answer: `Done` when the intent is durable and the operation runs; then `OperationChanged` until it has ended."""

    operation: str
    plan_hash: str
    reason: str
    actor: str
    accept_unknown: bool = False


class Abort(_Request, frozen=True, kw_only=True):
    """Stop at the next safe point and go back."""

    operation: str
    actor: str
    reason: str = ""


class TestConnection(_Request, frozen=True, kw_only=True):
    """Try a connection that need not be saved. Answer: `ConnectionDiagnosis`."""

    settings: ConnectionSettings


class SaveConnection(_Request, frozen=True, kw_only=True):
    """``replaces``: the id it had before, when edited. Answer: `Done`."""

    settings: ConnectionSettings
    replaces: str | None = None
    actor: str = ""


class RemoveConnection(_Request, frozen=True, kw_only=True):
    connection: str
    actor: str = ""


class SaveService(_Request, frozen=True, kw_only=True):
    settings: ServiceSettings
    replaces: str | None = None
    actor: str = ""


class RemoveService(_Request, frozen=True, kw_only=True):
    service: str
    actor: str = ""


class QueryAudit(_Request, frozen=True, kw_only=True):
    """Rows before ``before`` (exclusive; `None` = from the newest), newest first. Answer: `AuditAnswer`."""

    before: int | None = None
    limit: int = 200


class VerifyAudit(_Request, frozen=True, kw_only=True):
    """Answer: `AuditVerified`."""


class NextReviewItem(_Request, frozen=True, kw_only=True):
    """The next item of a service's queue for this rater, drawn from the prediction log. Answer: `ReviewItemAnswer`."""

    service: str
    rater: str
    not_items: tuple[str, ...] = ()


class Judge(_Request, frozen=True, kw_only=True):
    """Answer: `JudgementStored`, when it is durable."""

    item: str
    service: str
    rater: str
    verdict: JudgementVerdict
    correct: str = ""
    comment: str = ""
    flagged: bool = False


class UndoJudgement(_Request, frozen=True, kw_only=True):
    """Withdraw the rater's newest judgement that stands. Answer: `ReviewItemAnswer` with that item, or `None` inside."""

    service: str
    rater: str


class QueryScores(_Request, frozen=True, kw_only=True):
    """Answer: `ScoresAnswer`."""

    service: str


class AddNote(_Request, frozen=True, kw_only=True):
    """Put a note on the timeline. Answer: `Done`."""

    text: str
    actor: str
    service: str | None = None


class StopEngine(_Request, frozen=True, kw_only=True):
    """Refused while an operation runs, unless ``force``. Answer: `Done`, then the connection ends."""

    force: bool = False


Command = (
    RefreshNow | QueryHistory | QueryTimeline | CheckVersion | MakePlan | Execute | Abort | TestConnection | SaveConnection
    | RemoveConnection | SaveService | RemoveService | QueryAudit | VerifyAudit | NextReviewItem | Judge | UndoJudgement
    | QueryScores | AddNote | StopEngine
)  # fmt: skip


# --- events ---


class Hello(_Message, frozen=True, kw_only=True):
    """First message on every connection. ``mono_s``/``utc_s``: the engine's clocks at that moment."""

    protocol: int
    pid: int
    version: str
    started_s: float
    utc_s: float
    mono_s: float
    user: str
    view_only: str = ""  # why this engine may not act, if so


class Snapshot(_Message, frozen=True, kw_only=True):
    """The whole state; sent after `Hello` and whenever the engine cannot tell what a shell has missed."""

    state: FleetState


class SettingsChanged(_Message, frozen=True, kw_only=True):
    settings: WorkspaceSettings


class ServiceChanged(_Message, frozen=True, kw_only=True):
    service: ServiceState


class ServiceRemoved(_Message, frozen=True, kw_only=True):
    service: str


class ConnectionChanged(_Message, frozen=True, kw_only=True):
    connection: ConnectionState


class ConnectionRemoved(_Message, frozen=True, kw_only=True):
    connection: str


class OperationChanged(_Message, frozen=True, kw_only=True):
    operation: Operation


class TimelineGrew(_Message, frozen=True, kw_only=True):
    events: tuple[TimelineEvent, ...]


class SamplesArrived(_Message, frozen=True, kw_only=True):
    """Live points since the last batch, any service."""

    samples: tuple[Sample, ...]


class AuditChanged(_Message, frozen=True, kw_only=True):
    rows: int
    ok: bool | None
    verified_s: float | None


class Done(_Request, frozen=True, kw_only=True):
    text: str = ""


class Refused(_Request, frozen=True, kw_only=True):
    """The command was not carried out; nothing was changed unless the problem says so."""

    problem: Problem


class Progress(_Request, frozen=True, kw_only=True):
    text: str
    fraction: float | None = None


class HistoryAnswer(_Request, frozen=True, kw_only=True):
    service: str
    since_s: float
    until_s: float
    series: tuple[SeriesData, ...]


class TimelineAnswer(_Request, frozen=True, kw_only=True):
    events: tuple[TimelineEvent, ...]


class CheckAnswer(_Request, frozen=True, kw_only=True):
    service: str
    version: str
    report: Report


class PlanAnswer(_Request, frozen=True, kw_only=True):
    plan: Plan
    plan_hash: str


class ConnectionDiagnosis(_Request, frozen=True, kw_only=True):
    """``problem`` `None`: it answered; then ``server``, ``latency_ms`` and ``detail`` say what."""

    problem: Problem | None
    server: str = ""
    latency_ms: float | None = None
    detail: str = ""


class AuditAnswer(_Request, frozen=True, kw_only=True):
    rows: tuple[AuditRow, ...]
    total: int


class AuditVerified(_Request, frozen=True, kw_only=True):
    verdict: ChainVerdict


class ReviewItemAnswer(_Request, frozen=True, kw_only=True):
    """``item`` `None`: nothing to judge; ``why`` says so."""

    item: ReviewItem | None
    why: str = ""


class JudgementStored(_Request, frozen=True, kw_only=True):
    judgement: Judgement
    scores: tuple[Score, ...]


class ScoresAnswer(_Request, frozen=True, kw_only=True):
    service: str
    scores: tuple[Score, ...]


Event = (
    Hello | Snapshot | SettingsChanged | ServiceChanged | ServiceRemoved | ConnectionChanged | ConnectionRemoved | OperationChanged
    | TimelineGrew | SamplesArrived | AuditChanged | Done | Refused | Progress | HistoryAnswer | TimelineAnswer | CheckAnswer
    | PlanAnswer | ConnectionDiagnosis | AuditAnswer | AuditVerified | ReviewItemAnswer | JudgementStored | ScoresAnswer
)  # fmt: skip

_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Command)
_events: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Event)


def encode(message: Command | Event) -> bytes:
    return _encoder.encode(message)


def decode_command(frame: bytes) -> Command:
    """Raises `msgspec.DecodeError` for anything that is not a well-formed command."""
    command: Command = _commands.decode(frame)
    return command


def decode_event(frame: bytes) -> Event:
    """Raises `msgspec.DecodeError` for anything that is not a well-formed event."""
    event: Event = _events.decode(frame)
    return event

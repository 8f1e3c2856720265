"""The timeline and the audit log."""

from __future__ import annotations

from mlcontrol.core.audit import AuditRow, ChainVerdict
from mlcontrol.core.audit_export import Checkpoint
from mlcontrol.core.point_in_time import Standing
from mlcontrol.core.recorded import RecordedChange
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.engine.messages.shape import Request


class QueryTimeline(Request, frozen=True, kw_only=True):
    """Answer: `TimelineAnswer`, newest first."""

    service: str | None = None
    since_s: float = 0.0
    until_s: float | None = None
    kinds: tuple[EventKind, ...] = ()
    text: str = ""
    limit: int = 500


class RecordChange(Request, frozen=True, kw_only=True):
    """Put on the timeline what nobody here can see. Answer: `ChangeRecorded`."""

    change: RecordedChange
    actor: str


class QueryAudit(Request, frozen=True, kw_only=True):
    """Rows before ``before`` (exclusive; `None` = from the newest), newest first. Answer: `AuditAnswer`."""

    before: int | None = None
    limit: int = 200


class VerifyAudit(Request, frozen=True, kw_only=True):
    """Answer: `AuditVerified`."""


class QueryStanding(Request, frozen=True, kw_only=True):
    """What served at ``at_s`` (UTC seconds), and who decided it. Answer: `StandingAnswer`."""

    service: str
    at_s: float


class QueryCheckpoints(Request, frozen=True, kw_only=True):
    """Answer: `CheckpointsAnswer`; the newest row is signed first if it can be."""


class QueryEvidence(Request, frozen=True, kw_only=True):
    """What a digest in an audit row names. Answer: `EvidenceAnswer`."""

    digest: str


class TimelineAnswer(Request, frozen=True, kw_only=True):
    events: tuple[TimelineEvent, ...]


class ChangeRecorded(Request, frozen=True, kw_only=True):
    """``fresh``: it was not there before, under the same id."""

    event: TimelineEvent
    fresh: bool


class AuditAnswer(Request, frozen=True, kw_only=True):
    rows: tuple[AuditRow, ...]
    total: int


class AuditVerified(Request, frozen=True, kw_only=True):
    verdict: ChainVerdict


class StandingAnswer(Request, frozen=True, kw_only=True):
    standing: Standing


class CheckpointsAnswer(Request, frozen=True, kw_only=True):
    checkpoints: tuple[Checkpoint, ...]


class EvidenceAnswer(Request, frozen=True, kw_only=True):
    """``body``: canonical JSON; `None`: not here, or not what it was."""

    body: str | None


Command = QueryTimeline | RecordChange | QueryAudit | VerifyAudit | QueryStanding | QueryCheckpoints | QueryEvidence
Event = (
    TimelineAnswer | ChangeRecorded | AuditAnswer | AuditVerified | StandingAnswer | CheckpointsAnswer | EvidenceAnswer
)

"""Commands and events: the whole wire between the engine and any shell (window, command line, test), one file an area.

Encoded as MessagePack, one message a frame, tagged by class name. A command that expects an answer carries ``request``; its
answer carries the same: `Refused` when it was not carried out, else `Done` or what its docstring says. Nothing here holds a
secret.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mlcontrol.core.state_bytes import parts_of, state_decoded
from mlcontrol.engine.messages import (
    alerts,
    connections,
    fleet,
    golden,
    incidents,
    records,
    reviews,
    rollouts,
    shape,
    signals,
    together,
)
from mlcontrol.engine.messages.alerts import (
    AcknowledgeAlert as AcknowledgeAlert,
    AlertsChanged as AlertsChanged,
    AlertTold as AlertTold,
    EndSilence as EndSilence,
    SilenceAlerts as SilenceAlerts,
)
from mlcontrol.engine.messages.connections import (
    AgreeToAddress as AgreeToAddress,
    ConnectionDiagnosis as ConnectionDiagnosis,
    RemoveConnection as RemoveConnection,
    RemoveNotify as RemoveNotify,
    RemoveService as RemoveService,
    SaveConnection as SaveConnection,
    SaveNotify as SaveNotify,
    SaveService as SaveService,
    TestConnection as TestConnection,
    TestNotify as TestNotify,
)
from mlcontrol.engine.messages.fleet import (
    AuditChanged as AuditChanged,
    ClockChanged as ClockChanged,
    ConnectionChanged as ConnectionChanged,
    ConnectionRemoved as ConnectionRemoved,
    Hello as Hello,
    HistoryAnswer as HistoryAnswer,
    OperationChanged as OperationChanged,
    QueryHistory as QueryHistory,
    RefreshNow as RefreshNow,
    SamplesArrived as SamplesArrived,
    ServiceChanged as ServiceChanged,
    ServiceRemoved as ServiceRemoved,
    SettingsChanged as SettingsChanged,
    Snapshot as Snapshot,
    StopEngine as StopEngine,
    TimelineGrew as TimelineGrew,
)
from mlcontrol.engine.messages.golden import (
    GoldenSetAnswer as GoldenSetAnswer,
    QueryGolden as QueryGolden,
)
from mlcontrol.engine.messages.incidents import (
    AddPrevention as AddPrevention,
    BriefAnswer as BriefAnswer,
    DeclareIncident as DeclareIncident,
    FindIncidents as FindIncidents,
    IncidentAnswer as IncidentAnswer,
    IncidentsAnswer as IncidentsAnswer,
    LiftSilences as LiftSilences,
    MakePostmortem as MakePostmortem,
    PlanBisect as PlanBisect,
    PostmortemAnswer as PostmortemAnswer,
    PracticeAnswer as PracticeAnswer,
    QueryIncident as QueryIncident,
    QueryPractice as QueryPractice,
    QuerySuspect as QuerySuspect,
    ScoreAnswer as ScoreAnswer,
    ScorePractice as ScorePractice,
    SilenceIncident as SilenceIncident,
    StartPractice as StartPractice,
    SuspectAnswer as SuspectAnswer,
    WriteIncident as WriteIncident,
)
from mlcontrol.engine.messages.records import (
    AuditAnswer as AuditAnswer,
    AuditVerified as AuditVerified,
    ChangeRecorded as ChangeRecorded,
    CheckpointsAnswer as CheckpointsAnswer,
    EvidenceAnswer as EvidenceAnswer,
    QueryAudit as QueryAudit,
    QueryCheckpoints as QueryCheckpoints,
    QueryEvidence as QueryEvidence,
    QueryStanding as QueryStanding,
    QueryTimeline as QueryTimeline,
    RecordChange as RecordChange,
    StandingAnswer as StandingAnswer,
    TimelineAnswer as TimelineAnswer,
    VerifyAudit as VerifyAudit,
)
from mlcontrol.engine.messages.reviews import (
    Adjudicate as Adjudicate,
    CampaignsAnswer as CampaignsAnswer,
    ExportReviews as ExportReviews,
    FindingsAnswer as FindingsAnswer,
    ImportFeedback as ImportFeedback,
    ImportReviews as ImportReviews,
    Judge as Judge,
    JudgementStored as JudgementStored,
    KeepReviewItems as KeepReviewItems,
    MakeGoldenItem as MakeGoldenItem,
    NextReviewItem as NextReviewItem,
    QueryCampaigns as QueryCampaigns,
    QueryFindings as QueryFindings,
    QueryReviewItem as QueryReviewItem,
    QueryScores as QueryScores,
    QuerySitting as QuerySitting,
    ReleaseReviewItems as ReleaseReviewItems,
    ReviewItemAnswer as ReviewItemAnswer,
    ReviewItemsKept as ReviewItemsKept,
    SaveReviewDraft as SaveReviewDraft,
    ScoresAnswer as ScoresAnswer,
    SetCampaignStanding as SetCampaignStanding,
    SittingAnswer as SittingAnswer,
    StartCampaign as StartCampaign,
    UndoJudgement as UndoJudgement,
    WithdrawReviewItem as WithdrawReviewItem,
    WriteBackAssessments as WriteBackAssessments,
)
from mlcontrol.engine.messages.rollouts import (
    Abort as Abort,
    BacktestGate as BacktestGate,
    CheckAnswer as CheckAnswer,
    CheckVersion as CheckVersion,
    ClearGuard as ClearGuard,
    Execute as Execute,
    FindOwners as FindOwners,
    GateBacktestAnswer as GateBacktestAnswer,
    HoldStage as HoldStage,
    MakePlan as MakePlan,
    OwnersAnswer as OwnersAnswer,
    PlanAnswer as PlanAnswer,
    PromoteStage as PromoteStage,
    StopBacktest as StopBacktest,
)
from mlcontrol.engine.messages.shape import (
    Done as Done,
    Progress as Progress,
    Refused as Refused,
)
from mlcontrol.engine.messages.signals import (
    CapacityAnswer as CapacityAnswer,
    ControlAnswer as ControlAnswer,
    DataAnswer as DataAnswer,
    GenerationsAnswer as GenerationsAnswer,
    PipelineAnswer as PipelineAnswer,
    QualityAnswer as QualityAnswer,
    QueryCapacity as QueryCapacity,
    QueryControl as QueryControl,
    QueryData as QueryData,
    QueryGenerations as QueryGenerations,
    QueryPipeline as QueryPipeline,
    QueryQuality as QueryQuality,
)
from mlcontrol.engine.messages.together import (
    AddFreeze as AddFreeze,
    ApprovePlan as ApprovePlan,
    DrillAnswer as DrillAnswer,
    DrillsAnswer as DrillsAnswer,
    GuardsAnswer as GuardsAnswer,
    LiftFreeze as LiftFreeze,
    LiftQuarantine as LiftQuarantine,
    QueryDrills as QueryDrills,
    QueryGuards as QueryGuards,
    RunDrill as RunDrill,
)

PROTOCOL = 1

Command = (
    alerts.Command
    | fleet.Command
    | golden.Command
    | rollouts.Command
    | connections.Command
    | records.Command
    | reviews.Command
    | incidents.Command
    | signals.Command
    | together.Command
)
Event = (
    alerts.Event
    | shape.Event
    | fleet.Event
    | golden.Event
    | rollouts.Event
    | connections.Event
    | records.Event
    | reviews.Event
    | incidents.Event
    | signals.Event
    | together.Event
)

LARGE = 64 * 1024
"""Bytes; so much is decoded within a millisecond."""

_encoder = msgspec.msgpack.Encoder()
_SNAPSHOT = _encoder.encode(Snapshot.__name__)
_commands: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Command)
_events: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Event)


def encode(message: Command | Event) -> bytes:
    return _encoder.encode(message)


def decode_command(frame: bytes) -> Command:
    """Raises `msgspec.DecodeError` for anything that is not a well-formed command."""
    command: Command = _commands.decode(frame)
    return command


def decode_event(frame: bytes) -> Event:
    """Raises `msgspec.DecodeError` for anything that is not a well-formed event. A large snapshot is decoded in steps, between
    which other threads run."""
    if len(frame) > LARGE:
        parts = parts_of(frame)
        if bytes(parts.get("type", b"")) == _SNAPSHOT:
            return Snapshot(state=state_decoded(parts.get("state", b"")))
    event: Event = _events.decode(frame)
    return event

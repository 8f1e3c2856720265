"""Commands and events: the whole wire between the engine and any shell (window, command line, test), one file an area.

Encoded as MessagePack, one message a frame, tagged by class name. A command that expects an answer carries ``request``; its
answer carries the same: `Refused` when it was not carried out, else `Done` or what its docstring says. Nothing here holds a
secret.
"""

from __future__ import annotations

from typing import Any

import msgspec

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
)
from mlcontrol.engine.messages.alerts import (
    AlertsChanged as AlertsChanged,
)
from mlcontrol.engine.messages.alerts import (
    AlertTold as AlertTold,
)
from mlcontrol.engine.messages.alerts import (
    EndSilence as EndSilence,
)
from mlcontrol.engine.messages.alerts import (
    SilenceAlerts as SilenceAlerts,
)
from mlcontrol.engine.messages.connections import (
    ConnectionDiagnosis as ConnectionDiagnosis,
)
from mlcontrol.engine.messages.connections import (
    RemoveConnection as RemoveConnection,
)
from mlcontrol.engine.messages.connections import (
    RemoveService as RemoveService,
)
from mlcontrol.engine.messages.connections import (
    SaveConnection as SaveConnection,
)
from mlcontrol.engine.messages.connections import (
    SaveService as SaveService,
)
from mlcontrol.engine.messages.connections import (
    TestConnection as TestConnection,
)
from mlcontrol.engine.messages.fleet import (
    AuditChanged as AuditChanged,
)
from mlcontrol.engine.messages.fleet import (
    ConnectionChanged as ConnectionChanged,
)
from mlcontrol.engine.messages.fleet import (
    ConnectionRemoved as ConnectionRemoved,
)
from mlcontrol.engine.messages.fleet import (
    Hello as Hello,
)
from mlcontrol.engine.messages.fleet import (
    HistoryAnswer as HistoryAnswer,
)
from mlcontrol.engine.messages.fleet import (
    OperationChanged as OperationChanged,
)
from mlcontrol.engine.messages.fleet import (
    QueryHistory as QueryHistory,
)
from mlcontrol.engine.messages.fleet import (
    RefreshNow as RefreshNow,
)
from mlcontrol.engine.messages.fleet import (
    SamplesArrived as SamplesArrived,
)
from mlcontrol.engine.messages.fleet import (
    ServiceChanged as ServiceChanged,
)
from mlcontrol.engine.messages.fleet import (
    ServiceRemoved as ServiceRemoved,
)
from mlcontrol.engine.messages.fleet import (
    SettingsChanged as SettingsChanged,
)
from mlcontrol.engine.messages.fleet import (
    Snapshot as Snapshot,
)
from mlcontrol.engine.messages.fleet import (
    StopEngine as StopEngine,
)
from mlcontrol.engine.messages.fleet import (
    TimelineGrew as TimelineGrew,
)
from mlcontrol.engine.messages.golden import (
    GoldenSetAnswer as GoldenSetAnswer,
)
from mlcontrol.engine.messages.golden import (
    QueryGolden as QueryGolden,
)
from mlcontrol.engine.messages.incidents import (
    AddPrevention as AddPrevention,
)
from mlcontrol.engine.messages.incidents import (
    BriefAnswer as BriefAnswer,
)
from mlcontrol.engine.messages.incidents import (
    DeclareIncident as DeclareIncident,
)
from mlcontrol.engine.messages.incidents import (
    FindIncidents as FindIncidents,
)
from mlcontrol.engine.messages.incidents import (
    IncidentAnswer as IncidentAnswer,
)
from mlcontrol.engine.messages.incidents import (
    IncidentsAnswer as IncidentsAnswer,
)
from mlcontrol.engine.messages.incidents import (
    LiftSilences as LiftSilences,
)
from mlcontrol.engine.messages.incidents import (
    MakePostmortem as MakePostmortem,
)
from mlcontrol.engine.messages.incidents import (
    PostmortemAnswer as PostmortemAnswer,
)
from mlcontrol.engine.messages.incidents import (
    QueryIncident as QueryIncident,
)
from mlcontrol.engine.messages.incidents import (
    SilenceIncident as SilenceIncident,
)
from mlcontrol.engine.messages.incidents import (
    WriteIncident as WriteIncident,
)
from mlcontrol.engine.messages.records import (
    AddNote as AddNote,
)
from mlcontrol.engine.messages.records import (
    AuditAnswer as AuditAnswer,
)
from mlcontrol.engine.messages.records import (
    AuditVerified as AuditVerified,
)
from mlcontrol.engine.messages.records import (
    CheckpointsAnswer as CheckpointsAnswer,
)
from mlcontrol.engine.messages.records import (
    EvidenceAnswer as EvidenceAnswer,
)
from mlcontrol.engine.messages.records import (
    QueryAudit as QueryAudit,
)
from mlcontrol.engine.messages.records import (
    QueryCheckpoints as QueryCheckpoints,
)
from mlcontrol.engine.messages.records import (
    QueryEvidence as QueryEvidence,
)
from mlcontrol.engine.messages.records import (
    QueryStanding as QueryStanding,
)
from mlcontrol.engine.messages.records import (
    QueryTimeline as QueryTimeline,
)
from mlcontrol.engine.messages.records import (
    StandingAnswer as StandingAnswer,
)
from mlcontrol.engine.messages.records import (
    TimelineAnswer as TimelineAnswer,
)
from mlcontrol.engine.messages.records import (
    VerifyAudit as VerifyAudit,
)
from mlcontrol.engine.messages.reviews import (
    Adjudicate as Adjudicate,
)
from mlcontrol.engine.messages.reviews import (
    CampaignsAnswer as CampaignsAnswer,
)
from mlcontrol.engine.messages.reviews import (
    ExportReviews as ExportReviews,
)
from mlcontrol.engine.messages.reviews import (
    FindingsAnswer as FindingsAnswer,
)
from mlcontrol.engine.messages.reviews import (
    ImportFeedback as ImportFeedback,
)
from mlcontrol.engine.messages.reviews import (
    ImportReviews as ImportReviews,
)
from mlcontrol.engine.messages.reviews import (
    Judge as Judge,
)
from mlcontrol.engine.messages.reviews import (
    JudgementStored as JudgementStored,
)
from mlcontrol.engine.messages.reviews import (
    KeepReviewItems as KeepReviewItems,
)
from mlcontrol.engine.messages.reviews import (
    MakeGoldenItem as MakeGoldenItem,
)
from mlcontrol.engine.messages.reviews import (
    NextReviewItem as NextReviewItem,
)
from mlcontrol.engine.messages.reviews import (
    QueryCampaigns as QueryCampaigns,
)
from mlcontrol.engine.messages.reviews import (
    QueryFindings as QueryFindings,
)
from mlcontrol.engine.messages.reviews import (
    QueryReviewItem as QueryReviewItem,
)
from mlcontrol.engine.messages.reviews import (
    QueryScores as QueryScores,
)
from mlcontrol.engine.messages.reviews import (
    QuerySitting as QuerySitting,
)
from mlcontrol.engine.messages.reviews import (
    ReleaseReviewItems as ReleaseReviewItems,
)
from mlcontrol.engine.messages.reviews import (
    ReviewItemAnswer as ReviewItemAnswer,
)
from mlcontrol.engine.messages.reviews import (
    ReviewItemsKept as ReviewItemsKept,
)
from mlcontrol.engine.messages.reviews import (
    SaveReviewDraft as SaveReviewDraft,
)
from mlcontrol.engine.messages.reviews import (
    ScoresAnswer as ScoresAnswer,
)
from mlcontrol.engine.messages.reviews import (
    SetCampaignStanding as SetCampaignStanding,
)
from mlcontrol.engine.messages.reviews import (
    SittingAnswer as SittingAnswer,
)
from mlcontrol.engine.messages.reviews import (
    StartCampaign as StartCampaign,
)
from mlcontrol.engine.messages.reviews import (
    UndoJudgement as UndoJudgement,
)
from mlcontrol.engine.messages.reviews import (
    WithdrawReviewItem as WithdrawReviewItem,
)
from mlcontrol.engine.messages.reviews import (
    WriteBackAssessments as WriteBackAssessments,
)
from mlcontrol.engine.messages.rollouts import (
    Abort as Abort,
)
from mlcontrol.engine.messages.rollouts import (
    BacktestGate as BacktestGate,
)
from mlcontrol.engine.messages.rollouts import (
    CheckAnswer as CheckAnswer,
)
from mlcontrol.engine.messages.rollouts import (
    CheckVersion as CheckVersion,
)
from mlcontrol.engine.messages.rollouts import (
    ClearGuard as ClearGuard,
)
from mlcontrol.engine.messages.rollouts import (
    Execute as Execute,
)
from mlcontrol.engine.messages.rollouts import (
    GateBacktestAnswer as GateBacktestAnswer,
)
from mlcontrol.engine.messages.rollouts import (
    HoldStage as HoldStage,
)
from mlcontrol.engine.messages.rollouts import (
    MakePlan as MakePlan,
)
from mlcontrol.engine.messages.rollouts import (
    PlanAnswer as PlanAnswer,
)
from mlcontrol.engine.messages.rollouts import (
    PromoteStage as PromoteStage,
)
from mlcontrol.engine.messages.shape import (
    Done as Done,
)
from mlcontrol.engine.messages.shape import (
    Progress as Progress,
)
from mlcontrol.engine.messages.shape import (
    Refused as Refused,
)
from mlcontrol.engine.messages.signals import (
    ControlAnswer as ControlAnswer,
)
from mlcontrol.engine.messages.signals import (
    DataAnswer as DataAnswer,
)
from mlcontrol.engine.messages.signals import (
    GenerationsAnswer as GenerationsAnswer,
)
from mlcontrol.engine.messages.signals import (
    QualityAnswer as QualityAnswer,
)
from mlcontrol.engine.messages.signals import (
    QueryControl as QueryControl,
)
from mlcontrol.engine.messages.signals import (
    QueryData as QueryData,
)
from mlcontrol.engine.messages.signals import (
    QueryGenerations as QueryGenerations,
)
from mlcontrol.engine.messages.signals import (
    QueryQuality as QueryQuality,
)
from mlcontrol.engine.messages.together import (
    ApprovePlan as ApprovePlan,
)
from mlcontrol.engine.messages.together import (
    DrillAnswer as DrillAnswer,
)
from mlcontrol.engine.messages.together import (
    DrillsAnswer as DrillsAnswer,
)
from mlcontrol.engine.messages.together import (
    GuardsAnswer as GuardsAnswer,
)
from mlcontrol.engine.messages.together import (
    LiftQuarantine as LiftQuarantine,
)
from mlcontrol.engine.messages.together import (
    QueryDrills as QueryDrills,
)
from mlcontrol.engine.messages.together import (
    QueryGuards as QueryGuards,
)
from mlcontrol.engine.messages.together import (
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

"""What a desk is: commands, each with its urgency and the function that answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine import messages as m
from mlcontrol.services.alerts import Alerts
from mlcontrol.services.audit import AuditQueries
from mlcontrol.services.capacity import CapacityDesk
from mlcontrol.services.chart_history import ChartHistory
from mlcontrol.services.collector import Collector
from mlcontrol.services.connections import Connections
from mlcontrol.services.context import ChecksService, RolloutsService, ServiceContext, Tell
from mlcontrol.services.control import ControlDesk
from mlcontrol.services.drills import DrillRoom
from mlcontrol.services.incidents.adding import Adding
from mlcontrol.services.incidents.bisecting import Bisecting
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.postmortem import Postmortems
from mlcontrol.services.incidents.silencing import Silencing
from mlcontrol.services.permission import Permissions
from mlcontrol.services.pipelines import PipelineDesk
from mlcontrol.services.practice import PracticeDesk
from mlcontrol.services.quality import QualityDesk
from mlcontrol.services.reviews.bench import ReviewDesk
from mlcontrol.services.reviews.campaigns import CampaignDesk
from mlcontrol.services.telling import Telling
from mlcontrol.services.timeline import Records
from mlcontrol.services.watch import Watch


class Lane(Enum):
    """A slow lane never delays a quick one, and nothing delays acting."""

    QUICK = "quick"
    SLOW = "slow"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Services:
    ctx: ServiceContext
    collector: Collector
    checks: ChecksService
    rollouts: RolloutsService
    reviews: ReviewDesk
    campaigns: CampaignDesk
    connections: Connections
    records: Records
    history: ChartHistory
    audit: AuditQueries
    permissions: Permissions
    drills: DrillRoom
    watch: Watch
    incidents: Incidents
    briefing: Briefing
    bisecting: Bisecting
    silencing: Silencing
    adding: Adding
    postmortems: Postmortems
    practice: PracticeDesk
    alerts: Alerts
    quality: QualityDesk
    control: ControlDesk
    capacity: CapacityDesk
    pipelines: PipelineDesk
    telling: Telling

    def may_write(self) -> None:
        """Raises `ProblemError` where this engine may only look."""
        if self.ctx.view_only:
            raise ProblemError(
                Problem("This engine may only look.", self.ctx.view_only, "Mend the store first.", "blocked")
            )


Handler = Callable[[Services, Any, Tell], m.Event]
"""Answers a command, telling progress; raises `ProblemError` for a refusal."""

Table = dict[type[Any], tuple[Lane, Handler]]

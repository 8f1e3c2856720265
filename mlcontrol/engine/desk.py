"""The desk: which service answers which command, and with what urgency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine import messages as m
from mlcontrol.services.audit import AuditQueries
from mlcontrol.services.collector import Collector
from mlcontrol.services.connections import Connections
from mlcontrol.services.context import ChecksService, RolloutsService, ServiceContext, Tell
from mlcontrol.services.reviews import ReviewDesk
from mlcontrol.services.timeline import Records

Handler = Callable[[Any], m.Event]


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
    connections: Connections
    records: Records
    audit: AuditQueries


class Desk:
    """*Thread:* any."""

    def __init__(self, services: Services) -> None:
        self._s = services
        self._table: dict[type[Any], tuple[Lane, Handler]] = {
            m.RefreshNow: (Lane.SLOW, self._refresh),
            m.QueryHistory: (Lane.QUICK, self._history),
            m.QueryTimeline: (Lane.QUICK, self._timeline),
            m.MakePlan: (Lane.SLOW, self._plan),
            m.Execute: (Lane.ACT, self._execute),
            m.Abort: (Lane.ACT, self._abort),
            m.TestConnection: (Lane.SLOW, self._test_connection),
            m.SaveConnection: (Lane.SLOW, self._save_connection),
            m.RemoveConnection: (Lane.SLOW, self._remove_connection),
            m.SaveService: (Lane.SLOW, self._save_service),
            m.RemoveService: (Lane.SLOW, self._remove_service),
            m.QueryAudit: (Lane.QUICK, self._audit),
            m.VerifyAudit: (Lane.SLOW, self._verify),
            m.NextReviewItem: (Lane.QUICK, self._next_item),
            m.Judge: (Lane.QUICK, self._judge),
            m.UndoJudgement: (Lane.QUICK, self._undo),
            m.QueryScores: (Lane.QUICK, self._scores),
            m.AddNote: (Lane.QUICK, self._note),
        }

    def lane(self, kind: type[m.Command]) -> Lane:
        return Lane.SLOW if kind is m.CheckVersion else self._table[kind][0]

    def carry_out(self, command: m.Command, tell: Tell) -> m.Event:
        """The answer. Raises `ProblemError` for a refusal."""
        if isinstance(command, m.CheckVersion):
            return self._check(command, tell)
        return self._table[type(command)][1](command)

    def _may_write(self) -> None:
        if self._s.ctx.view_only:
            raise ProblemError(
                Problem("This engine may only look.", self._s.ctx.view_only, "Mend the store first.", "blocked")
            )

    def _refresh(self, c: m.RefreshNow) -> m.Event:
        self._s.collector.refresh(c.service)
        return m.Done(request=c.request, text="polled")

    def _history(self, c: m.QueryHistory) -> m.Event:
        series = self._s.records.history(c.service, c.metrics, c.since_s, c.until_s, c.points)
        return m.HistoryAnswer(
            request=c.request, service=c.service, since_s=c.since_s, until_s=c.until_s, series=series
        )

    def _timeline(self, c: m.QueryTimeline) -> m.Event:
        events = self._s.records.timeline(c.service, c.since_s, c.until_s, c.kinds, c.text, c.limit)
        return m.TimelineAnswer(request=c.request, events=events)

    def _check(self, c: m.CheckVersion, tell: Tell) -> m.Event:
        if c.probe:
            self._may_write()
        report = self._s.checks.check(c.service, c.version, c.probe, c.actor, tell)
        return m.CheckAnswer(request=c.request, service=c.service, version=c.version, report=report)

    def _plan(self, c: m.MakePlan) -> m.Event:
        plan = self._s.rollouts.make_plan(c.kind, c.service, c.version, c.express)
        return m.PlanAnswer(request=c.request, plan=plan, plan_hash=plan.hash)

    def _execute(self, c: m.Execute) -> m.Event:
        self._may_write()
        self._s.rollouts.execute(c.operation, c.plan_hash, c.reason, c.actor, c.accept_unknown)
        return m.Done(request=c.request, text="recorded and running")

    def _abort(self, c: m.Abort) -> m.Event:
        self._s.rollouts.abort(c.operation, c.actor, c.reason)
        return m.Done(request=c.request, text="stopping at the next safe point")

    def _test_connection(self, c: m.TestConnection) -> m.Event:
        found = self._s.connections.test(c.settings)
        return m.ConnectionDiagnosis(
            request=c.request,
            problem=found.problem,
            server=found.server,
            latency_ms=found.latency_ms,
            detail=found.detail,
        )

    def _save_connection(self, c: m.SaveConnection) -> m.Event:
        self._may_write()
        self._s.connections.save_connection(c.settings, c.replaces, c.actor)
        return m.Done(request=c.request, text=f"{c.settings.id} is saved")

    def _remove_connection(self, c: m.RemoveConnection) -> m.Event:
        self._may_write()
        self._s.connections.remove_connection(c.connection, c.actor)
        return m.Done(request=c.request, text=f"{c.connection} is removed")

    def _save_service(self, c: m.SaveService) -> m.Event:
        self._may_write()
        self._s.connections.save_service(c.settings, c.replaces, c.actor)
        return m.Done(request=c.request, text=f"{c.settings.id} is saved")

    def _remove_service(self, c: m.RemoveService) -> m.Event:
        self._may_write()
        self._s.connections.remove_service(c.service, c.actor)
        return m.Done(request=c.request, text=f"{c.service} is removed")

    def _audit(self, c: m.QueryAudit) -> m.Event:
        rows, total = self._s.audit.rows(c.before, c.limit)
        return m.AuditAnswer(request=c.request, rows=rows, total=total)

    def _verify(self, c: m.VerifyAudit) -> m.Event:
        return m.AuditVerified(request=c.request, verdict=self._s.audit.verify())

    def _next_item(self, c: m.NextReviewItem) -> m.Event:
        item, why = self._s.reviews.next_item(c.service, c.rater, c.not_items)
        return m.ReviewItemAnswer(request=c.request, item=item, why=why)

    def _judge(self, c: m.Judge) -> m.Event:
        self._may_write()
        judgement, scores = self._s.reviews.judge(
            c.item, c.service, c.rater, c.verdict, c.correct, c.comment, c.flagged
        )
        return m.JudgementStored(request=c.request, judgement=judgement, scores=scores)

    def _undo(self, c: m.UndoJudgement) -> m.Event:
        self._may_write()
        item = self._s.reviews.undo(c.service, c.rater)
        return m.ReviewItemAnswer(request=c.request, item=item, why="" if item else "There is nothing to undo.")

    def _scores(self, c: m.QueryScores) -> m.Event:
        return m.ScoresAnswer(request=c.request, service=c.service, scores=self._s.reviews.scores(c.service))

    def _note(self, c: m.AddNote) -> m.Event:
        self._may_write()
        self._s.records.note(c.text, c.actor, c.service)
        return m.Done(request=c.request, text="noted")

"""Queries of the audit log, and its verification."""

from __future__ import annotations

from mlcontrol.core import journal, point_in_time
from mlcontrol.core.audit import AuditRow, ChainVerdict, canonical
from mlcontrol.core.audit_export import Checkpoint
from mlcontrol.core.point_in_time import Standing
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.services.checkpoints import Checkpoints
from mlcontrol.services.context import AuditGrew, ServiceContext


class AuditQueries:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext, checkpoints: Checkpoints) -> None:
        self._ctx = ctx
        self._checkpoints = checkpoints

    def rows(self, before: int | None, limit: int) -> tuple[tuple[AuditRow, ...], int]:
        """Newest first, and how many there are in all."""
        audit = self._ctx.store.audit
        return audit.rows(before, max(1, min(limit, 5000))), audit.count()

    def verify(self) -> ChainVerdict:
        """Walk the whole chain; the verdict is told to every shell, a broken chain also to the timeline."""
        verdict = self._checkpoints.judged(self._ctx.store.audit.verify())
        now_s = self._ctx.clock.utc_s()
        self._ctx.emit(AuditGrew(verdict.rows, verdict.ok, now_s))
        if not verdict.ok:
            self._ctx.emit(
                TimelineEvent(
                    id=f"audit-broken-{verdict.first_bad}",
                    at_s=now_s,
                    kind=EventKind.ALERT,
                    title="The audit log could not be verified"
                    if verdict.first_bad is None
                    else f"The audit chain is broken at row {verdict.first_bad}",
                    detail=verdict.why,
                    source="engine",
                    severity=Health.CRITICAL,
                )
            )
        return verdict

    def standing(self, service: str, at_s: float) -> Standing:
        """What served at ``at_s``, and who decided it. Raises `ProblemError` for a service that nothing is known of."""
        store = self._ctx.store
        names = store.audit.operations_of(service)
        operations = [found for name in names if (found := journal.fold(store.audit.of_operation(name))) is not None]
        events = store.timeline.query(service, 0.0, None, (EventKind.ROUTE,), "", 5000)
        if not names and not events and service not in self._ctx.settings.services:
            raise ProblemError(Problem(f"There is no service {service!r}.", code="not-found"))
        return point_in_time.at(service, at_s, operations, events)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Every signed checkpoint, the newest row's among them if it can be signed now."""
        self._checkpoints.sign()
        return self._ctx.store.audit.checkpoints()

    def evidence(self, name: str) -> str | None:
        """The canonical JSON that a row's digest names; `None` when it is not here or was changed."""
        found = self._ctx.store.audit.evidence(name)
        return None if found is None else canonical(found)

    def announce(self) -> None:
        """Tell how many rows there are; signing begins. Whether they hold is not known until the chain was walked once."""
        self._begin_head()
        self._checkpoints.start(self.verify)
        self._ctx.emit(AuditGrew(self._ctx.store.audit.count()))

    def _begin_head(self) -> None:
        """Rows without a head outside the store: from here on there is one, and the log itself says since when."""
        audit = self._ctx.store.audit
        if self._ctx.view_only or not audit.head_missing():
            return
        rows = audit.count()
        try:
            row = audit.append("panel", "audit.head-begun", {"rows": rows})
        except ProblemError:
            return  # what the store suffers from is said by all that needs it; the chain stays unverified
        self._ctx.emit(
            TimelineEvent(
                id=f"audit-head-{row.seq}",
                at_s=row.at_s,
                kind=EventKind.ALERT,
                title="Nothing outside the store said how far the audit log had come",
                detail=f"It has {rows} rows. Whether there had been more is not known: the head that is kept outside was removed, "
                "or the store was never used from here. One is kept from now on.",
                source="engine",
                severity=Health.UNKNOWN,
            )
        )

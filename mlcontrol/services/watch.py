"""The watch: plans every way back before it is needed, holds due drills, tells what other engines do and that clocks differ."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mlcontrol.core import journal
from mlcontrol.core.compatibility.report import Direction, Verdict
from mlcontrol.core.drill import DrillMode, is_due
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.wayback import ReturnCheck
from mlcontrol.services.clocks import Clocks
from mlcontrol.services.context import ChecksService, ServiceContext
from mlcontrol.services.drills import DrillRoom
from mlcontrol.services.planning import make_plan

LOOK_EVERY_S = 1.0
PLAN_EVERY_S = 300.0
DRILLS_EVERY_S = 60.0
ACTOR = "engine"

Report = Callable[[BaseException, str], object]


class Watch:
    """``heed``: looks at what other engines of the store silenced. *Thread:* its own, started by `start`; the methods may be called
    from any."""

    def __init__(
        self, ctx: ServiceContext, checks: ChecksService, drills: DrillRoom, report: Report, heed: Callable[[], None]
    ) -> None:
        self._ctx = ctx
        self._checks = checks
        self._drills = drills
        self._report = report
        self._heed = heed
        self._clocks = Clocks(ctx)
        self._ending = threading.Event()
        self._planned: dict[str, tuple[str | None, str | None, float]] = {}  # by service: current, target, when
        self._seen: int | None = None  # the newest audit row looked at
        self._drilled_at = 0.0
        self._thread = threading.Thread(target=self._work, name="watch")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._ending.wait(LOOK_EVERY_S):
            for look in (self._clocks.look, self.neighbours, self._heed, self.ways_back, self.due_drills):
                try:
                    look()
                except ProblemError:
                    continue  # the store or a connection is away: said elsewhere; looked at again
                except Exception as error:  # noqa: BLE001 - the watch goes on
                    self._report(error, "the watch")

    def neighbours(self) -> None:
        """Operations of other engines on this store, told within `LOOK_EVERY_S` of their journal."""
        audit = self._ctx.store.audit
        if self._seen is None:
            self._seen = max((row.seq for row in audit.rows(None, 1)), default=0)
            return
        if all(row.seq <= self._seen for row in audit.rows(None, 1)):
            return
        fresh = [row for row in audit.rows(None, 200) if row.seq > self._seen]
        self._seen = max(row.seq for row in fresh)
        told = self._ctx.state().operations
        for operation_id in dict.fromkeys(row.operation for row in reversed(fresh) if row.operation):
            operation = journal.fold(audit.of_operation(operation_id))
            known = told.get(operation_id)
            if operation is not None and (known is None or known.seq < operation.seq):
                self._ctx.emit(operation)

    def ways_back(self) -> None:
        """Plan the return of each service whose versions changed, and of all now and then."""
        for service in list(self._ctx.settings.services.values()):
            if self._ending.is_set():
                return
            state = self._ctx.state().services.get(service.id)
            if state is None or state.operation is not None or not service.registry:
                continue
            now = self._ctx.clock.mono_s()
            key = (state.used.single or state.intended.single, state.way_back.target)
            last = self._planned.get(service.id)
            if key == (None, None) or (last is not None and last[:2] == key and now - last[2] < PLAN_EVERY_S):
                continue
            self._planned[service.id] = (*key, now)
            self.plan_return(service.id)

    def plan_return(self, service: str) -> ReturnCheck | None:
        """Plan what `R` would do, and remember what it found. `None` when there is nowhere to go."""
        try:
            plan = make_plan(self._ctx, self._checks, OperationKind.ROLLBACK, service, None, True)
        except ProblemError as refused:
            if refused.problem.code == "not-found":
                return None
            raise
        if plan.from_version is None:
            return None
        check = ReturnCheck(
            plan.from_version,
            plan.to_version,
            " ".join(plan.blocked_by),
            is_one_way(plan),
            next((words for words in plan.warnings if "would come first" in words), ""),
            self._ctx.clock.utc_s(),
        )
        self._ctx.store.drills.put_return(service, check)
        return check

    def due_drills(self) -> None:
        now = self._ctx.clock.mono_s()
        if now - self._drilled_at < DRILLS_EVERY_S or self._ctx.view_only:
            return
        self._drilled_at = now
        for service in list(self._ctx.settings.services.values()):
            if not self._ending.is_set() and self._is_due(service):
                self._hold_drill(service)

    def _is_due(self, service: ServiceSettings) -> bool:
        newest = self._ctx.store.drills.of(service.id, 1)
        try:
            return is_due(service.drill, newest[0].at_s if newest else None, self._ctx.clock.utc_s())
        except ValueError as error:
            problem = Problem(
                f"[services.{service.id}.drill] cannot be read.", str(error), "Correct the workspace file."
            )
            self._report(ProblemError(problem), "scheduled drills")
            return False

    def _hold_drill(self, service: ServiceSettings) -> None:
        try:
            mode = DrillMode(service.drill.get("mode", DrillMode.SHADOW.value))
            quiet = float(service.drill.get("quiet_per_s", "1"))
            self._drills.run(service.id, mode, ACTOR, "scheduled", quiet)
        except ProblemError:
            return  # busy, or no quiet hour: it stays due
        except ValueError as error:
            self._report(error, "scheduled drills")


def is_one_way(plan: Plan) -> bool:
    """Whether what forbids the return is that callers and consumers have moved on (input and output rules), and nothing else."""
    if plan.report is None or not plan.blocked_by:
        return False
    blocks = [f for f in plan.report.findings if f.direction is Direction.ROLLBACK and f.verdict is Verdict.BLOCK]
    return bool(blocks) and all(f.rule[0] in "IO" for f in blocks) and len(plan.blocked_by) == len(blocks)

"""Bisect: two close suspects are told apart by sending a small share of the traffic back to the version before.

It is an operation like any other: planned, journaled, leased, read back; `core.rollout` says its steps, the judge compares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlcontrol.core.bisect import COMPARED_BY, Found, bisect_strategy
from mlcontrol.core.incidents.brief import Bisect, Brief, SuspectLine
from mlcontrol.core.incidents.close_suspects import close_suspects
from mlcontrol.core.incidents.incident import Incident, IncidentPhase
from mlcontrol.core.judge.policy import ERRORS
from mlcontrol.core.operation import Operation, OperationKind
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import ServiceState
from mlcontrol.services.context import RolloutsService, ServiceContext
from mlcontrol.services.live import service_settings

POSSIBLE, RUNNING = "possible", "running"


class Bisecting:
    """*Thread:* any. ``brief``: of an incident, or of a service on which none is declared."""

    def __init__(self, ctx: ServiceContext, rollouts: RolloutsService, brief: Callable[[str, str], Brief]) -> None:
        self._ctx = ctx
        self._rollouts = rollouts
        self._brief = brief

    def plan(self, incident: str, service: str = "") -> Plan:
        """The plan of the bisect that the brief offers; executed like any other, by its hash. Raises `ProblemError` (code
        "refused") where there is nothing to tell apart, or versions cannot be compared on what broke."""
        brief = self._brief(incident, service)
        offered = brief.bisect
        if offered is None or offered.state in (RUNNING, Found.NAMED, Found.CLEARED):
            raise ProblemError(_nothing_to_do(offered))
        signal = brief.onset.signal if brief.onset is not None else ""
        strategy = bisect_strategy(signal)
        found = brief.incident.service
        if COMPARED_BY.get(signal, ERRORS) != ERRORS and not service_settings(self._ctx, found).predictions:
            raise ProblemError(
                Problem(
                    "Versions cannot be compared here on what broke.",
                    f"What broke is: {signal}. Only a prediction log tells it by version, and this service has none.",
                    "Add a prediction log to the service, or roll back.",
                    code="refused",
                )
            )
        plan = self._rollouts.make_plan(OperationKind.BISECT, found, offered.before, True, strategy=strategy)
        if plan.from_version != offered.suspected:
            raise ProblemError(
                Problem(
                    f"v{offered.suspected} does not have the traffic now.",
                    f"It goes to {'no single version' if plan.from_version is None else 'v' + plan.from_version}.",
                    "Look again in a moment.",
                    code="conflict",
                )
            )
        return plan


def _nothing_to_do(offered: Bisect | None) -> Problem:
    if offered is None:
        what, why = (
            "There is nothing to bisect.",
            "It takes two suspects of about the same odds, one of them a change of the version that answers now.",
        )
    elif offered.state == RUNNING:
        what, why = "A bisect is running.", ""
    else:
        what, why = "The bisect has decided.", offered.words
    return Problem(what, why, "Look at the suspects, or roll back: the way back waits for no verdict.", "refused")


def newest_bisect(ctx: ServiceContext, incident: Incident, since_s: float) -> Operation | None:
    """The newest of this service since then."""
    ran = [
        one
        for one in ctx.state().operations.values()
        if one.kind is OperationKind.BISECT and one.service == incident.service and one.started_s >= since_s
    ]
    return max(ran, key=lambda one: one.started_s, default=None)


def bisect_of(
    incident: Incident,
    suspects: Sequence[SuspectLine],
    separable: bool,
    service: ServiceState | None,
    tried: Operation | None,
) -> Bisect | None:
    """The bisect that was ``tried`` last, else the one that could be; `None` where nothing burns or one suspect stands out."""
    current = None if service is None else service.used.single or service.intended.single
    burns = incident.phase in (IncidentPhase.DETECTED, IncidentPhase.DECLARED)
    close = close_suspects(suspects, separable, current) if burns else None
    if tried is not None and (tried.found or not tried.phase.ended or close is None):
        state = RUNNING if not tried.phase.ended else tried.found or tried.phase.value
        words = tried.summary if tried.problem is None else f"{tried.summary} {tried.problem.what}"
        return Bisect(state, tried.from_version or "", tried.to_version, "", tried.id, words)
    if close is None or close.version.version_to is None or close.version.version_from is None:
        return None
    words = "" if tried is None else f"The last one did not decide: {tried.summary}"
    return Bisect(POSSIBLE, close.version.version_to, close.version.version_from, close.other.title, "", words)
